"""USB sticks in pockets: carried now, later, twice or never, in any order."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from carrier import names, reading
from carrier.names import MESSAGE_BYTES
from carrier.writing import Carried
from tests.simulation.device import Device
from tests.simulation.life import Dead
from tests.simulation.province import Province
from wire.problems import Refusal

STICKS_MAX = 6
SKIPPED = 0.12
"""Share of messages that somebody forgets to copy from one stick to the other."""


@dataclass
class Stick:
    """One stick and how often it was plugged in where."""

    folder: Path
    at_province: int = 0
    at_offices: dict[str, int] = field(default_factory=dict)


class Sticks:
    """All sticks there are."""

    def __init__(
        self, folder: Path, province: Province, random: Random, log: Callable[[str], None]
    ) -> None:
        folder.mkdir()
        self.all: list[Stick] = []
        self._folder, self._province, self._random, self._log = folder, province, random, log
        self._made = 0

    def pick(self) -> Stick:
        """Return one of the sticks, or a new one."""
        if not self.all or (len(self.all) < STICKS_MAX and self._random.random() < 0.3):
            self._made += 1
            folder = self._folder / f"{self._made}"
            folder.mkdir()
            self.all.append(Stick(folder))
        return self._random.choice(self.all)

    def lose(self) -> None:
        """Every stick is lost."""
        for stick in self.all:
            shutil.rmtree(stick.folder)
        self.all.clear()

    def rot(self) -> None:
        """One of the messages on a stick cannot be read any more."""
        files = [path for each in self.all for path in reading.find(each.folder, names.is_message)]
        if files:
            self._random.choice(files).unlink()
            self._log("a message on a stick is lost")

    async def export(self, device: Device, stick: Stick) -> None:
        """Put what waits at an office onto a stick, as `commune-agent carrier export` does."""
        if device.agent is None or device.life is None:
            return
        carried = Carried(stick.folder)
        after: int | None = None
        while device.up:
            work = device.agent.carrier.export(after)
            try:
                made = await device.life.ask(work, "export")
            except (Refusal, Dead):
                return
            name = names.message_name(self._random.randbytes(MESSAGE_BYTES))
            if self._random.random() >= SKIPPED:
                carried.write(name, made.message)
            self._log(f"{device.name} exports up to {made.last}")
            if not made.more:
                break
            after = made.last
        carried.settle()

    async def take_to_province(self, stick: Stick) -> None:
        """Plug a stick in at the province."""
        stick.at_province += 1
        try:
            taken = await self._province.take_stick(stick.folder)
        except (Dead, Refusal):
            return
        self._log(f"the province takes {taken.messages} from a stick, refuses {len(taken.refused)}")

    async def take_to_office(self, device: Device, stick: Stick) -> None:
        """Plug a stick in at an office, which reads every answer on it."""
        stick.at_offices[device.name] = stick.at_offices.get(device.name, 0) + 1
        fates: list[str] = []
        for path in reading.find(stick.folder, names.is_answer):
            if not device.up or device.agent is None or device.life is None:
                return
            work = device.agent.carrier.take(reading.read(path))
            try:
                fates.append(await device.life.ask(work, "take"))
            except Refusal as refusal:
                fates.append(refusal.code)
            except Dead:
                return
        self._log(f"{device.name} takes from a stick: {sorted(fates)}")
