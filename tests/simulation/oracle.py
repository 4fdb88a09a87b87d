"""Who knows everything that was acknowledged, and holds the world against it.

- What a clerk was told is recorded stays recorded: after every restart, and at the end at the
  province, under the same number and id (which is made of the event's hash in the chain), once.
- The delivered mark never names what the province does not durably hold, and never falls unless
  the province was restored.
- The province never forgets what a receipt was given for, unless it was restored.
- At the end both sides hold the same chain, the same desk journal, the same digests of days.
- What has to be told as an incident is told, and nothing else is.

Reads the files of both sides by itself, beside the programs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec
import sqlcipher3

from agent.journal import database
from tests.simulation.device import KEY, Device
from tests.simulation.province import Province
from wire import chain
from wire.chain import Head

TELLING_ANSWERS = 2
BRANCHED = frozenset({"fork", "quarantined", "device-restored", "box-changed", "part-swapped"})
"""What people may be told once a journal has two branches."""


class Broken(Exception):  # noqa: N818 - a judgement on the world
    """A promise was broken."""


class Row(NamedTuple):
    """One event as a side holds it."""

    seq: int
    hash: bytes
    event: bytes | None


@dataclass
class Known:
    """What is known of one device's journal."""

    told: dict[int, str] = field(default_factory=dict)
    """Id of each acknowledged event, by its number."""
    keys: dict[str, int] = field(default_factory=dict)
    """Number of the event that each command led to, by its key."""
    receipt: Head | None = None
    """The furthest delivered mark seen."""
    copied_at: int = 0
    """How many answers had counted when the copy of its journal was made."""
    going_back: bool = False
    """It was restored and does not have everything back yet."""
    restored: bool = False
    branched: bool = False
    """Its journal has another branch: here, or in a copy of it that runs too."""
    elsewhere: dict[int, str] = field(default_factory=dict)
    """Acknowledged events that only the province has, as another branch."""
    expects: Counter[str] = field(default_factory=Counter)
    """Incidents that must be told, at least as often."""
    allows: set[str] = field(default_factory=set)
    """Incidents that may be told."""


