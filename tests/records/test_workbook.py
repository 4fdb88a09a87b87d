"""Workbooks that open right and run nothing."""

import io
from datetime import datetime

from openpyxl import load_workbook

from records.statistics import COLUMNS
from records.texts import TEXTS
from records.visit_statistics import COLUMNS as VISIT_COLUMNS
from records.workbook import write_workbook


def test_cells_keep_their_kind_and_headings_are_vietnamese() -> None:
    columns = ("office", "day", "peak", "suspected", "cap")
    row = ("H26.107", "2026-11-20", 36.5, False, None)
    sheet = load_workbook(io.BytesIO(write_workbook("Lượt khách", columns, [row])))["Lượt khách"]
    headings, values = sheet.iter_rows(values_only=True)
    assert headings == ("Đơn vị", "Ngày", "Đông nhất cùng lúc", "Nghi ngờ", "Giới hạn")
    assert values == ("H26.107", datetime(2026, 11, 20), 36.5, False, None)  # noqa: DTZ001


def test_a_text_that_looks_like_a_formula_or_an_address_stays_text() -> None:
    hostile = ['=cmd|"/c calc"!A1', "http://example.org", "{=1+1}", "+84912345678"]
    book = load_workbook(io.BytesIO(write_workbook("x", ["office"], [[text] for text in hostile])))
    cells = [row[0] for row in book["x"].iter_rows(min_row=2)]
    assert [cell.value for cell in cells] == hostile
    assert {cell.data_type for cell in cells} == {"s"}
    assert all(cell.hyperlink is None for cell in cells)


def test_every_column_of_every_report_has_a_heading() -> None:
    for name in (*COLUMNS, *VISIT_COLUMNS):
        assert TEXTS[f"column.{name}"].vi
