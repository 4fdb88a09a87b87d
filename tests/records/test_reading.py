"""JSON read against a type: everything that is wrong is named, each place with its path."""

from typing import Annotated, Any

import pytest
from msgspec import Meta, Struct

from records.desk_events import DeskOpened
from records.fees import Fee
from records.leases import Lease
from records.reading import info_of, read
from wire.problems import FieldError

LEASE = {
    "journal": "0" * 32,
    "prefix": "H26.107",
    "from": 1,
    "to": 9,
    "first_day": "2026-11-20",
    "last_day": "2026-12-20",
    "volume": 1,
    "book_next": 1,
}


def reading(value: object, kind: type) -> tuple[Any, list[tuple[str, str]]]:
    """What was read, and each mistake's path and words."""
    errors: list[FieldError] = []
    found = read(value, info_of(kind), "body", errors)
    return found, [(error.path, error.message.en) for error in errors]


def test_a_row_is_read_member_by_member() -> None:
    assert reading({"after": ["desk", 7, "hash"]}, DeskOpened) == (
        DeskOpened(after=("desk", 7, "hash")),
        [],
    )


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("desk", ("body.after", "This must be a list.")),
        (["desk", 7], ("body.after", "At least 3 are needed.")),
        (["desk", 7, "hash", "more"], ("body.after", "There are more than 3.")),
        (["desk", "7", "hash"], ("body.after[1]", "This must be a whole number.")),
    ],
)
def test_a_row_that_is_none_is_named(row: object, told: tuple[str, str]) -> None:
    assert reading({"after": row}, DeskOpened)[1] == [told]


class Row(Struct, frozen=True):
    """A row that must be there."""

    place: tuple[str, int]


def test_a_row_that_is_null_is_named() -> None:
    assert reading({"place": None}, Row)[1] == [("body.place", "This must not be null.")]


def test_a_rule_between_members_is_told_in_its_own_words() -> None:
    assert reading(LEASE, Lease)[1] == []
    assert reading(LEASE | {"from": 10}, Lease) == (
        None,
        [("body", "to must not lie before from.")],
    )
    assert reading({"rule": "fixed"}, Fee)[1] == [("body", "a fixed fee needs amount_vnd.")]


def test_a_rule_between_members_is_not_asked_about_members_that_cannot_be_read() -> None:
    found, told = reading(LEASE | {"from": "one"}, Lease)
    assert found is None
    assert told == [("body.from", "This must be a whole number.")]


class Named(Struct, frozen=True):
    """A text of a shape."""

    code: Annotated[str, Meta(pattern="^H[0-9]+$")]


def test_a_text_of_another_shape_is_named() -> None:
    assert reading({"code": "H26"}, Named) == (Named("H26"), [])
    assert reading({"code": "26"}, Named)[1] == [("body.code", "This value is not valid.")]
