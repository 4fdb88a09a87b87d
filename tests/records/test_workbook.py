"""Workbooks that open right and run nothing."""

import io
from datetime import datetime

from openpyxl import load_workbook

from records.present import VisitItem
from records.statistics import COLUMNS
from records.texts import TEXTS
from records.workbook import write_workbook


def test_cells_keep_their_kind_and_headings_are_vietnamese() -> None:
    columns = ("name", "in_at", "temperature_c", "suspected", "out_at")
    row = ("Lê Văn An", "2026-11-20T08:31:05+07:00", 36.6, False, None)
    sheet = load_workbook(io.BytesIO(write_workbook("Lượt khách", columns, [row])))["Lượt khách"]
    headings, values = sheet.iter_rows(values_only=True)
    assert headings == ("Họ tên", "Vào lúc", "Nhiệt độ (°C)", "Nghi ngờ", "Ra lúc")
    assert values == ("Lê Văn An", datetime(2026, 11, 20, 8, 31, 5), 36.6, False, None)  # noqa: DTZ001


def test_a_text_that_looks_like_a_formula_or_an_address_stays_text() -> None:
    hostile = ['=cmd|"/c calc"!A1', "http://example.org", "{=1+1}", "+84912345678"]
    book = load_workbook(io.BytesIO(write_workbook("x", ["name"], [[text] for text in hostile])))
    cells = [row[0] for row in book["x"].iter_rows(min_row=2)]
    assert [cell.value for cell in cells] == hostile
    assert {cell.data_type for cell in cells} == {"s"}
    assert all(cell.hyperlink is None for cell in cells)


def test_every_column_of_every_report_has_a_heading() -> None:
    for name in (*COLUMNS, *VisitItem.__struct_fields__):
        assert TEXTS[f"column.{name}"].vi
