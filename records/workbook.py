"""Tables as XLSX: typed cells, Vietnamese headings, no formula whatever a text begins with."""

import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from records.csv_text import Cell
from records.texts import TEXTS

if TYPE_CHECKING:
    from xlsxwriter.workbook import Format
    from xlsxwriter.worksheet import Worksheet

WIDTH_CHARS_MIN = 8
WIDTH_CHARS_MAX = 40
DAY_FORMAT = "dd/mm/yyyy"
SHEET_CHARS_MAX = 31
"""A sheet's name has at most 31 characters (ECMA-376 part 1, 18.2.19 as Excel reads it)."""


def write_workbook(title: str, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """Return a workbook of one sheet named `title`.

    `columns` are the names of the CSV's columns; their headings are the texts `column.<name>`. A
    day (ISO 8601) in the column `day` becomes a date, None an empty cell.
    """
    # Carried only by whoever asks for a workbook: the daemon never loads it.
    import xlsxwriter  # noqa: PLC0415

    content = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(content, options) as workbook:
        sheet = workbook.add_worksheet(title[:SHEET_CHARS_MAX])
        bold = workbook.add_format({"bold": True, "text_wrap": True, "valign": "top"})
        day_format = workbook.add_format({"num_format": DAY_FORMAT})
        widths = [WIDTH_CHARS_MIN] * len(columns)
        for number, name in enumerate(columns):
            heading = TEXTS[f"column.{name}"].vi
            sheet.write_string(0, number, heading, bold)
            widths[number] = max(widths[number], len(heading) // 2 + 2)
        for line, row in enumerate(rows, 1):
            for number, value in enumerate(row):
                _write(sheet, (line, number), columns[number], value, day_format)
                widths[number] = max(widths[number], len(str(value)) + 2)
        for number, width in enumerate(widths):
            sheet.set_column(number, number, min(width, WIDTH_CHARS_MAX))
        sheet.freeze_panes(1, 0)
    return content.getvalue()


def _write(
    sheet: "Worksheet", place: tuple[int, int], column: str, value: Cell, day_format: "Format"
) -> None:
    match value:
        case None:
            return
        case bool():
            sheet.write_boolean(*place, value)
        case int() | float():
            sheet.write_number(*place, value)
        case str() if column == "day":
            sheet.write_datetime(*place, datetime.fromisoformat(value), day_format)
        case _:
            sheet.write_string(*place, value)
