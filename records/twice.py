"""A number that several dossiers bear, in the JSON shape of a problem (docs/interfaces.md)."""

from typing import Literal

from msgspec import Struct

from records.desk_events import State


class Bearer(Struct, frozen=True, kw_only=True):
    """One of the dossiers that bear one number: who took it in, and when."""

    id: str
    code: str | None
    book: str | None
    applicant: str
    state: State
    by: str
    at: str


class TwiceItem(Struct, frozen=True):
    """A number that more than one dossier bears, the first of them first.

    `kind`: the code on the slip, or the place in the register, `year/volume/number`.
    """

    kind: Literal["code", "book"]
    number: str
    dossiers: tuple[Bearer, ...]
