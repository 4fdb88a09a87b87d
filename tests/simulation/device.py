"""One office: the real journal, service, views, sync and stick code on a box that can be struck.

What `agent.main` wires for a daemon is wired here for a life of a simulated one: the same parts,
without pages and instruments, with simulated clocks, chance, line and disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any, Self

import pytest

import agent.figures
import agent.sync.shell
import agent.sync.usb
from agent.config import Api, Config, Province
from agent.figures import Figures
from agent.journal import Journal, Transaction, backup, database
from agent.journal.transaction import get_meta
from agent.service import KEYS_SINCE, Service
from agent.sync import store
from agent.sync.faults import QUARANTINED
from agent.sync.first import adopt_first_answer
from agent.sync.report import OfficeReporter
from agent.sync.retry import Delays
from agent.sync.shell import Syncer
from agent.sync.signals import Held, Idle, Show, State
from agent.sync.usb import Carrier
from agent.views.projector import Views
from records.sync_report import DiskReport
from tests.simulation.clock import BoxClock, VirtualLoop
from tests.simulation.disk import Cut, Image, lay
from tests.simulation.inline import OWNER
from tests.simulation.life import Life
from tests.simulation.link import Link
from tests.simulation.template import Enrolled
from wire.chain import Head

KEY = bytes(range(32))
PERSON_KEY = bytes(32)
JOURNAL = "journal.db"
STICK_PLAIN_BYTES = 1_500
"""Events in one message on a stick; in truth a thousand times more."""


@dataclass
class Agent:
    """The running parts of one life."""

    journal: Journal
    service: Service
    carrier: Carrier
    syncer: Syncer
    figures: Figures


class Device:
    """One device of an office, through all its lives."""

    def __init__(
        self, name: str, enrolled: Enrolled, link: Link, folder: Path, random: Random
    ) -> None:
        self.name, self.enrolled, self.link = name, enrolled, link
        self.machine = enrolled.machine
        self.image: Image = _fresh(folder / "fresh")
        """What lies on its disk while it does not run."""
        self.life: Life | None = None
        self.agent: Agent | None = None
        self.fell: list[str] = []
        """How sync fell, where it did: each is a mistake of the program."""
        self.shown: Show | None = None
        self.answered = 0
        """Answers of the line that counted, in all its lives."""
        self.heard = False
        """Whether there was one in this life."""
        self._folder, self._random = folder, random
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        self._loop = loop
        self.lives = self.boots = 0
        self.clock = BoxClock(loop)

    @property
    def up(self) -> bool:
        """Whether its agent runs."""
        return self.life is not None and not self.life.dead and self.agent is not None

    @property
    def state(self) -> State | None:
        """What its sync engine is doing."""
        return None if self.agent is None else self.agent.syncer.state

    @property
    def settled(self) -> bool:
        """Whether it has told everything and waits for news."""
        if not self.up or self.agent is None:
            return False
        idle = isinstance(self.state, Idle)
        return idle and self.agent.journal.head == self.agent.journal.delivered

    @property
    def held(self) -> bool:
        """Whether sync waits for a person."""
        return isinstance(self.state, Held)

    @property
    def file(self) -> Path:
        """Its journal's file, while it runs."""
        assert self.life is not None
        return self.life.folder / JOURNAL

    async def start(self) -> None:
        """Begin a new life on what is left of its disk. Raises what the daemon would end with."""
        self.lives += 1
        self.heard = False
        folder = self._folder / f"life {self.lives}"
        lay(self.image, folder)
        life = self.life = Life(self.name, folder, self._random)
        life.link = self.link
        self.agent = await life.ask(self._open(folder / JOURNAL), "opening")
        life.spawn(self._sync(self.agent), "sync")

    def reboot(self) -> None:
        """The next life begins with the box itself."""
        self.boots += 1
        self.clock = BoxClock(self._loop, self.boots, self.clock.skew_ms)

    def die(self, how: Cut) -> None:
        """Kill its agent, or cut its power."""
        if self.life is not None:
            self.life.die(how)
        if how != "kill":
            self.reboot()

    async def bury(self) -> None:
        """Clear away a dead life; what it left is what the next one begins with."""
        if self.life is not None:
            self.image = await self.life.bury()
            self.life = self.agent = None

    async def stop(self) -> None:
        """Stop the agent as its service manager does."""
        if self.agent is not None and self.life is not None and not self.life.dead:
            for task in list(self.life.tasks):
                if task.get_name().endswith(" sync"):
                    task.cancel()
            await self.life.ask(self.agent.journal.close(), "closing")
            self.image = await self.life.end()
            self.life = self.agent = None

    async def back_up(self, target: Path) -> None:
        """Copy the journal to `target`, as `commune-agent backup` does."""
        assert self.life is not None
        assert self.agent is not None
        began_ms = self.clock.now_ms()
        journal = self.agent.journal

        def note(transaction: Transaction) -> None:
            transaction.set_meta(backup.BEGAN_AT, began_ms)

        await self.life.ask(journal.write(note), "backup")
        backup.backup(self.file, KEY, target)

    def restore(self, copy: Path) -> None:
        """Put a copy in the place of a stopped journal, as `commune-agent restore` does."""
        folder = self._folder / f"restoring {self.lives}"
        lay(self.image, folder)
        backup.restore(copy, KEY, folder / JOURNAL, self.clock.now_ms())
        self.image = {JOURNAL: (folder / JOURNAL).read_bytes()}

    def head(self) -> Head:
        """Head of its journal."""
        assert self.agent is not None
        return self.agent.journal.head

    async def _open(self, file: Path) -> Agent:
        enrolment, clock = self.enrolled.enrolment, self.clock
        views = Views(PERSON_KEY)
        journal = await Journal.open(
            file, KEY, identity=enrolment.identity, projector=views, clock=clock
        )
        since = await journal.read(lambda conn: get_meta(conn, KEYS_SINCE))
        await adopt_first_answer(journal, enrolment, self.enrolled.answer)
        figures = Figures(
            config=_config(file),
            journal=journal,
            views=views,
            clock=clock,
            agent="simulated",
            goodput_bytes_s=lambda: None,
            devices=tuple,
        )
        service = Service(journal, views, clock, self._random.randbytes, since)
        carrier, syncer = self._parts(journal, figures)
        return Agent(journal, service, carrier, syncer, figures)

    def _parts(self, journal: Journal, figures: Figures) -> tuple[Carrier, Syncer]:
        """Make what speaks for the journal that is open now."""
        enrolment, clock = self.enrolled.enrolment, self.clock
        enrolment = enrolment._replace(identity=journal.identity or enrolment.identity)
        box = self.enrolled.box_on(self.machine)
        syncer = Syncer(
            journal,
            enrolment,
            self.link,
            box=box,
            clock=clock,
            random=self._random,
            show=self._show,
            connect=self.link.connects,
            fresh_bytes=self._random.randbytes,
            reporter=OfficeReporter(figures.collect, clock.mono_ms),
            delays=Delays(self._random),
        )
        reporter = OfficeReporter(figures.collect, clock.mono_ms)
        carrier = Carrier(
            journal, enrolment, clock, reporter, box=box, fresh_bytes=self._random.randbytes
        )
        return carrier, syncer

    async def _sync(self, agent: Agent) -> None:
        """Sync, and begin anew where a successor follows the journal, as `agent.enrolled` does."""
        try:
            while True:
                await agent.syncer.run()
                agent.carrier, agent.syncer = self._parts(agent.journal, agent.figures)
        except Exception as error:
            self.fell.append(repr(error)[:500])
            raise

    def _show(self, show: Show) -> None:
        self.shown = show
        counts = show.fault in {None, QUARANTINED}
        self.answered += counts
        self.heard = self.heard or counts

    async def turn(self) -> bytes:
        """The turn it shows next."""
        assert self.agent is not None
        return bytes(await self.agent.journal.read(lambda conn: get_meta(conn, store.TURN)) or b"")