class Oracle:
    """The truth about one world."""

    def __init__(self, province: Province, devices: list[Device]) -> None:
        self._province, self._devices = province, devices
        self.known = {device.name: Known() for device in devices}
        self.province_restored = False
        self._heard: list[str] = []
        """What a clerk was told that cannot be."""

    # --- what happens ----------------------------------------------------------------------------

    def acknowledged(self, device: Device, key: str, seq: int, id_: str) -> None:
        """A clerk was told that a command is recorded."""
        known = self.known[device.name]
        if known.keys.setdefault(key, seq) != seq:
            self._heard.append(f"{device.name}: {key!r} is {known.keys[key]} and {seq}")
        if known.branched:  # it may be numbered anew, in a successor
            known.elsewhere[-len(known.elsewhere) - 1] = id_
        elif known.told.setdefault(seq, id_) != id_:
            self._heard.append(f"{device.name}: no. {seq} was acknowledged as two events")

    def copied(self, device: Device) -> None:
        """A copy of the journal was made."""
        self.known[device.name].copied_at = device.answered

    def went_back(self, device: Device) -> None:
        """The journal was replaced by its copy: what nobody else holds is lost with the disk."""
        known = self.known[device.name]
        known.restored = known.going_back = True
        held = max(len(self.held_rows(device)), len(own_rows(device)))
        for seq in [seq for seq in known.told if seq > held]:
            del known.told[seq]
        known.keys = {key: seq for key, seq in known.keys.items() if seq <= held}
        known.allows.add("device-restored")
        if self.must_be_told(device):
            known.expects["device-restored"] += 1

    def must_be_told(self, device: Device) -> bool:
        """Whether the province must notice that the journal is an older one.

        Two answers that counted since the copy: with the second request the device showed a turn
        that the copy does not know.
        """
        return device.answered - self.known[device.name].copied_at >= TELLING_ANSWERS

    def branched(self, device: Device) -> None:
        """A restored office writes on; what the province holds beyond the copy is a branch."""
        self.went_back(device)
        known = self.known[device.name]
        known.branched, known.going_back = True, False
        known.elsewhere = {
            seq: id_ for seq, id_ in known.told.items() if seq > len(own_rows(device))
        }
        known.told = {seq: id_ for seq, id_ in known.told.items() if seq not in known.elsewhere}
        known.keys.clear()
        known.allows |= BRANCHED

    def cloned(self, device: Device, twin: Device) -> None:
        """A copy of a device runs beside it: a person must be told once both have spoken."""
        ours = self.known[device.name]
        self.known[twin.name] = Known(told=dict(ours.told), restored=True, branched=True)
        ours.restored = ours.branched = True
        ours.allows |= BRANCHED
        ours.expects["quarantined"] += 1

    def all_is_held(self, device: Device) -> bool:
        """Whether the province has all that was acknowledged at a branched device, if only aside,
        and has told whom it must."""
        known = self.known[device.name]
        held = {
            str(chain.event_id(hash_))
            for table in ("event", "aside_event")
            for (hash_,) in self._ask_province(f"SELECT hash FROM {table}")
        }
        missing = known.expects - self._incidents()[device.name]
        return not missing and held.issuperset([*known.told.values(), *known.elsewhere.values()])

    def came_back(self, device: Device) -> None:
        """A restored journal has heard the province: from now on all of it is there again."""
        self.known[device.name].going_back = False
        self.device_is_back(device)

    # --- what must hold at any time --------------------------------------------------------------

    def look(self) -> None:
        """Compare every running device's delivered mark with the province."""
        if self._heard:
            raise Broken("; ".join(self._heard))
        if not self._province.up:
            return
        for device in self._devices:
            if device.up and device.agent is not None:
                self._look_at(device, device.agent.journal.delivered)

    def _look_at(self, device: Device, delivered: Head) -> None:
        known = self.known[device.name]
        if self.province_restored or known.branched:
            return
        held = self.hash_at(device, delivered.seq)
        if held != delivered.hash:
            raise Broken(f"{device.name}: delivered up to {delivered.seq}, not held so")
        if known.receipt is not None and delivered.seq < known.receipt.seq and not known.restored:
            raise Broken(
                f"{device.name}: delivered fell from {known.receipt.seq} to {delivered.seq}"
            )
        if known.receipt is None or delivered.seq > known.receipt.seq:
            known.receipt = delivered

    def device_is_back(self, device: Device) -> None:
        """After a restart: everything that was acknowledged is there."""
        rows = {row.seq: row for row in own_rows(device)}
        known = self.known[device.name]
        for seq, id_ in () if known.branched else known.told.items():
            if seq not in rows:
                if known.going_back:
                    continue
                raise Broken(f"{device.name}: acknowledged no. {seq} is lost")
            if str(chain.event_id(rows[seq].hash)) != id_:
                raise Broken(f"{device.name}: acknowledged no. {seq} is another event now")

    def province_is_back(self) -> None:
        """After a restart: everything a receipt was given for is there."""
        if self.province_restored:
            return
        for device in self._devices:
            receipt = self.known[device.name].receipt
            if receipt is not None and self.hash_at(device, receipt.seq) != receipt.hash:
                raise Broken(f"the province lost {device.name}'s no. {receipt.seq}")

    # --- what must hold at the end ---------------------------------------------------------------

    def judge(self) -> None:
        """Hold both sides against everything that is known; all lines are up and all is told."""
        for device in self._devices:
            if not self.known[device.name].branched:
                self._judge_chain(device)
                self._judge_desk(device)
            elif not self.all_is_held(device):
                raise Broken(f"{device.name}: something acknowledged is not at the province")
        self._judge_keys()
        self._judge_incidents()

    def _judge_chain(self, device: Device) -> None:
        known, name = self.known[device.name], device.name
        ours, theirs = own_rows(device), self.held_rows(device)
        identity = device.enrolled.enrolment.identity
        head = identity.genesis
        for row in theirs:
            if row.seq != head.seq + 1:
                raise Broken(
                    f"{name}: a hole or a double at the province: {row.seq} after {head.seq}"
                )
            if row.event is None or chain.extend(head, row.event).hash != row.hash:
                raise Broken(f"{name}: no. {row.seq} at the province is not what its hash says")
            head = Head(row.seq, row.hash)
        if ours != theirs:
            raise Broken(f"{name}: {len(ours)} events at the office, {len(theirs)} at the province")
        for seq, id_ in known.told.items():
            if seq > len(theirs) or str(chain.event_id(theirs[seq - 1].hash)) != id_:
                raise Broken(f"{name}: acknowledged no. {seq} is not at the province")

    def _judge_desk(self, device: Device) -> None:
        identity = device.enrolled.enrolment.identity
        query = "SELECT e.seq, e.hash, e.event FROM desk_event e WHERE e.desk_id = ? ORDER BY e.seq"
        theirs = [Row(*row) for row in self._ask_province(query, identity.desk)]
        ours = own_rows(device, "desk")
        if ours != theirs:
            raise Broken(
                f"{device.name}: {len(ours)} desk events at the office, {len(theirs)} written"
            )

    def _judge_keys(self) -> None:
        """No command was recorded twice, in whatever journal."""
        purposes: Counter[str] = Counter()
        for (raw,) in self._ask_province("SELECT event FROM event WHERE kind = 'visit.checked_in'"):
            purposes[msgspec.json.decode(raw)["body"]["purpose"]] += 1
        doubled = sorted(key for key, count in purposes.items() if count > 1)
        if doubled:
            raise Broken(f"recorded twice: {doubled[:3]}")

    def _incidents(self) -> dict[str, Counter[str]]:
        """What people were told, by device; a copy's name is the original's."""
        found: dict[str, Counter[str]] = {device.name: Counter() for device in self._devices}
        by_id = {
            device.enrolled.enrolment.identity.device_id: device.name
            for device in reversed(self._devices)
        }
        for kind, device_id in self._ask_province("SELECT kind, device_id FROM incident"):
            found[by_id[device_id]][kind] += 1
        return found

    def _judge_incidents(self) -> None:
        found = self._incidents()
        for name, told in found.items():
            known = self.known[name]
            missing = known.expects - told
            if missing:
                raise Broken(f"{name}: nobody was told of {sorted(missing)}")
            alarms = set(told) - set(known.expects) - known.allows
            if alarms:
                raise Broken(f"{name}: told of {sorted(alarms)}, which never happened")

    # --- reading both sides ----------------------------------------------------------------------

    def hash_at(self, device: Device, seq: int) -> bytes | None:
        """Return hash(seq) of a device's journal as the province holds it."""
        identity = device.enrolled.enrolment.identity
        if seq == 0:
            return identity.genesis.hash
        found = self._ask_province(
            _HELD + " WHERE j.device_id = ? AND j.journal_id = ? AND e.seq = ?",
            identity.device_id, identity.journal, seq,
        )  # fmt: skip
        return found[0][1] if found else None

    def held_rows(self, device: Device) -> list[Row]:
        """Return a device's journal as the province holds it."""
        identity = device.enrolled.enrolment.identity
        query = _HELD + " WHERE j.device_id = ? AND j.journal_id = ? ORDER BY e.seq"
        return [
            Row(*row) for row in self._ask_province(query, identity.device_id, identity.journal)
        ]

    def _ask_province(self, query: str, *values: Any) -> list[Any]:
        with _reading(self._province) as connection:
            return list(connection.execute(query, values).fetchall())


_HELD = (
    "SELECT e.seq, e.hash, e.event FROM event e JOIN journal j"
    " ON j.office_id = e.office_id AND j.journal_no = e.journal_no"
)


@contextmanager
def _reading(province: Province) -> Iterator[Any]:
    key = (province.config.keys_dir / "database.key").read_bytes()
    connection = sqlcipher3.connect(f"file:{quote(str(province.file))}?mode=ro", uri=True)
    try:
        connection.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
        yield connection
    finally:
        connection.close()


def own_rows(device: Device, side: str = "office") -> list[Row]:
    """Return a device's journal as its own file holds it."""
    return rows_of(device.file, side)


def rows_of(file: Path, side: str) -> list[Row]:
    """Return the open journal of a file."""
    connection = database.open_reader(file, KEY)
    try:
        found = connection.execute(
            "SELECT seq, hash, body FROM event JOIN journal ON no = journal"
            " WHERE side = ? AND state = 'open' ORDER BY seq",
            (side,),
        ).fetchall()
    finally:
        connection.close()
    return [Row(*row) for row in found]
