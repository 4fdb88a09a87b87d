"""Whether any number of a register was lent to two journals (docs/protocol.md section 6).

What counts is what devices have heard: a range that nobody was told of was lent to nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

from records.events import decode_body
from records.leases import Lease
from tests.simulation.device import Device
from tests.simulation.reading import own_journals
from wire import event as wire_event


def lent_twice(devices: Sequence[Device]) -> list[str]:
    """Return what ranges and volumes two journals of one office have both, in words."""
    offices: dict[bytes, dict[str, Lease]] = {}
    for device in devices:
        office = offices.setdefault(device.enrolled.enrolment.identity.office_id, {})
        office.update({repr(each): each for each in _heard(device)})
    return [
        f"{one} and {other}"
        for office in offices.values()
        for one, other in combinations(office.values(), 2)
        if one.journal != other.journal and _overlap(one, other)
    ]


def _heard(device: Device) -> Iterable[Lease]:
    for rows in own_journals(device, "desk").values():
        for row in rows:
            event = wire_event.decode(row.event or b"")
            if event.kind == "numbers.leased":
                body = decode_body(event.kind, event.body)
                assert isinstance(body, Lease)
                yield body


def _overlap(one: Lease, other: Lease) -> bool:
    if one.volume == other.volume:
        return True
    days = one.first_day <= other.last_day and other.first_day <= one.last_day
    return days and one.first <= other.last and other.first <= one.last
