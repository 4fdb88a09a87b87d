"""Read a TOML settings file into typed values, naming every mistake at once.

Pure: text in, values out. The shape is a tree of msgspec Structs; a key the Struct does not have,
a value of another type and a key that is missing are all collected, each with its path, its line
in the file and what to do about it, so that a technician repairs a file in one go.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar, get_args, get_origin

import msgspec
from msgspec import Struct

from wire.texts import Text

T = TypeVar("T", bound=Struct)
Path = tuple[str | int, ...]

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


def read(source: str, kind: type[T], *, remedies: Mapping[str, Text] | None = None) -> T:
    """Return the settings in `source` as `kind`.

    `remedies` maps a dotted path (without array numbers) to what to write there. Raises
    SettingsRefused with all mistakes.
    """
    try:
        data = tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        raise SettingsRefused((_not_toml(source, error),)) from error
    lines = _lines(source)
    problems = [
        SettingProblem(
            path=_dotted(path),
            line=_line(lines, path),
            message=message,
            remedy=(remedies or {}).get(_dotted(p for p in path if isinstance(p, str)), remedy),
        )
        for path, message, remedy in _mistakes(data, kind, ())
    ]
    if problems:
        raise SettingsRefused(tuple(sorted(problems, key=lambda p: (p.line, p.path))))
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:  # a rule over several keys (__post_init__)
        text = Text(vi=str(error), en=str(error))
        raise SettingsRefused((SettingProblem("", 1, text, text),)) from error


def _mistakes(data: object, kind: Any, path: Path) -> Iterator[tuple[Path, Text, Text]]:
    """Walk value and type together; yield (path, what is wrong, what to do)."""
    table = _table(kind)
    if isinstance(data, dict) and table is not None:
        yield from _table_mistakes(data, table, path)
        return
    element = _element(kind)
    if isinstance(data, list) and element is not None:
        for number, item in enumerate(data):
            yield from _mistakes(item, element, (*path, number))
        return
    try:
        msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        reason = str(error)
        yield (
            path,
            Text(
                vi=f"Giá trị không dùng được: {reason}", en=f"This value cannot be used: {reason}"
            ),
            Text(vi="Sửa giá trị rồi chạy lại", en="Correct the value and run again"),
        )


def _table_mistakes(
    data: Mapping[str, object], kind: type[Struct], path: Path
) -> Iterator[tuple[Path, Text, Text]]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for name in data.keys() - fields.keys():
        known = ", ".join(sorted(fields))
        yield (
            (*path, name),
            Text(vi="Không có mục cấu hình này", en="There is no such setting"),
            Text(
                vi=f"Xóa dòng này hoặc dùng một trong: {known}",
                en=f"Remove it, or use one of: {known}",
            ),
        )
    for name, field in fields.items():
        if name in data:
            yield from _mistakes(data[name], field.type, (*path, name))
        elif field.required:
            yield (
                (*path, name),
                Text(vi="Thiếu mục cấu hình này", en="This setting is missing"),
                Text(vi=f"Thêm dòng: {name} = …", en=f"Add a line: {name} = …"),
            )


def _table(kind: Any) -> type[Struct] | None:
    """Return the Struct a type is, alone or beside None."""
    for each in get_args(kind) or (kind,):
        if isinstance(each, type) and issubclass(each, Struct):
            return each
    return None


def _element(kind: Any) -> Any | None:
    """Return the element type of `list[X]` or `tuple[X, ...]`, None for anything else."""
    arguments = get_args(kind)
    return arguments[0] if get_origin(kind) in (list, tuple) and arguments else None


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


def _dotted(path: Any) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _not_toml(source: str, error: tomllib.TOMLDecodeError) -> SettingProblem:
    place = re.search(r"line (\d+)", str(error))
    line = int(place[1]) if place else max(1, source.count("\n"))
    return SettingProblem(
        path="",
        line=line,
        message=Text(vi=f"Không phải TOML: {error}", en=f"This is not TOML: {error}"),
        remedy=Text(vi="Sửa cú pháp của dòng này", en="Correct the syntax of this line"),
    )
