"""From a reading to what the office records: the one way a device reaches the journal.

A scan at the door checks a person in, or out when they are inside. Every other scan is only
shown to the pages that wait for it; the form that is open at the scanner's counter takes it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from agent.devices.reading import Reading
from records.cards import CitizenCard
from records.command_types import CheckIn, CheckOut, VisitorIn
from records.moment import local
from records.own_codes import Declaration, OwnCode
from records.recognise import Recognised, recognise
from records.validate import fitting
from records.values import Symptom, VisitMethod
from records.visits import Visit, passage
from wire.problems import Refusal

DOOR: Final = "door"

_encode = msgspec.json.Encoder().encode


class Arrival(Struct, frozen=True):
    """Somebody whom a scan at the door names."""

    visitor: VisitorIn
    method: VisitMethod
    symptoms: tuple[Symptom, ...] | None = None


def arrival_of(found: Recognised, now_ms: int, today: date) -> Arrival | None:
    """Say whom a scan names, or None when it names nobody. `today` bounds dates of birth.

    A declaration older than 24 h still names the person, but its symptoms are asked for again.
    What a command may not hold is left out: the person stands at the door all the same.
    """
    arrival = _arrival(found, now_ms)
    visitor = None if arrival is None else fitting(arrival.visitor, today)
    return None if arrival is None or visitor is None else replace(arrival, visitor=visitor)


def _arrival(found: Recognised, now_ms: int) -> Arrival | None:
    match found:
        case CitizenCard():
            visitor = VisitorIn(
                full_name=found.full_name,
                id_number=found.id_number,
                address=found.address,
                date_of_birth=found.date_of_birth,
                gender=found.gender,
            )
            return Arrival(visitor, "id_card_qr")
        case Declaration():
            visitor = VisitorIn(
                full_name=found.full_name, id_number=found.id_number, phone=found.phone
            )
            stale = found.is_stale(local(now_ms))
            return Arrival(visitor, "phone_qr", None if stale else found.symptoms)
        case OwnCode(kind="V"):
            return Arrival(VisitorIn(pass_id=found.id), "pass")
        case _:
            return None


def command_for(arrival: Arrival, last: Visit | None, now_ms: int) -> CheckIn | CheckOut:
    """Say what a scan at the door asks for; `last` is the newest visit of the same person.

    A scan again within 60 s asks for the same as before: the journal knows it and repeats itself.
    """
    direction = passage(last, now_ms)
    was_out = last is not None and last.out_at_ms is not None
    if direction == "out" or (direction == "repeat" and was_out):
        return CheckOut(visitor=arrival.visitor)
    return CheckIn(
        visitor=arrival.visitor,
        method=arrival.method,
        symptoms=arrival.symptoms,
        declared_by="self" if arrival.symptoms is not None else None,
    )


@dataclass(frozen=True, slots=True)
class Intake:
    """Takes readings as they come.

    submit: records one command line for an actor, durable when it returns; raises `Refusal`.
    last_visit: the newest visit of a person.
    show: puts the reading before the pages. refused: tells the clerks why a scan recorded nothing.
    mark_key: 32 bytes that mark unreadable codes, the same as the pages use.
    today: the office's day, which bounds dates of birth.
    """

    submit: Callable[[bytes, str], Awaitable[object]]
    last_visit: Callable[[VisitorIn], Awaitable[Visit | None]]
    show: Callable[[Reading], None]
    refused: Callable[[Reading, Refusal], None]
    mark_key: bytes
    today: Callable[[], date]

    async def take(self, reading: Reading) -> None:
        """Record what the reading means where its device stands, then show it."""
        if reading.use == DOOR:
            await self._pass_the_door(reading)
        self.show(reading)

    async def _pass_the_door(self, reading: Reading) -> None:
        found = recognise(reading.value.text, key=self.mark_key)
        arrival = arrival_of(found, reading.at_ms, self.today())
        if arrival is None:
            return
        last = await self.last_visit(arrival.visitor)
        command = command_for(arrival, last, reading.at_ms)
        try:
            await self.submit(_encode(command), f"device:{reading.device}")
        except Refusal as refusal:
            self.refused(reading, refusal)
