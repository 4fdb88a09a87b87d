"""The texts of the pages, the language of a request, and how times and sums are written."""

import datetime as dt
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Final, cast

from litestar.types import Scope

from wire.texts import Lang, Text, accept_language, load

LANGUAGE_COOKIE: Final = "lang"
OFFICE_ZONE: Final = dt.timezone(dt.timedelta(hours=7), "+07:00")

TEXTS: Final[Mapping[str, Text]] = load("agent.web")


def lang_of(scope: Scope) -> Lang:
    """Return the language of a request: the reader's choice (cookie), else Accept-Language."""
    header = None
    for name, value in scope["headers"]:
        if name == b"accept-language":
            header = value.decode("latin-1")
        elif name == b"cookie" and (chosen := cookie_of(value, LANGUAGE_COOKIE)) in {"vi", "en"}:
            return cast("Lang", chosen)
    return accept_language(header)


def cookie_of(header: bytes, name: str) -> str | None:
    """Return one cookie of a Cookie header, or None."""
    try:
        morsel = SimpleCookie(header.decode("latin-1")).get(name)
    except CookieError:
        return None
    return None if morsel is None else morsel.value


def written_time(value: str | None) -> str:
    """Write an RFC 3339 time as an office reads it: `21/11/2026 08:31`; nothing for None."""
    return "" if value is None else _office(value).strftime("%d/%m/%Y %H:%M")


def written_clock(value: str | None) -> str:
    """Write only hour and minute: `08:31`."""
    return "" if value is None else _office(value).strftime("%H:%M")


def written_day(value: str | None) -> str:
    """Write only the day: `21/11/2026`."""
    return "" if value is None else _office(value).strftime("%d/%m/%Y")


def written_count(count: int, lang: Lang) -> str:
    """Write a count with the language's own mark between thousands."""
    return f"{count:,}".replace(",", ".") if lang == "vi" else f"{count:,}"


def written_age(seconds: int, lang: Lang) -> str:
    """Write an age in its largest sensible unit: `3 giờ`, `2 days`."""
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            count = seconds // length
            form = "one" if count == 1 else "many"
            return TEXTS[f"age.{unit}.{form}"].format(count=count).pick(lang)
    return TEXTS["age.now"].pick(lang)


def _office(value: str) -> dt.datetime:
    moment = dt.datetime.fromisoformat(value)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=OFFICE_ZONE)
    return moment.astimezone(OFFICE_ZONE)
