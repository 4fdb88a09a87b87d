"""A visit as it stands after its events, and the rules of the door.

Same person = keyed hash of the identity number, else of the pass, else of the phone: good for
recognising somebody who scans again, useless to whoever reads the database without the key.
"""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from records.calendar import Calendar
from records.moment import local, office_day, to_ms
from records.office_events import VisitCheckedIn, VisitCheckedOut, VisitEnded
from records.person_numbers import spelt_id, spelt_phone
from records.values import PersonKind, Symptom, VisitMethod, Visitor

REPEAT_MS = 60_000
"""The same person within this time is the same scan: the answer is repeated, nothing recorded."""
TEMPERATURE_MAX_C = 37.5
"""From here on a visitor is suspected, unless an order names another temperature."""
AFTER_CLOSING = timedelta(hours=2)
"""So long after closing time visits that nobody ended are ended."""
PERSON_KEY_BYTES = 16

EndedBy = Literal["self", "day_end"]
Passage = Literal["in", "out", "repeat"]


class Visit(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One visit now. Times are milliseconds since 1970.

    `in_at_ms` is None for somebody who was seen leaving only. `by` says how it ended.
    """

    name: str | None = None
    person: PersonKind = "visitor"
    room: str = "main"
    in_at_ms: int | None = None
    out_at_ms: int | None = None
    by: EndedBy | None = None
    temperature_c: float | None = None
    suspected: bool = False
    method: VisitMethod | None = None

    @property
    def is_inside(self) -> bool:
        """Whether the person came in and has not left."""
        return self.in_at_ms is not None and self.out_at_ms is None


def evolve(visit: Visit | None, kind: str, body: Struct, at_ms: int) -> Visit:
    """Return the visit after one more event; kinds that do not change it leave it as it is.

    Raises:
        LookupError: the first event known of a visit does not create one.
    """
    if visit is None:
        return _created(body, at_ms, kind)
    match body:
        case VisitCheckedOut():
            return replace(visit, out_at_ms=at_ms, by="self")
        case VisitEnded() if visit.is_inside:
            return replace(visit, out_at_ms=to_ms(body.out_at), by="day_end")
        case _:
            return visit


def _created(body: Struct, at_ms: int, kind: str) -> Visit:
    match body:
        case VisitCheckedIn():
            return Visit(
                name=body.visitor.full_name,
                person=body.person,
                room=body.room,
                in_at_ms=at_ms,
                temperature_c=body.temperature_c,
                suspected=body.suspected,
                method=body.method,
            )
        case VisitCheckedOut():
            name = body.visitor.full_name if body.visitor else None
            return Visit(name=name, out_at_ms=at_ms, by="self")
        case _:
            raise LookupError(f"{kind} tells of a visit that nobody began")


def person_key(visitor: Visitor, key: bytes) -> bytes | None:
    """Return the 16 bytes that stand for this person in this office, or None for a stranger.

    `key` is the office's own secret of 32 bytes; the same person elsewhere has another value.
    """
    if visitor.id_number:
        told = f"id:{spelt_id(visitor.id_number)}"
    elif visitor.pass_id:
        told = f"pass:{visitor.pass_id}"
    elif visitor.phone:
        told = f"phone:{spelt_phone(visitor.phone)}"
    else:
        return None
    return _keyed(key, told)


@lru_cache(maxsize=1)
def _keyed(key: bytes, told: str) -> bytes:
    """Hash once for the decision and for the view that follows it."""
    return hmac.digest(key, told.encode(), hashlib.sha256)[:PERSON_KEY_BYTES]


def is_suspected(
    temperature_c: float | None, symptoms: Sequence[Symptom] | None, max_c: float | None = None
) -> bool:
    """Tell whether a temperature at or above the limit, or any symptom, speaks for an infection."""
    limit = TEMPERATURE_MAX_C if max_c is None else max_c
    return bool(symptoms) or (temperature_c is not None and temperature_c >= limit)


def is_repeat(at_ms: int | None, now_ms: int) -> bool:
    """Tell whether something that happened at `at_ms` happens again within 60 s."""
    return at_ms is not None and abs(now_ms - at_ms) <= REPEAT_MS


def passage(last: Visit | None, now_ms: int) -> Passage:
    """Say what a scan at the door means for somebody whose newest visit is `last`.

    Out for whoever is inside since today, else in; a scan within 60 s of the one before repeats it.
    """
    if last is None:
        return "in"
    if is_repeat(last.in_at_ms, now_ms) or is_repeat(last.out_at_ms, now_ms):
        return "repeat"
    return "out" if is_inside_today(last, now_ms) else "in"


def is_inside_today(visit: Visit, now_ms: int) -> bool:
    """Tell whether the visit is open and of this day: a new day begins with a check-in."""
    return (
        visit.is_inside
        and visit.in_at_ms is not None
        and office_day(visit.in_at_ms) == office_day(now_ms)
    )


def day_end(visit: Visit, now_ms: int, calendar: Calendar) -> VisitEnded | None:
    """Return the event that ends a forgotten visit, from closing + 2 h of its day on; else None.

    For tracing the person counts as inside until closing, or until they came when that was later.
    """
    if not visit.is_inside or visit.in_at_ms is None:
        return None
    came = local(visit.in_at_ms)
    closing = calendar.closing(came.date())
    if local(now_ms) < closing + AFTER_CLOSING:
        return None
    return VisitEnded(out_at=max(came, closing))
