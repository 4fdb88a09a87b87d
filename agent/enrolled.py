"""From a box without keys to one that syncs: waits for enrolment's files, then keeps the line.

Recording needs no line, so a mistake of ours in sync must never end it: sync that falls is logged
with its places, shown as `sync-failed`, and begun anew.
"""

import asyncio
import ssl
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from typing import Final

import structlog

from agent import keys
from agent.blobs.folder import BlobFolder
from agent.blobs.tus import TusClient
from agent.blobs.uploader import Uploader
from agent.clock import Clock
from agent.config import Config
from agent.figures import Figures
from agent.journal import Journal
from agent.keys import Enrolment
from agent.machine import box_of
from agent.noticed import Noticed
from agent.patient import until_recorded
from agent.status import SavingShown, StatusBoard
from agent.sync import faults, successor
from agent.sync.addresses import ManyAddresses, addresses
from agent.sync.blobs import Uploads
from agent.sync.first import adopt_first_answer
from agent.sync.http import HttpTransport
from agent.sync.moving import cancellable
from agent.sync.pacing import Pacing
from agent.sync.probe import connects
from agent.sync.report import OfficeReporter
from agent.sync.retry import Delays
from agent.sync.saving import Saving
from agent.sync.shell import Syncer
from agent.sync.signals import Held, Show
from agent.sync.thrift import Rules, quiet_hours
from agent.sync.tls import client_context
from agent.sync.transport import ExchangeError
from agent.sync.usb import Carrier, Exported, Fate
from records.moment import local
from wire.problems import Refusal

_log = structlog.get_logger("agent")

FIRST_ANSWER: Final = "first-answer"
"""Id of the problem that the enrolment's answer cannot be read."""
RESTART_S_MIN: Final = 5.0
RESTART_S_MAX: Final = 600.0
"""Sync that falls over what stands in the journal falls again: less often each time."""
LOOK_S: Final = 2.0
"""A technician who has just enrolled the box is waiting beside it."""

PROVE_S_MAX: Final = 10.0
"""A backup waits this long for a receipt statement: without a line it is made all the same."""


