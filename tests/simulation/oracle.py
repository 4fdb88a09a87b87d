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
from dataclasses import dataclass, field

import msgspec

from tests.simulation import accounts, numbers, reading
from tests.simulation.accounts import Broken
from tests.simulation.device import Device
from tests.simulation.province import Province
from wire import chain
from wire.chain import Head

TELLING_ANSWERS = 2
WENT_BACK = frozenset({"device-restored", "desk-lost"})
"""What people may be told of any device once the province went back and nobody said so."""
FORKED = frozenset({"fork", "device-restored", "quarantined"})
"""What people may be told once a journal has two branches; the last of late messages, too."""
CLONED = FORKED | {"box-changed", "part-swapped", "desk-lost"}


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
    forked: bool = False
    """It was restored and wrote on before it had heard: its journal has two branches."""
    cloned: bool = False
    """A copy of it runs too, or it is one."""
    elsewhere: set[str] = field(default_factory=set)
    """Acknowledged events whose number says nothing: of another branch, or in a successor now."""
    twins: set[str] = field(default_factory=set)
    """Those that were acknowledged at a copy that a person has switched off."""
    expects: Counter[str] = field(default_factory=Counter)
    """Incidents that must be told, at least as often."""
    allows: set[str] = field(default_factory=set)
    """Incidents that may be told."""

    @property
    def branched(self) -> bool:
        """Whether there are two branches of its journal, or two of the device."""
        return self.forked or self.cloned

    @property
    def ids(self) -> list[str]:
        """Everything that was acknowledged here."""
        return [*self.told.values(), *self.elsewhere]


