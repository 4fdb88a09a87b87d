"""The province's keys through time, from the device's side (docs/protocol.md section 11).

A statement is taken from wherever it comes: the verdict `moved`, the desk event `successor.named`,
a stick, `GET /v1/province` over a line that nobody vouches for. Only `wire.succession` decides: the
root key that is known signed it, and its n is higher. What was taken is kept in the journal's file,
under `sync.province.N`, in the transaction of the answer that brought it, and is used from then
on; the statement of the enrolment stays in `keys_dir`. None is ever taken back, and former ones
are kept: what their keys signed can still be checked.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

import msgspec

from agent.journal.database import Connection
from agent.journal.transaction import Transaction
from records.desk_events import SuccessorNamed
from wire import event as wire_event
from wire import statements
from wire.block import ChainedEvent
from wire.plaintext import Down
from wire.problems import Malformed, Refusal
from wire.statements import Province
from wire.succession import Followed, succeed

KEPT = "sync.province."
"""Beginning of the meta keys; the rest is n in decimal."""


def adopted(conn: Connection) -> list[bytes]:
    """Return every statement that was taken, by rising n."""
    rows = conn.execute("SELECT key, value FROM meta WHERE key GLOB ?", (KEPT + "*",))
    found = {int(key.removeprefix(KEPT)): bytes(value) for key, value in rows}
    return [found[n] for n in sorted(found)]


def known(conn: Connection, enrolled: Province) -> tuple[Province, ...]:
    """Return the province as this device knew it through time, from its enrolment to now."""
    since = [statements.read_unverified(cose, Province) for cose in adopted(conn)]
    return (enrolled, *(each for each in since if each.n > enrolled.n))


def in_force(conn: Connection, enrolled: Province) -> Province:
    """Return the province whose keys count."""
    return known(conn, enrolled)[-1]


def keep(transaction: Transaction, followed: Followed) -> None:
    """Keep a statement that `succeed` found to follow; the same one again changes nothing."""
    key = f"{KEPT}{followed.province.n}"
    if transaction.get_meta(key) is None:
        transaction.set_meta(key, followed.cose)


def offered(down: Down, desk: Sequence[ChainedEvent], held: Province) -> Followed | None:
    """Return the province that an answer's verdict or desk events name in place of `held`.

    Of several the one with the highest n. One that does not follow is passed over: the verdict
    then shows that a person is needed.
    """
    said = [down.statement] if down.verdict == "moved" else []
    found = [_follows(held, each) for each in (*said, *_named(desk))]
    return max(
        (each for each in found if each is not None),
        key=lambda each: each.province.n,
        default=None,
    )


def _follows(held: Province, statement: bytes | None) -> Followed | None:
    try:
        return None if statement is None else succeed(held, statement)
    except (Malformed, Refusal):
        return None


def _named(desk: Sequence[ChainedEvent]) -> list[bytes]:
    found = []
    for item in desk:
        try:
            said = None if item.event is None else wire_event.decode(item.event)
            if said is not None and said.kind == "successor.named":
                text = msgspec.json.decode(said.body, type=SuccessorNamed).province
                found.append(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        except (Malformed, msgspec.DecodeError, binascii.Error, ValueError):
            continue  # it stays in the journal, and names nothing
    return found
