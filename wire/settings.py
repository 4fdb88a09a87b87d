"""Read a TOML settings file into typed values, naming every mistake at once.

Pure: text in, values out. The shape is a tree of msgspec Structs; a key the Struct does not have,
a value of another type or beyond its bounds, a key that is missing and what the program itself
checks are all collected, each with its path, its line in the file and what to do about it, so
that a technician repairs a file in one go.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeVar

import msgspec
from msgspec import Struct, inspect

from wire.texts import Text, load

T = TypeVar("T", bound=Struct)
Path = tuple[str | int, ...]


class Fault(NamedTuple):
    """What is wrong with a value, and how to repair it."""

    message: Text
    remedy: Text


Check = Callable[[Any], Fault | None]
"""Judges a value of the right type; None when it will do."""

TEXTS: Final = load("wire", "settings.toml")

_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(
    r"^\s*((?:[A-Za-z0-9_-]+|\"[^\"]*\")(?:\s*\.\s*(?:[A-Za-z0-9_-]+|\"[^\"]*\"))*)\s*="
)


class SettingProblem(Struct, frozen=True):
    """One mistake: where it stands, what is wrong, how to repair it. `line` counts from 1."""

    path: str
    line: int
    message: Text
    remedy: Text


class SettingsRefused(Exception):  # noqa: N818 - a judgement on a file, like Refusal
    """The file cannot be used; `problems` holds every mistake in the order of the lines."""

    def __init__(self, problems: tuple[SettingProblem, ...]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{p.line}: {p.path}: {p.message.en}" for p in problems))


Mistake = tuple[Path, Fault]


def read(
    source: str,
    kind: type[T],
    *,
    checks: Mapping[str, Check] | None = None,
    between: Callable[[Mapping[str, Any]], Iterable[Mistake]] | None = None,
) -> T:
    """Return the settings in `source` as `kind`.

    `checks` tells by dotted path, without array numbers, what else must hold of a value; `between`
    is given the file as it was parsed, before any type is sure, and says which settings do not go
    together. Raises SettingsRefused with all mistakes.
    """
    try:
        data = tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        raise SettingsRefused((_not_toml(source, error),)) from error
    found = list(_mistakes(data, inspect.type_info(kind), (), checks or {}))
    if between is not None:
        found += between(data)
    lines = _lines(source)
    problems = [
        SettingProblem(_dotted(path), _line(lines, path), fault.message, fault.remedy)
        for path, fault in found
    ]
    if problems:
        raise SettingsRefused(tuple(sorted(problems, key=lambda problem: problem.line)))
    return msgspec.convert(data, kind)


def _mistakes(
    value: object, kind: inspect.Type, path: Path, checks: Mapping[str, Check]
) -> Iterator[Mistake]:
    """Walk value and type together."""
    match kind:
        case inspect.UnionType():
            some = next(each for each in kind.types if not isinstance(each, inspect.NoneType))
            yield from _mistakes(value, some, path, checks)
        case inspect.StructType():
            if isinstance(value, dict):
                yield from _table_mistakes(value, kind, path, checks)
            else:
                yield _wrong(path, "table")
        case inspect.VarTupleType(item_type=inspect.StructType() as element):
            if isinstance(value, list):
                for number, item in enumerate(value):
                    yield from _mistakes(item, element, (*path, number), checks)
            else:
                yield _wrong(path, "tables")
        case _:
            mistake = _leaf_mistake(value, kind, path)
            check = checks.get(_name(path))
            if mistake is not None:
                yield mistake
            elif check is not None and (fault := check(value)) is not None:
                yield path, fault


def _table_mistakes(
    data: Mapping[str, object],
    kind: inspect.StructType,
    path: Path,
    checks: Mapping[str, Check],
) -> Iterator[Mistake]:
    fields = {field.encode_name: field for field in kind.fields}
    for name in data:
        if name not in fields:
            yield _wrong((*path, name), "unknown", known=", ".join(fields))
    for name, field in fields.items():
        if name in data:
            yield from _mistakes(data[name], field.type, (*path, name), checks)
        elif field.required:
            is_table = isinstance(field.type, inspect.StructType)
            yield _wrong((*path, name), "missing-table" if is_table else "missing")


def _leaf_mistake(value: object, kind: inspect.Type, path: Path) -> Mistake | None:
    match kind:
        case inspect.StrType():
            if not isinstance(value, str):
                return _wrong(path, "text")
            return _wrong(path, "blank") if kind.min_length and not value.strip() else None
        case inspect.IntType():
            if not isinstance(value, int) or isinstance(value, bool):
                return _wrong(path, "whole")
            return _bounds_mistake(value, kind, path)
        case inspect.LiteralType():
            if value in kind.values:
                return None
            return _wrong(path, "choice", value=value, choices=", ".join(map(str, kind.values)))
        case _:
            raise TypeError(f"no settings of type {kind} are known")


def _bounds_mistake(value: int, kind: inspect.IntType, path: Path) -> Mistake | None:
    if kind.le is None:
        good = kind.ge is None or value >= kind.ge
        return None if good else _wrong(path, "least", low=kind.ge)
    low = kind.ge or 0
    return None if low <= value <= kind.le else _wrong(path, "range", low=low, high=kind.le)


def _wrong(path: Path, rule: str, **words: object) -> Mistake:
    words["key"] = next((part for part in reversed(path) if isinstance(part, str)), "")
    message, remedy = TEXTS[f"wrong.{rule}"], TEXTS[f"remedy.{rule}"]
    return path, Fault(message.format(**words), remedy.format(**words))


def _name(path: Path) -> str:
    """Return the dotted name of a setting, without the numbers of arrays."""
    return ".".join(part for part in path if isinstance(part, str))


def _lines(source: str) -> dict[Path, int]:
    """Return the line on which each key and table of a valid TOML text begins."""
    found: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    for number, text in enumerate(source.splitlines(), start=1):
        if header := _HEADER.match(text):
            table = _names(header[2])
            if header[1] == "[[":
                index = counts.get(table, -1) + 1
                counts[table] = index
                table = (*table, index)
            found.setdefault(table, number)
        elif key := _KEY.match(text):
            path = table + _names(key[1])
            for end in range(len(table) + 1, len(path) + 1):
                found.setdefault(path[:end], number)
    return found


def _names(dotted: str) -> Path:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))


def _line(lines: Mapping[Path, int], path: Path) -> int:
    """Return the line of `path`, or of the nearest table around it."""
    for end in range(len(path), 0, -1):
        if path[:end] in lines:
            return lines[path[:end]]
    return 1


def _dotted(path: Path) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _not_toml(source: str, error: tomllib.TOMLDecodeError) -> SettingProblem:
    place = re.search(r"line (\d+)", str(error))
    line = int(place[1]) if place else max(1, source.count("\n"))
    message = TEXTS["wrong.not-toml"].format(reason=error)
    return SettingProblem(path="", line=line, message=message, remedy=TEXTS["remedy.not-toml"])
