"""The sync engine's hands: timers, tasks, journal, network. Decides nothing itself.

`Syncer.run` is one task of the daemon. Whatever happens becomes an input of the engine, in the
order in which it happened on the event loop; whatever the engine wants is done at once, or begun
as a task of the same group. Compressing, sealing and opening run on one thread of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any, TypeAlias, TypeVar

import structlog

from agent.clock import Clock
from agent.journal import Journal, Transaction
from agent.keys import JOURNAL_ID_BYTES, Enrolment
from agent.sync import faults, store
from agent.sync.answer import Answer, open_answer, open_short_answer
from agent.sync.blobs import NoUploads, Uploads
from agent.sync.builder import Builder, Built, Extras
from agent.sync.engine import Engine
from agent.sync.gathering import gather
from agent.sync.held import Held
from agent.sync.moving import AskProvince, JournalFollowed, Moved, look
from agent.sync.netlink import RouteWatch, open_route_socket
from agent.sync.pacing import Batch, Load, Pacing
from agent.sync.posting import Posting
from agent.sync.probe import LineProbe
from agent.sync.proving import Proving
from agent.sync.receipts import Applied, apply
from agent.sync.report import Reporter, Silent, Told
from agent.sync.retry import Delays
from agent.sync.saving import Saving
from agent.sync.session import Envelope, Session
from agent.sync.signals import (
    Abandon,
    Answered,
    Appended,
    Asking,
    Due,
    Enrolled,
    Failed,
    Input,
    NetworkUp,
    Probe,
    Send,
    Show,
    Silence,
    State,
    SyncNow,
    WaitUntil,
)
from agent.sync.transport import ExchangeError, Reply, Transport
from wire.problems import Refusal

_log = structlog.get_logger("agent")

T = TypeVar("T")
Work: TypeAlias = Coroutine[Any, Any, None]


class _Ending(Exception):  # noqa: N818 - a state of the group
    """The group of tasks is being ended; what happens meanwhile has no consequences."""


class Syncer:
    """Keeps journal and province the same. `run` until cancelled; one for each journal."""

    def __init__(
        self,
        journal: Journal,
        enrolment: Enrolment,
        transport: Transport,
        *,
        box: bytes,
        clock: Clock,
        random: Random,
        show: Callable[[Show], None],
        connect: Callable[[], Awaitable[bool]],
        fresh_bytes: Callable[[int], bytes],
        reporter: Reporter | None = None,
        delays: Delays | None = None,
        pacing: Pacing | None = None,
        uploads: Uploads | None = None,
        saving: Saving | None = None,
        ask_province: AskProvince | None = None,
    ) -> None:
        """`show` is told the line's state; `connect` tells whether the province can be reached.

        `fresh_bytes` gives unguessable bytes; `random` only spreads waits.
        """
        self._journal = journal
        self._enrolment = enrolment
        self._transport = transport
        self._clock = clock
        self._show = show
        self._reporter = reporter or Silent()
        self._builder = Builder(enrolment, clock)
        self._box = box
        self._ask_province = ask_province
        self._session, self._fresh_bytes = Session(fresh_bytes), fresh_bytes
        self._probe = LineProbe(connect, clock, random)
        self._saving = saving or Saving(clock)
        self._engine = Engine(delays or Delays(random), pacing, self._saving.holding)
        self._uploads = uploads or NoUploads()
        self._uploads.ask = lambda: self._feed(Asking())
        self._held = Held(journal)
        self._extras, self._days_wanted = Extras(), False
        self._proving = Proving()
        self._timer: asyncio.TimerHandle | None = None
        self._probing: asyncio.Task[None] | None = None
        self._posting = Posting(transport, lambda *heard: self._feed(Silence(*heard)))
        self._tasks: asyncio.TaskGroup | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sync sealing")

    # --- for the rest of the daemon ------------------------------------------------------------

    @property
    def state(self) -> State:
        """What the engine is doing."""
        return self._engine.state

    @property
    def goodput_bytes_s(self) -> int:
        """What the line carries, as far as is known."""
        return self._engine.pacing.goodput_bytes_s

    def sync_now(self) -> None:
        """A person wants it now: try at once, whatever was waited for."""
        self._saving.asked()
        self._feed(SyncNow())

    async def settled(self) -> None:
        """Try at once, and return when nothing is left to deliver; give it a timeout."""
        self.sync_now()
        while self._journal.backlog_events:
            await self._journal.wait_change()

    async def prove(self) -> None:
        """Ask for a receipt statement at once and return when one is kept; give it a timeout.

        What waits for 'sync now' goes on waiting: this is no person's wish.
        """
        kept = self._proving.ask()
        self._feed(Due(asked=True))
        await kept.wait()

    async def run(self) -> None:
        """Sync until cancelled, or until another journal or other keys of the province follow.

        Raises only what is a mistake of this program.
        """
        revoked = await self._journal.read(store.is_revoked)
        try:
            async with asyncio.TaskGroup() as self._tasks:
                self._start("journal", self._follow_journal())
                self._start("network", self._follow_network())
                self._feed(Enrolled(self._unsent(), revoked))
        except* (JournalFollowed, Moved) as over:
            _log.warning(str(over.exceptions[0]), journal=self._journal.marks.journal.hex())
        finally:
            self._tasks = None
            self._set_timer(None)
            self._thread.shutdown(wait=False, cancel_futures=True)
            await self._transport.close()

    # --- inputs --------------------------------------------------------------------------------

    async def _follow_journal(self) -> None:
        seen = self._journal.marks
        while True:
            if seen.journal != self._enrolment.identity.journal:
                raise JournalFollowed("a successor was opened")
            await self._journal.wait_change(seen)
            before, seen = seen, self._journal.marks
            if seen.head.seq > before.head.seq:
                self._feed(Appended(await self._saving.presses(self._journal, before.head.seq)))

    async def _follow_network(self) -> None:
        sock = open_route_socket()
        if sock is None:
            return
        with RouteWatch(sock) as watch:
            while True:
                await watch.changed()
                if self._probing is not None:
                    self._probe.kick()
                else:
                    self._feed(NetworkUp())

    async def _probe_until_up(self, *, down: bool) -> None:
        await self._probe.until_up(down=down)
        self._posting.listen()
        if self._probing is asyncio.current_task():
            self._feed(NetworkUp())

    def _feed(self, signal: Input) -> None:
        if self._tasks is None:
            return
        with contextlib.suppress(_Ending):
            self._carry_out(signal)

    def _carry_out(self, signal: Input) -> None:
        for effect in self._engine.handle(signal, self._clock.mono_ms()):
            match effect:
                case Send(request, batch):
                    self._start("exchange", self._exchange(request, batch))
                case Abandon(request):
                    self._posting.abandon(request)
                case WaitUntil(at_ms):
                    self._set_timer(at_ms)
                case Probe(on, down):
                    self._set_probe(self._probe_until_up(down=down) if on else None)
                case Show():
                    self._show(effect)

    # --- effects -------------------------------------------------------------------------------

    def _start(self, name: str, work: Work) -> asyncio.Task[None]:
        """Begin a task of the group. Raises _Ending once the group takes none any more."""
        try:
            if self._tasks is None:
                raise RuntimeError("not running")
            return self._tasks.create_task(work, name=f"sync {name}")
        except RuntimeError as error:
            work.close()
            raise _Ending from error

    def _set_timer(self, at_ms: int | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if at_ms is not None:
            seconds = max(at_ms - self._clock.mono_ms(), 0) / 1_000
            self._timer = asyncio.get_running_loop().call_later(seconds, self._feed, Due())

    def _set_probe(self, work: Work | None) -> None:
        if self._probing is not None and self._probing is not asyncio.current_task():
            self._probing.cancel()
        self._probing = None if work is None else self._start("probe", work)

    async def _exchange(self, request: int, batch: Batch) -> None:
        began_ms = self._clock.mono_ms()
        load = Load()
        try:
            await self._take_the_line()
            envelope = self._session.envelope(began_ms, full=self._extras.full)
            short = envelope.session is not None  # these carry a report only every so often
            told = await self._reporter.tell(days=self._days_wanted, sparing=short)
            built = await self._build(batch, told, envelope)
            load = built.load
            began_ms = self._clock.mono_ms()
            reply = await self._posting.post(request, built.message)
            load = replace(load, down_bytes=len(reply.body), took_ms=self._since(began_ms))
            await self._answered(request, built, load, reply, told)
        except ExchangeError as error:
            down_bytes = error.down_bytes or load.down_bytes
            load = replace(load, down_bytes=down_bytes, took_ms=self._since(began_ms))
            await self._failed(request, load, error)

    async def _take_the_line(self) -> None:
        """Note that the newest message is none on a stick; and what a stick brought meanwhile."""
        if await self._journal.read(store.is_newest_exported):
            try:
                await self._journal.write(store.made_on_the_line)
            except Refusal as refusal:
                raise ExchangeError(faults.not_durable(refusal), "before sending") from refusal
        self._held.look()

    async def _build(self, batch: Batch, told: Told, envelope: Envelope) -> Built:
        query = partial(
            gather,
            start=self._held.head,
            plain_bytes=batch.plain_bytes,
            box=self._box,
            uploads=self._uploads,
            gives_back=self._extras.gives_back,
        )
        read = await self._journal.read(query)
        envelope = self._session.fitting(envelope, read.outgoing.desk)
        due = self._proving.is_due(read.proof_ms, self._clock.now_ms(), self._clock.mono_ms())
        extras = replace(
            self._extras,
            report=told.report,
            days=told.days,
            prove=due,
            branch=read.branch,
            box=read.box,
            blobs=read.blobs,
        )
        building = partial(self._builder.build, read.outgoing, batch, extras, envelope)
        return replace(await self._on_thread(building), named=read.blobs)

    async def _answered(
        self, request: int, built: Built, load: Load, reply: Reply, told: Told
    ) -> None:
        answer = await self._on_thread(partial(self._open, reply.body, built))

        def job(transaction: Transaction) -> Applied:
            applied = apply(
                transaction,
                answer,
                load,
                self._held.head,
                last_seq=built.last_seq,
                successor=self._fresh_bytes(JOURNAL_ID_BYTES),
                box=self._box,
            )
            self._uploads.apply(transaction, built.named, answer.down)
            return applied

        try:
            applied = await self._saving.meter.keep(self._journal, job)
        except Refusal as refusal:
            raise ExchangeError(faults.not_durable(refusal), "effects of the answer") from refusal
        now_ms = self._clock.mono_ms()
        self._session.answered(built.envelope, answer.down, now_ms, built.standing.desk)
        self._remember(answer, applied, told)
        if answer.proof is not None:
            self._proving.kept()
        elif built.proves:
            self._proving.in_vain(now_ms)
        self._uploads.answered(built.named, answer.down)
        if applied.moved:
            raise Moved("the province moved")
        self._feed(
            Answered(
                request,
                load,
                applied.place(answer.down),
                unsent=self._unsent(),
                # What was recorded after a message was built does not make it one in vain.
                progress=applied.progress or built.load.plain_bytes == 0,
                pressing=await self._saving.presses(self._journal, self._held.head.seq),
                more=self._wants_more(applied, told, built) or self._uploads.is_asking(built.named),
                fault=None if applied.given_back else applied.fault,
                notice=applied.notice,
                next_after_s=answer.down.next_after,
            )
        )

    def _open(self, body: bytes, built: Built) -> Answer:
        session = built.envelope.session
        if session is None:
            return open_answer(body, built.request, self._enrolment)
        return open_short_answer(body, built.request, session, built.standing, self._enrolment)

    def _remember(self, answer: Answer, applied: Applied, told: Told) -> None:
        down = answer.down
        self._held.answered(applied.held)
        self._days_wanted = down.want_days
        restored = applied.fault is faults.DEVICE_RESTORED
        tried = self._extras.gives_back  # in vain, unless it is wanted from another place now
        self._extras = Extras(
            mending=down.turn if down.stale else None,
            fetch=self._journal.head.seq + 1 if restored else None,
            gives_back=applied.desk_wanted or (applied.desk_lost and not tried),
            new_box=applied.new_box,
        )
        if applied.given_back:
            _log.warning("own events came back", count=applied.given_back)
        if not down.stale:
            self._reporter.acknowledged(told)

    async def _failed(self, request: int, load: Load, error: ExchangeError) -> None:
        if error.fault is faults.SENDER_UNKNOWN:
            self._extras = replace(self._extras, introduce=True)
        if error.fault.ends_session:
            self._session.end()
        error = await look(self._journal, self._enrolment.province, self._ask_province, error)
        try:
            log = partial(store.log_exchange, load=load, fault=error.fault)
            await self._saving.meter.keep(self._journal, log)
        except Refusal as refusal:  # what keeps the disk from being written is the greater trouble
            error = ExchangeError(faults.not_durable(refusal), str(error))
        self._feed(Failed(request, error.fault, load, error.retry_after_s))

    def _wants_more(self, applied: Applied, told: Told, built: Built) -> bool:
        """Whether something is left that only another exchange brings."""
        days = self._days_wanted and told.days is None
        proof = self._proving.asked and not built.proves
        desk = applied.desk_more or applied.desk_followed or self._extras.gives_back
        came = applied.given_back > 0 or applied.branch_more
        return desk or came or days or proof

    def _unsent(self) -> bool:
        return self._journal.head.seq > self._held.head.seq

    def _since(self, began_ms: int) -> int:
        return self._clock.mono_ms() - began_ms

    async def _on_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