def _fresh(folder: Path) -> Image:
    folder.mkdir(parents=True)
    database.open_writer(folder / JOURNAL, KEY).close()
    return {JOURNAL: (folder / JOURNAL).read_bytes()}


def _config(file: Path) -> Config:
    return Config(
        office="H26.101",
        data_dir=file.parent,
        keys_dir=file.parent,
        province=Province(url="http://province.invalid"),
        api=Api(socket=file.parent / "agent.sock"),
    )


class _Routes:
    """In the place of `agent.sync.netlink.RouteWatch`: the link tells of its changes."""

    def __init__(self, link: Link) -> None:
        self.changed = link.changed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        """Nothing to close."""


@contextmanager
def simulated_machine() -> Iterator[None]:
    """Let the agent ask the simulation where it would ask the machine: disk space and routes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(agent.figures, "disk_report", lambda _file: DiskReport(state="ok"))
        patch.setattr(agent.sync.shell, "open_route_socket", _link_of_this_task)
        patch.setattr(agent.sync.shell, "RouteWatch", _Routes)
        # Few records are several messages on a stick, which can be lost one by one.
        batch = replace(agent.sync.usb.BATCH, plain_bytes=STICK_PLAIN_BYTES)
        patch.setattr(agent.sync.usb, "BATCH", batch)
        yield


def _link_of_this_task() -> Any:
    owner = OWNER.get()
    assert isinstance(owner, Life)
    return owner.link
