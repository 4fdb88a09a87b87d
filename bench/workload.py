"""The work that is measured: realistic dossiers and check-ins of today, the same for one seed."""

import itertools
from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

from records import synthetic, synthetic_journal
from records.calendar import OFFICE_ZONE

_encode = msgspec.json.Encoder().encode


def command_lines(seed: int, *, first: int = 0) -> Iterator[bytes]:
    """Give commands without end as NDJSON lines, from number `first` on: each makes one event.

    Due times that a clerk gives lie after the day of the work, so that is the real one. Nobody
    comes through the door twice: a burst squeezes a day into seconds, and within a minute the
    door answers a second scan with the first one. As many dossiers are left out, so that the mix
    stays what it is.
    """
    today = datetime.now(OFFICE_ZONE).date()
    commands = _each_at_the_door_once(synthetic.commands(seed, today=today))
    return (_encode(command) + b"\n" for command in itertools.islice(commands, first, None))


def _each_at_the_door_once(commands: Iterator[synthetic.Command]) -> Iterator[synthetic.Command]:
    inside: set[bytes] = set()
    too_many = 0
    for command in commands:
        if command["type"] == "visit.check_in":
            visitor = command["visitor"]
            person = _encode(visitor.get("id_number") or visitor)
            if person in inside:
                too_many += 1
                continue
            inside.add(person)
        elif too_many:
            too_many -= 1
            continue
        yield command


def take(seed: int, count: int) -> list[bytes]:
    """Return the first `count` lines."""
    return list(itertools.islice(command_lines(seed), count))


def events(seed: int, count: int) -> Sequence[bytes]:
    """Return the events that the first `count` commands become, decided by the real rules."""
    return synthetic_journal.events(seed, count, today=datetime.now(OFFICE_ZONE).date())
