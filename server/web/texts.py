"""The words of the pages: language of a reader, times, counts and spans as offices write them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from litestar.connection import ASGIConnection

from records.moment import local
from server.standing import age
from wire.texts import Lang, Text, accept_language, load

LANGUAGE_COOKIE: Final = "lang"
STEP_BYTES: Final = 1000
POINTS: Final = str.maketrans(",.", ".,")
TEXTS: Final[Mapping[str, Text]] = load("server.web")


def lang_of(connection: ASGIConnection) -> Lang:  # type: ignore[type-arg]
    """Return the language of a reader: their choice (cookie), else Accept-Language."""
    chosen = connection.cookies.get(LANGUAGE_COOKIE)
    if chosen in {"vi", "en"}:
        return cast("Lang", chosen)
    return accept_language(connection.headers.get("accept-language"))


def written_time(at_ms: int | None) -> str:
    """Write a moment as `21/11/2026 08:31`; nothing for None."""
    return "" if at_ms is None else local(at_ms).strftime("%d/%m/%Y %H:%M")


def written_count(count: int, lang: Lang) -> str:
    """Write a count with the language's own mark between thousands."""
    return f"{count:,}".replace(",", ".") if lang == "vi" else f"{count:,}"


def written_bytes(count: int, lang: Lang) -> str:
    """Write a number of bytes in its largest sensible unit: `812 kB`, `1,3 MB`."""
    if count < STEP_BYTES**2:
        return f"{written_count(-(-count // STEP_BYTES), lang)} kB"
    text = f"{count / STEP_BYTES**2:,.1f}"
    return f"{text.translate(POINTS) if lang == 'vi' else text} MB"


def written_day(day: str) -> str:
    """Write `2026-11-21` as `21/11/2026`; what is no day stays as it is."""
    parts = day.split("-")
    return "/".join(reversed(parts)) if [len(part) for part in parts] == [4, 2, 2] else day


def written_age(seconds: int, lang: Lang) -> str:
    """Write a span of time in its largest sensible unit: `3 giờ`, `2 days`."""
    return age(seconds).pick(lang)
