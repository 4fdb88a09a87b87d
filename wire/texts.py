"""Texts that people read: Vietnamese first, English beside it, kept in TOML files of the packages.

A message file holds tables; a table with `vi` and `en` is one text, its key the dotted path:

    [line.offline]
    vi = "Mất đường truyền"
    en = "The line is down"
"""

import tomllib
from collections.abc import Iterator, Mapping
from importlib import resources
from types import MappingProxyType
from typing import Any, Literal

from msgspec import Struct

Lang = Literal["vi", "en"]


class Text(Struct, frozen=True):
    """One text in both languages."""

    vi: str
    en: str

    def pick(self, lang: Lang) -> str:
        """Return the text in `lang`."""
        return self.vi if lang == "vi" else self.en

    def format(self, **values: object) -> "Text":
        """Return the text with its `{names}` filled in, in both languages.

        A value that is itself a Text is filled in language by language.

        Raises:
            KeyError: a name of the text is missing in `values`.
        """
        return Text(
            self.vi.format(**{name: _in(value, "vi") for name, value in values.items()}),
            self.en.format(**{name: _in(value, "en") for name, value in values.items()}),
        )


def _in(value: object, lang: Lang) -> object:
    return value.pick(lang) if isinstance(value, Text) else value


def load(package: str, file: str = "messages.toml") -> Mapping[str, Text]:
    """Read the texts of `package` from its data file `file`, keyed by dotted path.

    Raises:
        ValueError: a text lacks a language or holds something else than text; the key is named.
        FileNotFoundError: the package has no such file.
    """
    source = resources.files(package).joinpath(file).read_text("utf-8")
    tables = tomllib.loads(source)
    return MappingProxyType(dict(_texts(tables, "")))


def read_text(table: object, key: str) -> Text:
    """Return the Text a TOML table `{vi, en}` holds.

    Raises:
        ValueError: a language is missing, empty or no text, or a member is unknown; `key` is named.
    """
    if not isinstance(table, dict):
        raise ValueError(f"{key}: a table with vi and en was expected")
    for lang in ("vi", "en"):
        if not isinstance(table.get(lang), str) or not table[lang]:
            raise ValueError(f"{key}: {lang} is missing")
    if unknown := table.keys() - {"vi", "en"}:
        raise ValueError(f"{key}: {', '.join(sorted(unknown))} is not known here")
    return Text(table["vi"], table["en"])


def _texts(table: Mapping[str, Any], path: str) -> Iterator[tuple[str, Text]]:
    for name, value in table.items():
        key = f"{path}.{name}" if path else name
        if isinstance(value, dict) and not value.keys() & {"vi", "en"}:
            yield from _texts(value, key)
        else:
            yield key, read_text(value, key)


def accept_language(header: str | None) -> Lang:
    """Return the language a reader asked for with Accept-Language (RFC 9110 section 12.5.4).

    Vietnamese unless English is ranked strictly higher; ranges that cannot be read count nothing.
    """
    wanted: dict[str, float] = {}
    for part in (header or "").split(","):
        language, _, weight = part.partition(";")
        primary = language.strip().partition("-")[0].lower()
        wanted[primary] = max(wanted.get(primary, 0.0), _weight(weight))
    any_language = wanted.get("*", 0.0)
    english = wanted.get("en", any_language)
    return "en" if english > wanted.get("vi", any_language) else "vi"


def _weight(parameter: str) -> float:
    """Return the q value of one range: 1 when none is given, 0 when it cannot be read."""
    name, _, value = parameter.strip().partition("=")
    if not name:
        return 1.0
    try:
        weight = float(value) if name.strip().lower() == "q" else 0.0
    except ValueError:
        return 0.0
    return weight if 0.0 <= weight <= 1.0 else 0.0
