"""The procedures of a commune office, as the desk event `procedure.set` carries them.

The shipped catalogue (records/data/procedures.csv) is a sample for the sandbox and a start for a
province, which publishes its own, signed and versioned; a dossier keeps the version it was
received under. Every row says how certain it is (H: law text or two sources, M: one source, ?:
unverified) and where it comes from. A row marked `?` loads without a time, and a fee text that is
no rule as unknown: then the clerk decides.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct, convert, structs

from records.due import WORKING_DAYS_MAX
from records.fees import UNKNOWN_FEE, Fee, read_published_fee
from records.values import Channel

Certainty = Literal["H", "M", "?"]
CHANNELS: Final[tuple[Channel, ...]] = ("direct", "online", "postal")

ShortText = Annotated[str, Meta(min_length=1, max_length=1000)]


class Paper(Struct, frozen=True, kw_only=True):
    """A paper that a procedure asks for."""

    name: ShortText
    original: bool = False
    copies: Annotated[int, Meta(ge=0, le=1000)] = 1


class Procedure(Struct, frozen=True, kw_only=True):
    """Body of the desk event `procedure.set`.

    `working_days` None: no published time, the clerk gives the due time. `must_collect`: the
    result is handed over in person, so post is never offered. `online_level` None: not known.
    """

    code: Annotated[str, Meta(min_length=1, max_length=64)]
    name: ShortText
    field: Annotated[str, Meta(min_length=1, max_length=200)]
    working_days: Annotated[int, Meta(ge=0, le=WORKING_DAYS_MAX)] | None = None
    fee: Fee = UNKNOWN_FEE
    papers: tuple[Paper, ...] = ()
    channels: Annotated[tuple[Channel, ...], Meta(min_length=1)] = CHANNELS
    return_channels: Annotated[tuple[Channel, ...], Meta(min_length=1)] = CHANNELS
    must_collect: bool = False
    online_level: Literal["none", "partial", "full"] | None = None
    version: Annotated[str, Meta(min_length=1, max_length=64)]


class CatalogueRow(Struct, frozen=True, kw_only=True):
    """A procedure with what is known about the row it was read from; texts as published."""

    procedure: Procedure
    level: str
    certainty: Certainty
    source: str
    published_time: str
    published_fee: str


class Catalogue(Struct, frozen=True):
    """A whole catalogue: its version (the newest of its rows) and its rows by procedure code."""

    version: str
    rows: Mapping[str, CatalogueRow]

    def procedures(self) -> tuple[Procedure, ...]:
        """Give the bodies to publish, in the order of the file."""
        return tuple(row.procedure for row in self.rows.values())

    def get(self, code: str) -> Procedure | None:
        """Give the procedure with this code, or None."""
        row = self.rows.get(code)
        return None if row is None else row.procedure


@lru_cache(maxsize=1)
def load() -> Catalogue:
    """Load the shipped catalogue once (about 2 ms)."""
    return read(files("records").joinpath("data/procedures.csv").read_text("utf-8"))


def read(text: str) -> Catalogue:
    """Read a catalogue in the shipped CSV form.

    Raises ValueError naming the line and code of a row that is wrong.
    """
    rows: dict[str, CatalogueRow] = {}
    for line, columns in enumerate(csv.DictReader(io.StringIO(text)), start=2):
        code = columns.get("code") or ""
        try:
            row = _row(columns)
        except (KeyError, ValueError) as wrong:
            msg = f"catalogue line {line} ({code}): {wrong}"
            raise ValueError(msg) from wrong
        if code in rows:
            msg = f"catalogue line {line}: {code} stands there twice"
            raise ValueError(msg)
        rows[code] = row
    return Catalogue(max((row.procedure.version for row in rows.values()), default=""), rows)


def _row(columns: Mapping[str, str]) -> CatalogueRow:
    certainty = _certainty(columns["certainty"])
    days = columns["working_days"]
    body = {
        "code": columns["code"],
        "name": columns["name"],
        "field": columns["field"],
        "working_days": int(days) if days and certainty != "?" else None,
        "version": columns["version"],
    }
    fee = read_published_fee(columns["published_fee"])
    procedure = structs.replace(convert(body, Procedure), fee=fee)
    return CatalogueRow(
        procedure=procedure,
        level=columns["level"],
        certainty=certainty,
        source=columns["source"],
        published_time=columns["published_time"],
        published_fee=columns["published_fee"],
    )


def _certainty(text: str) -> Certainty:
    match text:
        case "H" | "M" | "?":
            return text
        case _:
            msg = f"certainty must be H, M or ?, not {text!r}"
            raise ValueError(msg)
