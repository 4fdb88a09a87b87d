"""One world from one seed: offices, lines, sticks and a province, troubled, then left in peace.

`run` gives the outcome. The same seed gives the same happenings: everything that is drawn is drawn
from it, and time is simulated. What the programs draw for their seals (fresh keys, nonces) differs
each time, but never in length, and nothing depends on it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from random import Random

from server.reconcile import reconcile, usual_span
from tests.simulation import clock
from tests.simulation.accounts import Broken
from tests.simulation.clerk import Clerk
from tests.simulation.clock import VirtualLoop
from tests.simulation.device import Device
from tests.simulation.disk import Image
from tests.simulation.life import Dead
from tests.simulation.link import Link, Weather
from tests.simulation.oracle import Oracle
from tests.simulation.province import Province
from tests.simulation.stick import Sticks
from tests.simulation.template import Enrolled, template
from wire.problems import Refusal

SETTLE_S_MAX = 6 * 3600
"""A world left in peace has told everything after so long: the longest wait of all."""
LOOK_S = 10
PRESSED = 0.02
"""How often somebody presses 'sync now' where sync is held, at each look."""
DEVICES = (2, 2, 2, 3)
"""How many devices a world has; one of these."""


class World:
    """Everything there is, and what happened to it."""

    def __init__(self, seed: int, folder: Path, loop: VirtualLoop) -> None:
        self.seed, self.folder, self.loop = seed, folder, loop
        self.random = self.dice("moves")
        self.trace: list[str] = []
        self.counts: Counter[str] = Counter()
        self.copies: dict[str, Path] = {}
        """The copy of each journal that has one."""
        self.restored: set[str] = set()
        self.province_copy: Image | None = None
        count = self.random.choice(DEVICES)
        begin = template(count)
        self.province = Province(begin, folder / "province", self.dice("province"), loop)
        self.devices = [
            self._device(f"office {number}", begin.devices[number]) for number in range(count)
        ]
        self.oracle = Oracle(self.province, self.devices)
        self.clerks = {device.name: Clerk(device, self.oracle, self.log) for device in self.devices}
        self.sticks = Sticks(folder / "sticks", self.province, self.dice("sticks"), self.log)

    def _device(self, name: str, enrolled: Enrolled) -> Device:
        link = Link(name, self.province, self.dice(f"{name} line"), self.loop)
        folder = self.folder / name
        return Device(name, enrolled, link, folder, self.dice(name))

    def dice(self, name: str) -> Random:
        """Return the chance of one part of the world: what others draw does not shift it."""
        return Random(f"{self.seed} {name}")

    def is_branched(self, device: Device) -> bool:
        """Whether there are two branches of a device's journal, or two of the device."""
        return self.oracle.known[device.name].branched

    def join(self, twin: Device) -> None:
        """Let a copied device be part of the world."""
        self.devices.append(twin)
        self.clerks[twin.name] = Clerk(twin, self.oracle, self.log)

    def log(self, text: str) -> None:
        """Note a happening."""
        self.trace.append(f"{self.loop.time():12.3f} {text}")

    # --- what moves and peace share --------------------------------------------------------------

    async def start_device(self, device: Device) -> None:
        """Bury what died and start the agent on what is left. Raises Broken when it will not."""
        await device.bury()
        try:
            await device.start()
        except Dead:
            return  # struck while it began
        except Refusal as refusal:
            raise Broken(f"{device.name} does not start: {refusal.code} {refusal}") from refusal
        self.log(f"{device.name} starts at {device.head().seq}")
        self.oracle.device_is_back(device)

    async def start_province(self, *, restored: bool = False) -> None:
        """Bury what died and start the server on what is left. Raises Broken when it will not.

        `restored`: it was put back, and may have forgotten.
        """
        await self.province.bury()
        try:
            await self.province.start()
        except Refusal as refusal:
            raise Broken(f"the province does not start: {refusal.code} {refusal}") from refusal
        self.log("the province starts")
        if not restored:
            self.oracle.province_is_back()

    def look(self) -> None:
        """Let the oracle look, and see that no program fell."""
        self.oracle.look()
        for device in self.devices:
            if device.fell:
                raise Broken(f"{device.name}: sync fell: {device.fell}")
        if self.province.accidents:
            raise Broken(f"the province had an accident: {self.province.accidents}")
        if self.loop.fallen:
            raise Broken(f"nobody took: {self.loop.fallen}")
        for device in self.devices:
            clerk = self.clerks[device.name]
            if clerk.waits and device.settled and device.heard:
                clerk.waits = False
                self.oracle.came_back(device)
                self.log(f"{device.name} has everything back: {device.head().seq}")

    # --- peace -----------------------------------------------------------------------------------

    async def leave_in_peace(self) -> None:
        """Mend every line, start everybody, let everything be told. Raises Broken if it is not."""
        self.log("peace")
        for life in (self.province.life, *(device.life for device in self.devices)):
            if life is not None:
                life.disk.spare()
        if not self.province.up:
            await self.start_province()
        self.province.skew_ms = 0
        for device in self.devices:
            device.link.weather = Weather.fair()
            device.link.latency_s = 0.1
            device.link.set(up=True)
            device.clock.skew_ms = 0
            if not device.up:
                await self.start_device(device)
        await self._wait(self._told_everything, "does not come to rest")
        for clerk in self.clerks.values():
            clerk.record(1)  # the newest head goes over the line, with a report of its days
        await asyncio.sleep(1)
        await self._wait(self._told_everything, "does not come to rest after one record more")
        await self._wait_until_reported()

    async def _wait(self, done: object, what: str) -> None:
        end_s = self.loop.time() + SETTLE_S_MAX
        while not done():  # type: ignore[operator]
            if self.loop.time() > end_s:
                raise Broken(f"{what}: {self._standing()}")
            for device in self.devices:
                self.clerks[device.name].ask_again()
                pressed = self.random.random() < PRESSED
                if pressed and device.held and device.agent is not None:
                    device.agent.syncer.sync_now()
            await asyncio.sleep(LOOK_S)
            self.look()

    def _told_everything(self) -> bool:
        clerks = self.clerks.values()
        answered = not any(clerk.unanswered or clerk.waits for clerk in clerks)
        if not answered:
            return False
        return all(map(self.oracle.is_at_rest, self.devices))

    async def _wait_until_reported(self) -> None:
        """Wait until the reports of both sides agree, as `/v1/reconciliation` compares them."""
        end_s = self.loop.time() + SETTLE_S_MAX
        while not await self._agree():
            if self.loop.time() > end_s:
                raise Broken(f"the digests of days stay different: {self._standing()}")
            for device in self.devices:
                if device.agent is not None:
                    device.agent.syncer.sync_now()
            await asyncio.sleep(900)
            self.look()

    async def _agree(self) -> bool:
        today = clock.date_of(self.province.now_ms())
        identities = {device.enrolled.enrolment.identity: device for device in self.devices}
        branched = {each.office_id for each, d in identities.items() if self.is_branched(d)}
        offices = {each.office_id for each in identities} - branched

        async def compare() -> bool:
            async with self.province.ctx.store.read() as conn:
                found = [await reconcile(conn, each, usual_span(today)) for each in sorted(offices)]
            return all(each.equal for each in found)

        return await self.province.run(compare())

    def _standing(self) -> str:
        return "; ".join(
            f"{device.name}: {device.state}, shows {device.shown},"
            f" head {device.agent and device.agent.journal.head.seq},"
            f" delivered {device.agent and device.agent.journal.delivered.seq},"
            f" unanswered {len(self.clerks[device.name].unanswered)}"
            for device in self.devices
        )
