"""Searching as one types, with or without diacritics."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.search_text import fold


def slowly(text: str) -> str:
    parts = unicodedata.normalize("NFD", text.lower())
    base = "".join(part for part in parts if unicodedata.category(part) != "Mn")
    return unicodedata.normalize("NFC", base).replace("đ", "d")


VIETNAMESE = (
    "aàảãáạăằẳẵắặâầẩẫấậbcdđeèẻẽéẹêềểễếệghiìỉĩíịklmnoòỏõóọôồổỗốộơờởỡớợpqrstuùủũúụưừửữứựvxyỳỷỹýỵ"
)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Nguyễn Thị Ngọc Hà", "nguyen thi ngoc ha"),
        ("ĐẶNG ĐÌNH ƯỚC", "dang dinh uoc"),
        ("Ứng Hòa / Ứng Hoà", "ung hoa / ung hoa"),
        ("H26.107-261121-0001", "h26.107-261121-0001"),
        ("", ""),
        ("日本", "日本"),
    ],
)
def test_names_and_codes(text: str, folded: str) -> None:
    assert fold(text) == folded


def test_every_vietnamese_letter_takes_the_quick_way() -> None:
    for letter in VIETNAMESE + VIETNAMESE.upper():
        assert fold(letter).isascii()
        assert fold(letter) == slowly(letter)


@given(st.text(alphabet=VIETNAMESE + VIETNAMESE.upper() + " "))
def test_composed_and_decomposed_fold_alike(text: str) -> None:
    assert fold(text) == fold(unicodedata.normalize("NFD", text)) == slowly(text)


@given(st.text())
def test_the_quick_way_and_the_general_way_agree(text: str) -> None:
    assert fold(text) == slowly(text)


@given(st.text(alphabet=VIETNAMESE + " "), st.text(alphabet=VIETNAMESE + " "))
def test_what_was_typed_so_far_is_found(start: str, rest: str) -> None:
    assert fold(start + rest).startswith(fold(start))
