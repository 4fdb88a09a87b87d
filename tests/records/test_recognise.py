"""What a scan means, and that what cannot be read is not kept."""

import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.cards import CitizenCard
from records.codes import BookRef, DossierCode
from records.health_card import HealthCard
from records.own_codes import Declaration, OwnCode
from records.recognise import Opaque, reading_kind, recognise
from records.s10 import PostalItem

KEY = b"a key of the office, 32 bytes.."
CITIZEN = "001184000017||Nguyễn Thị Ngọc Hà|05031984|Nữ|Thôn 1|15042021"
HEALTH = "0123456789|" + "Lê Văn An".encode().hex() + "|01/02/1985|1|-|01 - 004|01/01/2026|-|$"
SECRET = "https://example.invalid/app?token=0912345678"


@pytest.mark.parametrize(
    ("text", "type_", "kind"),
    [
        (CITIZEN, CitizenCard, "citizen_card"),
        (HEALTH, HealthCard, "health_card"),
        ("H26.107-261121-0001", DossierCode, "dossier"),
        ("CM1.D.H26.107-261121-0001", DossierCode, "dossier"),
        ("CM1.D.2026/1/57", BookRef, "dossier"),
        ("2026/1/57", BookRef, "dossier"),
        ("RR123456785VN", PostalItem, "postal_item"),
        ("RR123456784VN", PostalItem, "postal_item"),
        ("CM1.V.abcdefghijklmnopqrstuv", OwnCode, "own"),
        ("CM1.T.abcdefghijklmnopqrstuv", OwnCode, "ticket"),
        ("CMP1|Lê Văn An|0912345678|||2026-11-21T08:00", Declaration, "own"),
        (SECRET, Opaque, "opaque"),
        ("", Opaque, "opaque"),
        ("a|b|c", Opaque, "opaque"),
        ("VTP1234567890", Opaque, "opaque"),
    ],
)
def test_each_kind_of_scan(text: str, type_: type, kind: str) -> None:
    found = recognise(text, key=KEY)
    assert isinstance(found, type_)
    assert reading_kind(found) == kind


def test_at_the_post_other_numbers_are_items() -> None:
    found = recognise("VTP1234567890", key=KEY, use="post")
    assert found == PostalItem("VTP1234567890", "none")
    assert isinstance(recognise(SECRET, key=KEY, use="post"), Opaque)
    assert isinstance(recognise("H26.107-261121-0001", key=KEY, use="post"), DossierCode)


def test_what_cannot_be_read_is_kept_as_a_keyed_mark_only() -> None:
    found = recognise(SECRET, key=KEY)
    assert isinstance(found, Opaque)
    assert found == recognise(SECRET, key=KEY)
    assert found.chars == len(SECRET)
    assert len(found.mark) == 32
    kept = msgspec.json.encode(found)
    assert b"0912345678" not in kept
    assert b"example" not in kept


def test_another_key_gives_another_mark() -> None:
    assert recognise(SECRET, key=KEY) != recognise(SECRET, key=KEY[::-1])
    assert recognise(SECRET, key=KEY) != recognise(SECRET + "x", key=KEY)


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        recognise(SECRET, key=b"short")


@pytest.mark.parametrize(
    "text", ["|" * 10**6, "0" * 10**6, "CM1.V." + "a" * 10**6, "\ud800" * 10**5]
)
def test_a_huge_scan_is_opaque_and_quick(text: str) -> None:
    started = time.process_time()
    assert isinstance(recognise(text, key=KEY, use="post"), Opaque)
    assert time.process_time() - started < 1


@given(
    st.one_of(
        st.text(),
        st.text(alphabet=st.characters(codec=None)),
        st.binary().map(lambda b: b.decode("latin-1")),
    )
)
def test_any_text_means_something(text: str) -> None:
    assert reading_kind(recognise(text, key=KEY))
    assert reading_kind(recognise(text, key=KEY, use="post"))
