"""Warnings: in both languages, about a field, and never a reason to refuse."""

from datetime import date

import pytest

from records.cards import parse_citizen_card
from records.doubts import about_card, about_item, about_numbers, about_person, doubt
from records.leases import LeaseWarning
from records.s10 import PostalItem
from wire.texts import load


def test_a_number_that_disagrees_with_the_date_of_birth() -> None:
    found = about_person(
        "applicant",
        id_number="001184000017",
        date_of_birth=date(1985, 3, 5),
        gender="male",
    )
    assert [(one.code, one.path) for one in found] == [
        ("card-year-differs", "applicant.id_number"),
        ("card-gender-differs", "applicant.id_number"),
    ]
    assert "Năm sinh" in found[0].message.vi
    assert "year of birth" in found[0].message.en


def test_nothing_to_compare_raises_no_doubt() -> None:
    assert about_person("applicant", id_number=None, date_of_birth=None, gender=None) == ()
    assert about_person("a", id_number="001184000017", date_of_birth=None, gender=None) == ()


def test_a_scanned_card() -> None:
    card = parse_citizen_card("001184000017||Nguyễn Thị Ngọc Hà|1984|Nam||")
    assert card is not None
    assert [one.code for one in about_card(card)] == ["card-gender-differs"]


def test_an_item_number_with_a_wrong_digit() -> None:
    (found,) = about_item("item", PostalItem("RR123456784VN", "wrong"))
    assert (found.code, found.path) == ("item-check-wrong", "item")
    assert "RR123456784VN" in found.message.vi
    assert about_item("item", PostalItem("VTP1234", "none")) == ()
    assert about_item("item", PostalItem("RR123456785VN", "good")) == ()


def test_numbers_that_run_out() -> None:
    ending, low = about_numbers(
        [LeaseWarning("lease-ending", 2, 950), LeaseWarning("lease-low", 9, 3)]
    )
    assert "2 ngày làm việc" in ending.message.vi
    assert "3" in low.message.en


def test_a_code_without_a_text_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError):
        doubt("no-such-doubt")


def test_every_text_names_its_values_in_both_languages() -> None:
    for text in load("records", "messages_formats.toml").values():
        for name in ("{number}", "{days}", "{left}"):
            assert (name in text.vi) == (name in text.en)
