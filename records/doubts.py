"""Doubts: what looks wrong but is recorded all the same, told to the clerk as warnings.

A card number that disagrees with the date of birth, an item number with a wrong check digit, leased
numbers that run out: the office goes on, and a person looks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache

from msgspec import Struct

from records.cards import CitizenCard, differences
from records.leases import LeaseWarning
from records.s10 import PostalItem
from wire.texts import Text, load


class Doubt(Struct, frozen=True):
    """One warning: a stable code, the field it is about ("" for none), and what to say."""

    code: str
    path: str
    message: Text


@cache
def _texts() -> Mapping[str, Text]:
    return load("records", "messages_formats.toml")


def doubt(code: str, path: str = "", **values: object) -> Doubt:
    """Make the doubt `code`; its text is `doubt.<code>` in records/messages_formats.toml.

    Raises KeyError when there is no such text, or a value it names is missing.
    """
    return Doubt(code, path, _texts()[f"doubt.{code}"].format(**values))


def about_person(
    path: str,
    *,
    id_number: str | None,
    date_of_birth: date | None,
    gender: str | None,
) -> tuple[Doubt, ...]:
    """Compare a citizen number with the person's other fields; `path` is that of the person."""
    if id_number is None:
        return ()
    year = None if date_of_birth is None else date_of_birth.year
    fields = differences(id_number, birth_year=year, gender=gender)
    codes = {"birth_year": "card-year-differs", "gender": "card-gender-differs"}
    return tuple(doubt(codes[field], f"{path}.id_number") for field in fields)


def about_card(card: CitizenCard) -> tuple[Doubt, ...]:
    """Compare the number of a scanned card with what else the card says."""
    fields = differences(card.id_number, birth_year=card.birth_year, gender=card.gender)
    codes = {"birth_year": "card-year-differs", "gender": "card-gender-differs"}
    return tuple(doubt(codes[field], "id_number") for field in fields)


def about_item(path: str, item: PostalItem) -> tuple[Doubt, ...]:
    """Doubt an item number whose check digit is wrong; one of another kind is only unchecked."""
    return (doubt("item-check-wrong", path, number=item.number),) if item.check == "wrong" else ()


def about_numbers(warnings: Iterable[LeaseWarning]) -> tuple[Doubt, ...]:
    """Tell that leased numbers are about to run out."""
    return tuple(
        doubt(warning.code, days=warning.working_days_left, left=warning.left_today)
        for warning in warnings
    )
