"""What a barcode scanner's record means."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.devices.drivers import PROFILES, Profile
from agent.devices.drivers.barcode import parse
from agent.devices.drivers.profile import Unreadable


def test_the_aim_prefix_is_taken_off_and_kept() -> None:
    scan = parse(b"]C0RR473124829GB")
    assert (scan.aim, scan.text) == ("]C0", "RR473124829GB")


def test_stx_etx_and_power_up_nuls_around_a_code_do_not_matter() -> None:
    assert parse(b"\x00\x02H26.107-261121-0001\x03").text == "H26.107-261121-0001"


def test_decomposed_vietnamese_is_normalised() -> None:
    decomposed = unicodedata.normalize("NFD", "Nguyễn Thị Ngọc Hà")
    assert parse(decomposed.encode()).text == "Nguyễn Thị Ngọc Hà"


@pytest.mark.parametrize(
    ("record", "reason"),
    [(b"\x00\x00", "empty"), (b"]Q1", "empty"), (b"a\xc3", "not-utf8"), (b"a\x1b[2Jb", "control")],
)
def test_what_means_nothing_is_named(record: bytes, reason: str) -> None:
    with pytest.raises(Unreadable) as refused:
        parse(record)
    assert refused.value.reason == reason


def test_a_card_never_shows_in_a_representation() -> None:
    assert "Hà" not in repr(parse("001184000017|Nguyễn Thị Ngọc Hà".encode()))


def test_the_driver_is_found_by_its_name_in_the_configuration() -> None:
    assert isinstance(PROFILES["barcode"], Profile)


@given(st.binary(min_size=1, max_size=400))
def test_no_record_breaks_the_parser(record: bytes) -> None:
    try:
        scan = parse(record)
    except Unreadable:
        return
    assert scan.text.isprintable() or scan.text
    assert unicodedata.is_normalized("NFC", scan.text)
