"""All rooms of a running agent, joined: journal, service, line, devices, pages and rounds."""

import asyncio
import contextlib
import hashlib
import hmac
import os
import random
from collections.abc import Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Final

import msgspec
import structlog

from agent import diary, mounts, power, rounds
from agent.attached import attached
from agent.blobs.folder import BlobFolder
from agent.blobs.scan_folder import ScanFolder
from agent.clock import SystemClock
from agent.config import Config
from agent.devices.line import Shell
from agent.devices.manager import DeviceManager
from agent.devices.reading import Reading
from agent.documents import Documents
from agent.enrolled import Line
from agent.figures import Figures, province_of
from agent.intake import Intake
from agent.journal import Journal, Transaction, backup
from agent.journal.transaction import get_meta
from agent.keys import Enrolment
from agent.memory import settle
from agent.noticed import Noticed
from agent.notify import Notifier
from agent.rebuilding import Rebuilding
from agent.reserve import DOCUMENTS_LEAVE_BYTES
from agent.scans import Scans
from agent.service import KEYS_SINCE, Service
from agent.status import Live, Status, StatusBoard
from agent.sticks import Sticks
from agent.supervisor import Supervisor
from agent.users import Users
from agent.views import visit_rows
from agent.views.projector import Views
from agent.web.app import create_web
from agent.web.parts import Parts
from agent.web.readings import Readings
from agent.web.serve import Listeners, serve
from agent.web.shapes import DeviceShape
from agent.web.subscribers import Subscribers
from records import visits
from records.moment import local
from records.present import ProblemItem
from records.sync_report import ClockReport, DeviceReport
from records.values import Visitor
from records.visits import Visit
from wire.problems import Refusal

_log = structlog.get_logger("agent")

REPORT_TOKEN: Final = "report.token"  # noqa: S105 - a file's name
"""In `keys_dir`: the bearer token of `/sync-report`; without the file nobody may read it."""