class Line:
    """The line to the province, as far as there is one."""

    def __init__(
        self,
        config: Config,
        journal: Journal,
        clock: Clock,
        board: StatusBoard,
        *,
        noticed: Noticed,
        folder: BlobFolder,
        fresh_bytes: Callable[[int], bytes],
    ) -> None:
        self._config, self._journal, self._fresh_bytes = config, journal, fresh_bytes
        self._clock, self._board, self._noticed = clock, board, noticed
        self._folder = folder
        self._uploads = Uploads()
        self.saving = Saving(clock, _rules(config))
        self._urls: tuple[str, ...] = (config.province.url,)
        self._uploads_moved = asyncio.Event()
        self._syncer: Syncer | None = None
        self._carrier: Carrier | None = None

    async def export(self, after: int | None) -> Exported:
        """Make the next message for a stick. Raises Refusal `not-enrolled`, and as `Carrier`."""
        return await self._by_stick().export(after)

    async def take_answer(self, body: bytes) -> Fate:
        """Take an answer from a stick. Raises Refusal `not-enrolled`, and as `Carrier`."""
        return await self._by_stick().take(body)

    def _by_stick(self) -> Carrier:
        if self._carrier is None:
            raise Refusal("not-enrolled")
        return self._carrier

    def sync_now(self) -> None:
        """Try at once; before enrolment there is nothing to try. Scans that wait go too."""
        if self._syncer is not None:
            self._syncer.sync_now()

    async def prove(self) -> bool:
        """Get a receipt statement of now, if the province answers soon; whether one came."""
        if self._syncer is None:
            return False
        try:
            async with asyncio.timeout(PROVE_S_MAX):
                await self._syncer.prove()
        except TimeoutError:
            return False
        return True

    def goodput_bytes_s(self) -> int | None:
        """What the line carries, as far as is known."""
        return self._syncer.goodput_bytes_s if self._syncer is not None else None

    def saving_shown(self) -> SavingShown:
        """What is held back at this moment, as the status has it."""
        held = self.saving.holding()
        until_ms = held.until_ms
        return SavingShown(
            why=held.why,
            documents=held.documents,
            records="rarely" if held.rarely else "go",
            until=None if until_ms is None else local(until_ms).isoformat(),
            bytes_today=self.saving.meter.today_bytes,
            day_bytes_max=self.saving.rules.day_bytes_max,
        )

    async def run(self, enrolment: Enrolment | None, figures: Figures) -> None:
        """Wait for the enrolment if need be, then sync until cancelled."""
        if enrolment is None:
            enrolment = await wait_for_enrolment(self._config.keys_dir)
            await until_recorded(partial(self._journal.enrol, enrolment.identity))
        await self._take_first_answer(enrolment)
        await self.saving.meter.load(self._journal)
        self._board.update(line="offline", line_since=local(self._clock.now_ms()).isoformat())
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_uploading(), name="uploads")
            await self._keep_syncing(enrolment, figures)

    async def _keep_syncing(self, enrolment: Enrolment, figures: Figures) -> None:
        attempt = 0
        while True:
            attempt += 1
            now = await self._now(enrolment)
            if await self._sync_until_it_falls(now, figures):
                attempt = 0
                continue
            self._show(Show(faults.SYNC_FAILED.line, faults.SYNC_FAILED))
            await asyncio.sleep(_restart_s(attempt))

    async def _now(self, enrolment: Enrolment) -> Enrolment:
        """Return who this device is now: its open journals, the province and where that is."""
        known = await self._journal.read(partial(successor.known, enrolled=enrolment.province))
        urls = addresses(self._config.province.url, known)
        if urls != self._urls:
            self._urls = urls
            self._uploads_moved.set()
        identity = self._journal.identity or enrolment.identity
        return enrolment._replace(identity=identity, province=known[-1])

    async def _keep_uploading(self) -> None:
        attempt = 0
        while True:
            attempt += 1
            self._uploads_moved.clear()
            if await self._upload_until_it_falls():
                attempt = 0
                continue
            await asyncio.sleep(_restart_s(attempt))

    async def _upload_until_it_falls(self) -> bool:
        """Return true when it ended because the province has another address."""
        async with asyncio.TaskGroup() as tasks:
            uploading = tasks.create_task(self._upload(), name="uploader")
            moved = tasks.create_task(self._uploads_moved.wait(), name="address")
            await asyncio.wait((uploading, moved), return_when=asyncio.FIRST_COMPLETED)
            for each in (uploading, moved):
                each.cancel()
        return self._uploads_moved.is_set()

    async def _upload(self) -> None:
        try:
            await self._uploader().run()
        except Exception:  # noqa: BLE001 - whatever it is, events go on
            _log.exception("uploads fell")

    def _uploader(self) -> Uploader:
        return Uploader(
            self._journal,
            self._folder,
            TusClient(
                self._urls[0],
                tls_of(self._config, self._clock),
                self.saving.meter.add,
            ),
            self._uploads,
            is_well=lambda: self._board.snapshot().line == "online",
            line_news=lambda: self._board.line_news,
            goodput_bytes_s=self.goodput_bytes_s,
            random=Random(),  # noqa: S311 - jitter
            saving=self.saving,
        )

    async def _sync_until_it_falls(self, enrolment: Enrolment, figures: Figures) -> bool:
        """Return true when another journal, or other keys of the province, follow what it kept.

        Making it can fail too, over a trust root that is not there: sticks go on even then.
        """
        try:
            self._carrier = self._carried(enrolment, figures)
            self._syncer = self._made(enrolment, figures)
            await cancellable(self._syncer.run())
        except Exception:  # noqa: BLE001 - whatever it is, the counter goes on
            _log.exception("sync fell")
            return False
        finally:
            self._syncer = None
        return True

    def _carried(self, enrolment: Enrolment, figures: Figures) -> Carrier:
        return Carrier(
            self._journal,
            enrolment,
            self._clock,
            OfficeReporter(figures.collect, self._clock.mono_ms),
            box=self._box(enrolment),
            fresh_bytes=self._fresh_bytes,
        )

    def _box(self, enrolment: Enrolment) -> bytes:
        return box_of(enrolment.identity.device_id, self._config.data_dir)

    def _made(self, enrolment: Enrolment, figures: Figures) -> Syncer:
        tls = tls_of(self._config, self._clock)
        transport = ManyAddresses(
            self._urls, partial(HttpTransport, tls=tls, count=self.saving.meter.add)
        )
        random = Random()  # noqa: S311 - jitter, not secrets
        return Syncer(
            self._journal,
            enrolment,
            transport,
            box=self._box(enrolment),
            clock=self._clock,
            random=random,
            show=self._show,
            connect=lambda: connects(*transport.address),
            fresh_bytes=self._fresh_bytes,
            reporter=OfficeReporter(figures.collect, self._clock.mono_ms),
            delays=Delays(random, poll_s=self._config.sync.poll_s),
            pacing=Pacing(aim_ms=self._config.sync.exchange_s * 1000),
            uploads=self._uploads,
            saving=self.saving,
            ask_province=transport.province,
        )

    async def _take_first_answer(self, enrolment: Enrolment) -> None:
        """Take the enrolment's answer in; one that cannot be read is a problem and no more.

        The first exchange brings what it would have brought.
        """
        try:
            answer = await asyncio.to_thread(_read_or_none, self._config.keys_dir / keys.ANSWER)
            if answer is not None:
                adopt = partial(adopt_first_answer, self._journal, enrolment, answer)
                await until_recorded(adopt)  # no exchange could do more
        except (OSError, ExchangeError, Refusal):
            self._noticed.add(FIRST_ANSWER, "first-answer-unreadable", stays=True)

    def _show(self, shown: Show) -> None:
        error = shown.fault.code if shown.fault is not None else None
        if shown.line == "online" and error is None:
            self._noticed.over(FIRST_ANSWER)
        held = self._syncer is not None and isinstance(self._syncer.state, Held)
        at = local(self._clock.now_ms()).isoformat()
        self._board.tell_line(shown.line, error, at, held=held)


async def wait_for_enrolment(keys_dir: Path) -> Enrolment:
    """Look for enrolment's files every two seconds. Raises Refusal when they are not right."""
    while True:
        enrolment = await asyncio.to_thread(keys.read_enrolment, keys_dir)
        if enrolment is not None:
            return enrolment
        await asyncio.sleep(LOOK_S)


def tls_of(config: Config, clock: Clock) -> ssl.SSLContext:
    """A context that resumes and believes the configuration's trust root, or the system's.

    A clock that cannot be right judges no dates of certificates.
    """
    return client_context(config.province.ca_file, lambda: clock.state() != "suspect")


def _rules(config: Config) -> Rules:
    return Rules(config.sync.day_bytes_max, quiet_hours(config.sync.quiet) or ())


def _restart_s(attempt: int) -> float:
    return min(RESTART_S_MIN * (1 << min(attempt - 1, 16)), RESTART_S_MAX)


def _read_or_none(file: Path) -> bytes | None:
    return file.read_bytes() if file.exists() else None
