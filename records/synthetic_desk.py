"""Made-up desk journals and sync reports: what a province writes, what an office says of itself.

Bodies are dictionaries in the order of docs/interfaces.md, as a province's own tools write them.
"""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

import msgspec

from records.calendar import OFFICE_ZONE, shipped
from records.catalogue import load as load_catalogue
from records.synthetic import FIRST_DAY, People
from records.synthetic_lists import Place, lists
from wire.event import Event, body_of, encode

Body = dict[str, Any]
_LEASE_DAYS = 30
_STATES = ("received", "forwarded", "supplement_requested", "resolved", "returned")


def desk_events(seed: int, *, today: date = FIRST_DAY, place: Place | None = None) -> list[bytes]:
    """Return a desk journal: lease, calendar, the whole catalogue, then what the months bring."""
    desk = SyntheticDesk(seed, today, place or lists().sandbox)
    return [desk.event(kind, body) for kind, body in desk.sayings()]


def report(seed: int, *, today: date = FIRST_DAY, place: Place | None = None) -> bytes:
    """Return a sync report as JSON, without its days (docs/interfaces.md "SyncReport")."""
    return msgspec.json.encode(SyntheticDesk(seed, today, place or lists().sandbox).report())


class SyntheticDesk:
    """A province writing to one office."""

    def __init__(self, seed: int, today: date, place: Place) -> None:
        self._people = People(seed, today, place)
        self._dice = self._people.dice
        self._place = place
        self._now = datetime.combine(today, time(8), OFFICE_ZONE)
        self._journal = self._dice.randbytes(16).hex()

    def event(self, kind: str, body: Body) -> bytes:
        """Return the bytes of an event, some minutes after the one before."""
        self._now += timedelta(seconds=self._dice.randrange(3, 4_000))
        at = self._now.isoformat()
        return encode(Event(kind=kind, at=at, actor="province", body=body_of(body)))

    def sayings(self) -> Iterator[tuple[str, Body]]:
        """Give kind and body of each event."""
        yield "numbers.leased", self._lease()
        yield "calendar.set", msgspec.to_builtins(shipped().body)
        for procedure in load_catalogue().procedures():
            yield "procedure.set", msgspec.to_builtins(procedure)
        for order, title in self._people.lists.orders:
            yield "policy.set", self._policy(order, title)
            if self._people.chance(0.5):
                yield "policy.revoked", {"order": order}
        for title, text in self._people.lists.notices:
            until = self._day(60).isoformat()
            yield "notice.published", {"title": title, "text": text, "until": until, "lobby": True}
        yield "office.profile", {"name": self._place.commune, "phone": self._people.phone()}
        yield "user.set", {"name": self._people.pick(self._place.clerks), "role": "clerk"}
        for _ in range(10):
            yield from self._dossiers()

    def _dossiers(self) -> Iterator[tuple[str, Body]]:
        yield "dossier.assigned", self._assigned()
        yield "dossier.progressed", self._progressed()
        yield "numbers.mapped", {"dossier": self._book(), "code": self._code()}
        if self._people.chance(0.3):
            yield "event.rejected", self._rejected()

    def _lease(self) -> Body:
        return {
            "journal": self._journal,
            "prefix": self._place.code,
            "from": 1,
            "to": 999,
            "width": 4,
            "first_day": self._day(0).isoformat(),
            "last_day": self._day(_LEASE_DAYS).isoformat(),
            "volume": 1,
            "book_next": self._dice.randint(1, 2_000),
            "fields": None,
        }

    def _policy(self, order: str, title: str) -> Body:
        procedures = self._people.lists.procedures
        return {
            "order": order,
            "title": title,
            "from": f"{self._day(1)}T00:00:00+07:00",
            "until": None if self._people.chance(0.6) else f"{self._day(40)}T00:00:00+07:00",
            "direct_intake": {
                "suspended": self._people.chance(0.5),
                "except_procedures": [errand.code for errand in self._dice.sample(procedures, 3)],
                "except_fields": ["Hộ tịch", "Chứng thực", "Bảo trợ xã hội"],
            },
            "seats": [{"room": "main", "capacity": 40, "share": 0.5, "max_people": 20}],
            "temperature_max_c": 37.5,
            "health_declaration": True,
            "visit_retention_days": 21,
            "staff_share_max": 0.5,
            "hotline": self._people.phone(),
        }

    def _assigned(self) -> Body:
        dossier = self._people.dossier()
        for member in ("type", "due_at"):
            dossier.pop(member, None)
        due_at = self._people.due_at(5)
        named = {"version": load_catalogue().version, "code": self._code()}
        return {**dossier, **named, "due_at": due_at, "holder": "office"}

    def _progressed(self) -> Body:
        return {
            "dossier": self._code(),
            "state": self._people.pick(_STATES),
            "holder": self._people.pick(("office", "province")),
            "note": self._people.pick(self._people.lists.notes),
            "by": self._people.pick(self._people.lists.province_units),
            "at": self._now.isoformat(),
        }

    def _rejected(self) -> Body:
        seq = self._dice.randint(1, 5_000)
        return {"journal": self._journal, "seq": seq, "code": "projection-failed", "detail": ""}

    def report(self) -> Body:
        """Return the members of a sync report."""
        dice = self._dice
        head = dice.randint(10, 9_000)
        backlog = dice.randint(0, 40)
        oldest = dice.randint(1, 90_000) if backlog else None
        return {
            "v": 1,
            "office": self._place.code,
            "office_id": str(self._uuid()),
            "name": self._place.commune.capitalize(),
            "province": self._place.code.partition(".")[0],
            "device": "".join(dice.choices("abcdefghijklmnopqrstuvwxyz234567", k=10)),
            "journal": self._journal,
            "agent": "0.1.0",
            "generated_at": self._now.isoformat(),
            "head_seq": head,
            "delivered_seq": head - backlog,
            "backlog": {"events": backlog, "bytes": backlog * 520, "oldest_age_s": oldest},
            "blobs": {"count": 0, "bytes": 0, "oldest_age_s": None},
            "exchange": self._exchange(),
            "clock": {"state": "trusted", "offset_ms": dice.randint(-900, 900)},
            "disk": self._disk(head),
            "numbers": self._numbers(),
            "backup_age_s": None if self._people.chance(0.5) else dice.randint(1, 90_000),
            "power_losses": dice.randint(0, 3),
            "conflicts_open": 0,
            "problems_open": 0,
            "policies": [] if self._people.chance(0.5) else ["18/CT-UBND"],
            "catalogue": load_catalogue().version,
            "devices": [self._device("door", "barcode"), self._device("intake", "barcode")],
            "days_digest": dice.randbytes(32).hex(),
        }

    def _exchange(self) -> Body:
        return {
            "last_ok_at": self._now.isoformat(),
            "last_failed_at": None,
            "last_error": None if self._people.chance(0.7) else "line-down",
            "count_24h": self._dice.randint(1, 60),
            "bytes_up_24h": self._dice.randint(2_000, 90_000),
            "bytes_down_24h": self._dice.randint(2_000, 60_000),
            "goodput_bytes_s": self._dice.randint(500, 900_000),
        }

    def _disk(self, head: int) -> Body:
        free = self._dice.randint(10**9, 10**11)
        return {"free_bytes": free, "journal_bytes": head * 800, "state": "ok"}

    def _numbers(self) -> Body:
        until = self._day(self._dice.randint(2, _LEASE_DAYS)).isoformat()
        left = self._dice.randint(1, 999)
        return {
            "leased_until": until,
            "left_today": left,
            "book_next": self._dice.randint(1, 4_000),
        }

    def _device(self, name: str, driver: str) -> Body:
        age = self._dice.randint(1, 5_000)
        return {"name": name, "driver": driver, "state": "ready", "last_reading_age_s": age}

    def _uuid(self) -> str:
        digits = self._dice.randbytes(16).hex()
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))

    def _code(self) -> str:
        day = self._people.today.strftime("%y%m%d")
        return f"{self._place.code}-{day}-{self._dice.randint(1, 120):04}"

    def _book(self) -> str:
        return f"{self._people.today.year}/1/{self._dice.randint(1, 2_000)}"

    def _day(self, after: int) -> date:
        return self._people.today + timedelta(days=after)