class Daemon:
    """All rooms of one running agent."""

    def __init__(
        self,
        *,
        config: Config,
        key: bytes,
        clock: SystemClock,
        views: Views,
        journal: Journal,
        notifier: Notifier,
    ) -> None:
        self.config, self.key, self.clock = config, key, clock
        self.views, self.journal, self.notifier = views, journal, notifier
        self.agent = version("commune")
        self.folder = BlobFolder(config.blobs_dir, DOCUMENTS_LEAVE_BYTES)
        self.problems: Subscribers[ProblemItem] = Subscribers()
        self.noticed = Noticed(clock.now_ms, clock.mono_ms, self._tell_problem)
        self.board = StatusBoard(self._first_status(), self._live)
        self.rebuilding = Rebuilding(journal, views, self.board.touch)
        self.line = Line(
            config,
            journal,
            clock,
            self.board,
            noticed=self.noticed,
            folder=self.folder,
            fresh_bytes=os.urandom,
        )
        self.figures = Figures(
            config=config,
            journal=journal,
            views=views,
            clock=clock,
            agent=self.agent,
            goodput_bytes_s=self.line.goodput_bytes_s,
            devices=self.devices,
        )
        self.scans = self._scans()
        self.manager: DeviceManager | None = None

    async def run(
        self, enrolment: Enrolment | None, listeners: Listeners, stop: asyncio.Event
    ) -> None:
        """Serve until `stop` is set."""
        keys_since = await self.journal.read(partial(get_meta, key=KEYS_SINCE))
        documents = self._documents()
        await documents.prepare(stale=self.views.stale)
        service = Service(
            self.journal,
            self.views,
            self.clock,
            os.urandom,
            keys_since,
            believe=self.clock.confirm,
            documents=documents,
        )
        with contextlib.suppress(Refusal):  # a full disk: the status says so, people work on
            if await power.begin(self.journal, service, self.clock):
                _log.warning("power lost")
        parts = self._parts(service, documents)
        intake = self._intake(service, parts)
        self.manager = DeviceManager(attached(self.config.devices), self._shell(intake))
        ready = asyncio.Event()
        door = serve(
            create_web(parts),
            listeners,
            hostname=self.config.api.hostname,
            stop=stop,
            ready=ready,
        )

        def begin(supervisor: Supervisor) -> None:
            self._begin(supervisor, service, enrolment, ready)

        await Supervisor(stop).run(begin, door)
        with contextlib.suppress(Refusal):
            await power.end(self.journal)

    def _begin(
        self,
        supervisor: Supervisor,
        service: Service,
        enrolment: Enrolment | None,
        ready: asyncio.Event,
    ) -> None:
        journal, clock, board = self.journal, self.clock, self.board
        start = supervisor.start
        start("ready", self._tell_ready(ready))
        start("line", self.line.run(enrolment, self.figures))
        start("status", rounds.follow_status(board, self.figures, journal, clock))
        start("log", diary.follow(board))
        start("systemd", rounds.tell_systemd(board, self.notifier))
        start("watchdog", rounds.watch(journal, self.notifier))
        start("day end", rounds.end_day_visits(journal, self.views, service, clock))
        start("forgetting", rounds.forget_old(journal, service, clock))
        start("resting", rounds.rest(journal))
        start("mending", rounds.mend(journal, board.touch))
        if journal.reserve is not None:
            start("reserve", rounds.keep_reserve(journal.reserve, self.noticed, board.touch))
        start("looking over", rounds.look_over(journal))
        start("sticks", self._notice_sticks())
        start("scans", self.scans.run())
        if self.manager is not None:
            start("devices", self.manager.run())
        start("rebuild", self.rebuilding.run())

    async def _notice_sticks(self) -> None:
        """Let pages look again when something was plugged in or pulled."""
        try:
            async for _ in mounts.changes():
                self.board.touch()
        except OSError as error:  # pages still list what is plugged in whenever they are opened
            _log.warning("no word of sticks", reason=error.strerror)

    async def _tell_ready(self, ready: asyncio.Event) -> None:
        await ready.wait()
        settle()
        self.board.update(ready=True)
        self.notifier.ready()

    async def backup(self, file: str) -> int:
        """Copy the journal to `file`, with a fresh receipt in it; return the bytes written."""
        if self.board.snapshot().line == "online":
            await self.line.prove()
        began_ms = self.clock.now_ms()
        await self._note(backup.BEGAN_AT, began_ms)
        written = await asyncio.to_thread(backup.backup, self.config.database, self.key, Path(file))
        await self._note(backup.BACKUP_AT, began_ms)
        return written

    async def _note(self, name: str, value: int) -> None:
        def job(transaction: Transaction) -> None:
            transaction.set_meta(name, value)

        await self.journal.write(job)

    def devices(self) -> tuple[DeviceReport, ...]:
        """Every device of the configuration; one without a driver here is closed."""
        states = self.manager.states() if self.manager is not None else ()
        known = {
            state.name: msgspec.convert(state, DeviceReport, from_attributes=True)
            for state in states
        }
        return tuple(
            known.get(device.name)
            or DeviceReport(name=device.name, driver=device.driver, state="closed")
            for device in self.config.devices
        )

    def _documents(self) -> Documents:
        config = self.config
        own = (config.keys_dir, config.data_dir)
        return Documents(self.journal, self.folder, os.urandom, forbidden=own)

    def _scans(self) -> Scans:
        config, path = self.config, self.config.scans.folder
        folder = None if path is None else ScanFolder(path, (config.data_dir, config.keys_dir))
        return Scans(
            self.journal,
            self.folder,
            folder,
            clock=self.clock,
            noticed=self.noticed,
            random=os.urandom,
        )

    def _parts(self, service: Service, documents: Documents) -> Parts:
        return Parts(
            service=service,
            documents=documents,
            scans=self.scans,
            journal=self.journal,
            board=self.board,
            users=Users(self.journal, os.urandom),
            clock=self.clock,
            random=os.urandom,
            readings=Readings(derived(self.key, b"commune/opaque/1")),
            office_code=self.config.office,
            sync_now=self.line.sync_now,
            devices=self._device_shapes,
            report_token=partial(read_token, self.config.keys_dir / REPORT_TOKEN),
            sync_report=self.figures.sync_report,
            rebuild=self.rebuilding.anew,
            backup=self.backup,
            prove=self.line.prove,
            export=self.line.export,
            take_answer=self.line.take_answer,
            sticks=Sticks(mounts.sticks, self.line.export, self.line.take_answer),
            noticed=self.noticed,
            problems=self.problems,
        )

    def _device_shapes(self) -> Sequence[DeviceShape]:
        return [
            DeviceShape(device.name, device.driver, device.state, device.last_reading_age_s)
            for device in self.devices()
        ]

    def _intake(self, service: Service, parts: Parts) -> Intake:
        def show(reading: Reading) -> None:
            parts.readings.scanned(
                reading.value.text,
                device=reading.device,
                counter=reading.counter,
                at_ms=reading.at_ms,
                use="post" if reading.use == "post" else None,
            )

        def refused(reading: Reading, refusal: Refusal) -> None:
            self.noticed.add(f"reading-{reading.device}-{reading.at_ms}", refusal.code)

        return Intake(
            submit=service.submit_line,
            last_visit=self._last_visit,
            show=show,
            refused=refused,
            mark_key=derived(self.key, b"commune/opaque/1"),
            today=lambda: service.today,
        )

    async def _last_visit(self, visitor: Visitor) -> Visit | None:
        person = visits.person_key(visitor, self.views.person_key)
        if person is None:
            return None
        found = await self.journal.read(partial(visit_rows.last_of, person=person))
        return found.visit if found is not None else None

    def _shell(self, intake: Intake) -> Shell:
        return Shell(
            now_ms=self.clock.now_ms,
            mono_ms=self.clock.mono_ms,
            random=random.Random().random,  # noqa: S311 - jitter
            deliver=intake.take,
        )

    def _first_status(self) -> Status:
        return Status(
            office=self.config.office,
            name=self.config.office,
            province=province_of(self.config.office),
            agent=self.agent,
            generated_at=local(self.clock.now_ms()).isoformat(),
            clock=ClockReport(state=self.clock.state()),
        )

    def _live(self) -> Live:
        journal = self.journal
        return Live(
            journal.head.seq,
            journal.delivered.seq,
            journal.backlog_bytes,
            self._broken(),
            len(self.noticed.items()),
            self.line.saving_shown(),
        )

    def _broken(self) -> tuple[str, str] | None:
        broken, since_ms = self.journal.broken, self.journal.broken_at_ms
        return None if broken is None else (broken.code, local(since_ms).isoformat())

    def _tell_problem(self, problem: ProblemItem) -> None:
        self.problems.tell(problem)
        self.board.touch()


def derived(key: bytes, name: bytes) -> bytes:
    """32 secret bytes for one use, from the key of the journal's file."""
    return hmac.digest(key, name, hashlib.sha256)


def read_token(file: Path) -> str | None:
    """The bearer token of `/sync-report`, None when the office gives none out."""
    return file.read_text("ascii").strip() if file.exists() else None
