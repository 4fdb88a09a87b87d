"""Item numbers of the post and their check digit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.s10 import PostalItem, check_digit, parse_item, parse_s10


@pytest.mark.parametrize(
    ("text", "check"),
    [
        ("RR473124829GB", "good"),
        ("RR123456785VN", "good"),
        ("RR123456784VN", "wrong"),
        ("EE000000005VN", "good"),  # remainder 0 gives 11, written 5
        ("EE000000090VN", "wrong"),
    ],
)
def test_numbers_of_the_standard(text: str, check: str) -> None:
    found = parse_s10(text)
    assert found is not None
    assert (found.number, found.check, found.checked) == (text, check, check == "good")


def test_blanks_and_small_letters_do_not_matter() -> None:
    assert parse_s10(" rr 473 124 829 gb\r\n") == PostalItem("RR473124829GB", "good")


def test_ten_is_written_as_nought() -> None:
    serial = next(f"{n:08d}" for n in range(100) if (11 - _sum(f"{n:08d}") % 11) == 10)
    assert check_digit(serial) == 0


def _sum(serial: str) -> int:
    return sum(w * int(d) for w, d in zip((8, 6, 4, 2, 3, 5, 9, 7), serial, strict=True))


@pytest.mark.parametrize("serial", ["1234567", "123456789", "1234567a", "١٢٣٤٥٦٧٨"])
def test_a_serial_that_is_none_has_no_check_digit(serial: str) -> None:
    with pytest.raises(ValueError, match="eight digits"):
        check_digit(serial)


@pytest.mark.parametrize("text", ["VTP1234567890", "1234-5678", "840.000.123"])
def test_numbers_of_other_operators_are_kept_unchecked(text: str) -> None:
    assert parse_s10(text) is None
    assert parse_item(text) == PostalItem(text, "none")


@pytest.mark.parametrize("text", ["", "ABC", "xin chào", "NODIGITS", "1" * 41, "1" * 9999])
def test_what_is_no_number_is_none(text: str) -> None:
    assert parse_item(text) is None


@given(st.integers(0, 99_999_999), st.integers(0, 7), st.integers(1, 9))
def test_one_wrong_digit_is_noticed(serial: int, place: int, shift: int) -> None:
    digits = f"{serial:08d}"
    other = digits[:place] + str((int(digits[place]) + shift) % 10) + digits[place + 1 :]
    check = check_digit(digits)
    found = parse_item(f"RR{other}{check}VN")
    assert found is not None
    # the standard maps two remainders each to 0 and 5; every other slip is seen
    assert found.check == "wrong" or check in {0, 5}


@given(st.text(max_size=100))
def test_readers_take_any_text(text: str) -> None:
    parse_item(text)