class Oracle:
    """The truth about one world."""

    def __init__(self, province: Province, devices: list[Device]) -> None:
        self._province, self._devices = province, devices
        self.known = {device.name: Known() for device in devices}
        self.province_restored = self.announced = False
        """Whether the province was put back, and whether it was said so before anybody spoke."""
        self._heard: list[str] = []
        """What a clerk was told that cannot be."""

    # --- what happens ----------------------------------------------------------------------------

    def acknowledged(self, device: Device, key: str, seq: int, id_: str) -> None:
        """A clerk was told that a command is recorded."""
        known = self.known[device.name]
        if known.keys.setdefault(key, seq) != seq:
            self._heard.append(f"{device.name}: {key!r} is {known.keys[key]} and {seq}")
        if known.branched:  # it may be numbered anew, in a successor
            known.elsewhere.add(id_)
        elif known.told.setdefault(seq, id_) != id_:
            self._heard.append(f"{device.name}: no. {seq} was acknowledged as two events")

    def copied(self, device: Device) -> None:
        """A copy of the journal was made."""
        self.known[device.name].copied_at = device.answered

    def went_back(self, device: Device) -> None:
        """The journal was replaced by its copy: what nobody else holds is lost with the disk."""
        known = self.known[device.name]
        known.restored = known.going_back = True
        held = max(len(reading.held_rows(self._province, device)), len(reading.own_rows(device)))
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
        known.forked, known.going_back = True, False
        own = len(reading.own_rows(device))
        known.elsewhere |= {id_ for seq, id_ in known.told.items() if seq > own}
        known.told = {seq: id_ for seq, id_ in known.told.items() if seq <= own}
        known.keys.clear()
        known.allows |= FORKED

    def cloned(self, device: Device, twin: Device) -> None:
        """A copy of a device runs beside it: a person must be told once both have spoken."""
        ours = self.known[device.name]
        self.known[twin.name] = Known(told=dict(ours.told), restored=True, cloned=True)
        ours.restored = ours.cloned = True
        ours.allows |= CLONED
        ours.expects["quarantined"] += 1

    def switched_off(self, device: Device, twin: Device) -> None:
        """A person has found the copy of a device and switched it off."""
        ours = self.known[device.name]
        ours.twins |= set(self.known.pop(twin.name).ids)

    def province_went_back(self) -> None:
        """The province's database is an older one; all devices run.

        What an older journal had not got back before is lost with the newer database.
        """
        self.province_restored = True
        for device in self._devices:
            known = self.known[device.name]
            known.receipt = None
            known.copied_at = device.answered
            del known.expects["device-restored"]
            known.allows |= set() if self.announced else WENT_BACK
            if known.restored:
                self._forget_lost(device, known)

    def _forget_lost(self, device: Device, known: Known) -> None:
        known.allows |= {"device-restored"}
        if not self.announced:
            known.allows |= {"quarantined"}
        here = accounts.named(reading.own_journals(device))
        gone = {id_ for id_ in accounts.missing(self._province, known.ids) if not here[id_]}
        lost = {seq for seq, id_ in known.told.items() if id_ in gone}
        known.told = {seq: id_ for seq, id_ in known.told.items() if seq not in lost}
        known.keys = {key: seq for key, seq in known.keys.items() if seq not in lost}
        known.elsewhere -= gone

    def is_at_rest(self, device: Device) -> bool:
        """Whether everything is told: to the journals, or aside and to a person."""
        known = self.known[device.name]
        if self.is_doubted(device):
            return self.all_is_held(device)
        if not device.settled:
            return False
        if not (known.branched or self.province_restored):
            return True
        return accounts.agrees(self._province, device)

    def is_doubted(self, device: Device) -> bool:
        """Whether a person has to decide about a device first."""
        return accounts.state_of(self._province, device) == "quarantined"

    def all_is_held(self, device: Device) -> bool:
        """Whether the province has all that was acknowledged at a doubted device, if only aside,
        and has told whom it must."""
        known = self.known[device.name]
        told = known.expects - self._incidents()[device.name]
        return not told and not accounts.missing(self._province, known.ids)

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
        if known.branched:
            return
        held = reading.hash_at(self._province, device, delivered.seq)
        if held != delivered.hash:
            if self.province_restored:
                return  # it has not heard yet, or a late stick told of what was
            raise Broken(f"{device.name}: delivered up to {delivered.seq}, not held so")
        if known.receipt is not None and delivered.seq < known.receipt.seq and not known.restored:
            raise Broken(
                f"{device.name}: delivered fell from {known.receipt.seq} to {delivered.seq}"
            )
        if known.receipt is None or delivered.seq > known.receipt.seq:
            known.receipt = delivered

    def device_is_back(self, device: Device) -> None:
        """After a restart: everything that was acknowledged is there."""
        rows = {row.seq: row for row in reading.own_rows(device)}
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
        for device in self._devices:
            receipt = self.known[device.name].receipt
            if (
                receipt is not None
                and reading.hash_at(self._province, device, receipt.seq) != receipt.hash
            ):
                raise Broken(f"the province lost {device.name}'s no. {receipt.seq}")

    # --- what must hold at the end ---------------------------------------------------------------

    def judge(self) -> None:
        """Hold both sides against everything that is known; all lines are up and all is told."""
        for device in self._devices:
            known = self.known[device.name]
            if self.is_doubted(device):
                self._judge_doubt(device)
                continue
            if known.cloned and not known.twins:
                raise Broken(f"{device.name}: there are two, and nobody was told")
            accounts.judge(self._province, device, known.ids)
            accounts.judge_desk(self._province, device)
            self._judge_places(device)
            lost = accounts.missing(self._province, known.twins)
            if lost:
                raise Broken(f"{device.name}: what its copy was told is not held: {lost}")
        self._judge_keys()
        self._judge_numbers()
        self._judge_incidents()

    def _judge_doubt(self, device: Device) -> None:
        known = self.known[device.name]
        twice = known.restored and self.province_restored and not self.announced
        if not known.cloned and not twice:
            raise Broken(f"{device.name}: believed no more, and is not at fault")
        if not self.all_is_held(device):
            raise Broken(f"{device.name}: something acknowledged is not at the province")

    def _judge_places(self, device: Device) -> None:
        """What was told under a number stands under it, where no successor has numbered anew."""
        known, theirs = self.known[device.name], reading.held_rows(self._province, device)
        for seq, id_ in () if known.branched else known.told.items():
            if seq > len(theirs) or str(chain.event_id(theirs[seq - 1].hash)) != id_:
                raise Broken(f"{device.name}: acknowledged no. {seq} is not at the province")

    def _judge_numbers(self) -> None:
        twice = numbers.lent_twice(self._devices)
        told = any(each["numbers-twice"] for each in self._incidents().values())
        if twice and (self.announced or not self.province_restored):
            raise Broken(f"lent twice: {twice[0]}")
        if bool(twice) != told:
            raise Broken(f"lent twice, told: {told}: {twice[:1]}")

    def _judge_keys(self) -> None:
        """No command was recorded twice, in whatever journal."""
        purposes: Counter[str] = Counter()
        for (raw,) in reading.ask(
            self._province, "SELECT event FROM event WHERE kind = 'visit.checked_in'"
        ):
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
        for kind, device_id in reading.ask(self._province, "SELECT kind, device_id FROM incident"):
            found[by_id[device_id]][kind] += 1
        return found

    def _judge_incidents(self) -> None:
        found = self._incidents()
        for name, told in found.items():
            known = self.known[name]
            missing = known.expects - told
            if missing:
                raise Broken(f"{name}: nobody was told of {sorted(missing)}")
            alarms = set(told) - set(known.expects) - known.allows - {"numbers-twice"}
            if alarms:
                raise Broken(f"{name}: told of {sorted(alarms)}, which never happened")
