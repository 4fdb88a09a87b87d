"""A list of offices as a CSV file: all that is wrong with it at once, or its rows."""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Final, NamedTuple

from wire.texts import Text, load

COLUMNS: Final = ("code", "name", "ward_code", "valid_from")
NEEDED: Final = ("code", "name")
NAME_CHARS_MAX: Final = 200
WARD_CODE: Final = re.compile(r"[0-9]{5}")
"""Five digits: the list of administrative units (QĐ 19/2025/QĐ-TTg)."""
_TEXTS: Final = load("provisioning")


class OfficeRow(NamedTuple):
    """One office to be added; `ward_code` and `valid_from` are None where the cell is empty."""

    line: int
    code: str
    name: str
    ward_code: str | None
    valid_from: date | None


class RowError(NamedTuple):
    """One thing that is wrong: the line, the column (empty: the whole line), and what it is."""

    line: int
    column: str
    message: Text


class ListWrong(ValueError):  # noqa: N818 - a judgement on a file
    """The list cannot be used; `errors` holds everything that is wrong, by line."""

    def __init__(self, errors: tuple[RowError, ...]) -> None:
        self.errors = errors
        super().__init__("; ".join(f"{e.line}: {e.column}: {e.message.en}" for e in errors))


def read(data: bytes, province_code: str | None) -> tuple[OfficeRow, ...]:
    """Return the rows of a CSV file; `province_code` is what office codes must begin with.

    UTF-8, with or without byte order mark; the header is `code,name,ward_code,valid_from`, the
    last two columns may be missing. Raises ListWrong.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ListWrong((RowError(line, "", _TEXTS["office-list.not-utf8"]),)) from None
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    found: list[OfficeRow] = []
    errors: list[RowError] = []
    first: dict[str, int] = {}
    try:
        errors += _header(tuple(rows.fieldnames or ()))
        for cells in () if errors else rows:
            wrong = (
                *_mistakes(rows.line_num, cells, province_code),
                *_repeated(rows.line_num, cells, first),
            )
            errors += wrong
            if not wrong:
                found.append(_row(rows.line_num, cells))
    except csv.Error:
        errors.append(RowError(rows.reader.line_num, "", _TEXTS["office-list.not-csv"]))
    if not errors and not found:
        errors.append(RowError(1, "", _TEXTS["office-list.empty"]))
    if errors:
        raise ListWrong(tuple(sorted(errors, key=lambda error: (error.line, error.column))))
    return tuple(found)


def _header(names: tuple[str, ...]) -> Iterator[RowError]:
    for name in names:
        if name not in COLUMNS or names.count(name) > 1:
            text = _TEXTS["office-list.column-unknown"].format(known=", ".join(COLUMNS))
            yield RowError(1, name, text)
    for name in NEEDED:
        if name not in names:
            yield RowError(1, name, _TEXTS["office-list.column-missing"])


def _mistakes(
    line: int, cells: Mapping[str | None, str | None], province_code: str | None
) -> Iterator[RowError]:
    if None in cells or None in cells.values():
        yield RowError(line, "", _TEXTS["office-list.cells"])
        return
    code, name = _cell(cells, "code"), _cell(cells, "name")
    begins = province_code or r"H[0-9]{2}"
    if re.fullmatch(rf"{begins}(\.[0-9A-Z]+)+", code) is None or len(code) > 35:
        text = _TEXTS["office-list.code"].format(example=f"{province_code or 'H26'}.107")
        yield RowError(line, "code", text)
    if not 0 < len(name) <= NAME_CHARS_MAX:
        yield RowError(line, "name", _TEXTS["office-list.name"])
    ward_code = _cell(cells, "ward_code")
    if ward_code and WARD_CODE.fullmatch(ward_code) is None:
        yield RowError(line, "ward_code", _TEXTS["office-list.ward-code"])
    valid_from = _cell(cells, "valid_from")
    if valid_from and _date(valid_from) is None:
        yield RowError(line, "valid_from", _TEXTS["office-list.valid-from"])


def _row(line: int, cells: Mapping[str | None, str | None]) -> OfficeRow:
    return OfficeRow(
        line=line,
        code=_cell(cells, "code"),
        name=_cell(cells, "name"),
        ward_code=_cell(cells, "ward_code") or None,
        valid_from=_date(_cell(cells, "valid_from")),
    )


def _repeated(
    line: int, cells: Mapping[str | None, str | None], first: dict[str, int]
) -> Iterator[RowError]:
    """Tell a code that stood before; `first` remembers the line of each."""
    code = _cell(cells, "code")
    at = first.setdefault(code, line)
    if code and at != line:
        yield RowError(line, "code", _TEXTS["office-list.repeated"].format(code=code, line=at))


def _cell(cells: Mapping[str | None, str | None], name: str) -> str:
    return (cells.get(name) or "").strip()


def _date(text: str) -> date | None:
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII) is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
