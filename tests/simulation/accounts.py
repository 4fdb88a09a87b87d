"""Whether both sides of one device's journals are the same, and each acknowledged event is there.

An event may have gone into a successor (docs/protocol.md section 6): then it is there under what
`again` names. Once means once in all journals of the device together, by either name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tests.simulation.device import Device
from tests.simulation.province import Province
from tests.simulation.reading import (
    Journals,
    Row,
    ask,
    held_journals,
    own_journals,
    said_journals,
)
from wire import chain
from wire import event as wire_event
from wire.chain import Head, genesis
from wire.problems import Malformed


class Broken(Exception):  # noqa: N818 - a judgement on the world
    """A promise was broken."""


def state_of(province: Province, device: Device) -> str:
    """Return what the province takes a device for: `active`, `quarantined`, `revoked`."""
    identity = device.enrolled.enrolment.identity
    found = ask(province, "SELECT state FROM device WHERE device_id = ?", identity.device_id)
    return str(found[0][0]) if found else "unknown"


def missing(province: Province, acknowledged: Iterable[str]) -> set[str]:
    """Return which of these events the province holds nowhere, by neither name, be it aside."""
    held: set[str] = set()
    for table in ("event", "aside_event"):
        for hash_, raw in ask(province, f"SELECT hash, event FROM {table}"):
            held.add(str(chain.event_id(hash_)))
            held.add(_again(raw) or "")
    return set(acknowledged) - held


def agrees(province: Province, device: Device) -> bool:
    """Return whether both sides hold the same events of every journal, both ways."""
    own = own_journals(device), own_journals(device, "desk")
    return own == (held_journals(province, device), said_journals(province, device))


def named(journals: Journals) -> Counter[str]:
    """Return how often each event stands in these journals, by its id and by what it was."""
    found: Counter[str] = Counter()
    for rows in journals.values():
        for row in rows:
            found[str(chain.event_id(row.hash))] += 1
            again = _again(row.event)
            if again is not None:
                found[again] += 1
    return found


def _again(raw: bytes | None) -> str | None:
    try:
        return None if raw is None else wire_event.decode(raw).again
    except Malformed:
        return None


def judge(province: Province, device: Device, acknowledged: Iterable[str]) -> None:
    """Hold every journal of a device at both sides against each other, and what was acknowledged.

    Raises Broken.
    """
    name = device.name
    ours, theirs = own_journals(device), held_journals(province, device)
    for journal_id, rows in theirs.items():
        _judge_chain(device, journal_id, rows)
    if ours != theirs:
        raise Broken(f"{name}: {_sizes(ours)} at the office, {_sizes(theirs)} at the province")
    counted = named(theirs)
    for id_ in acknowledged:
        if counted[id_] != 1:
            raise Broken(f"{name}: acknowledged {id_} is {counted[id_]} times at the province")


def judge_desk(province: Province, device: Device) -> None:
    """Hold every desk journal of a device at both sides against each other. Raises Broken."""
    ours, theirs = own_journals(device, "desk"), said_journals(province, device)
    if ours != theirs:
        raise Broken(
            f"{device.name}: desk {_sizes(ours)} at the office, {_sizes(theirs)} at the province"
        )


def _judge_chain(device: Device, journal_id: bytes, rows: list[Row]) -> None:
    head: Head = genesis(device.enrolled.enrolment.identity.device_id, journal_id)
    for row in rows:
        if row.seq != head.seq + 1:
            raise Broken(
                f"{device.name}: a hole or a double at the province: {row.seq} after {head.seq}"
            )
        if row.event is None or chain.extend(head, row.event).hash != row.hash:
            raise Broken(f"{device.name}: no. {row.seq} at the province is not what its hash says")
        head = Head(row.seq, row.hash)


def _sizes(journals: Journals) -> str:
    return ", ".join(f"{id_.hex()[:6]}: {len(rows)}" for id_, rows in journals.items())
