"""The durable journal: one connection writes, everybody is answered after the fsync.

Jobs that wait at the same moment share one transaction (`commit.py`). The order of answers is the
order of asking. After an I/O error the journal is `broken`: it refuses every write until
`reopen` has looked at the file again: after a failed fsync nobody knows what the disk holds.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple, TypeVar, cast

from agent.clock import Clock
from agent.journal import again, database
from agent.journal.commit import CommitFailed, Committed, Job, Outcome, commit
from agent.journal.database import Connection, Connector
from agent.journal.identity import Identity
from agent.journal.marks import adopt, read_marks
from agent.journal.projector import Projector
from agent.journal.state import Marks, now_in
from agent.journal.transaction import Transaction
from agent.journal.worker import Worker
from agent.reserve import Reserve
from wire.chain import Head
from wire.problems import Refusal

T = TypeVar("T")

BATCH_JOBS_MAX: Final = 1024
"""Jobs in one transaction: longer ones make the first waiter wait without saving fsyncs."""
QUEUE_JOBS_MAX: Final = 16_384
"""Jobs waiting; more means that the disk has stopped, and a refusal is kinder than a long wait."""
CLOSE_S_MAX: Final = 2.0
"""A stop waits this long for what was already asked; the daemon must be gone within 5 s."""


class _Entry(NamedTuple):
    jobs: Sequence[Job]
    waiter: "asyncio.Future[list[Outcome]]"


class Journal:
    """The journal's file, open. Made by `Journal.open`; closed by `close`."""

    def __init__(
        self,
        *,
        path: Path,
        key: bytes,
        connect: Connector,
        writer: Worker,
        reader: Worker,
        marks: Marks,
        identity: Identity | None,
        projector: Projector,
        clock: Clock,
        reserve: Reserve | None = None,
    ) -> None:
        self.path = path
        self.reserve = reserve
        """Room kept aside for what cannot wait; None: none is."""
        self._enrolled = identity
        self.broken: Refusal | None = None
        """Why nothing is written any more; None while all is well."""
        self.broken_at_ms = 0
        """Since when, by the wall clock; of the last time when all is well."""
        self._key, self._connect = key, connect
        self._writer, self._reader = writer, reader
        self._marks = marks
        self._projector = projector
        self._clock = clock
        self._queue: deque[_Entry] = deque()
        self._queued_jobs = 0
        self._asked = asyncio.Event()
        self._changed = asyncio.Event()
        self._broke = asyncio.Event()
        self._closing = False
        self._committer = asyncio.create_task(self._commit_forever(), name="journal commits")

    @classmethod
    async def open(
        cls,
        path: Path,
        key: bytes,
        *,
        identity: Identity | None,
        projector: Projector,
        clock: Clock,
        connect: Connector | None = None,
        reserve: Reserve | None = None,
    ) -> "Journal":
        """Open or make the journal at `path` with the raw 32-byte `key`.

        Raises Refusal, having changed nothing: `key-wrong`, `journal-damaged`, `schema-newer`;
        `disk-full` and `disk-failed` when the disk refuses. The time this takes does not depend on
        the number of events.
        """
        connector = connect or partial(database.open_writer, path, key)
        try:
            writer = await Worker.start(connector, "journal writer")
            try:
                marks = await writer.run(partial(_prepare, identity, projector))
                reader = await Worker.start(
                    partial(database.open_reader, path, key), "journal reader"
                )
            except BaseException:
                await writer.end()
                raise
        except database.DatabaseError as error:
            if database.primary_code(error) not in database.DISK_CODES:
                raise  # a mistake of this program
            raise database.refusal_of(error) from error
        except OSError as error:
            raise Refusal("disk-failed", str(error)) from error
        return cls(
            path=path,
            key=key,
            connect=connector,
            writer=writer,
            reader=reader,
            marks=marks,
            identity=identity,
            projector=projector,
            clock=clock,
            reserve=reserve,
        )

    @property
    def identity(self) -> Identity | None:
        """Which journals are written and held now; None before enrolment."""
        return now_in(self._enrolled, self._marks)

    @property
    def marks(self) -> Marks:
        """Where the journals stand as of the last COMMIT."""
        return self._marks

    @property
    def head(self) -> Head:
        """Head of the office journal as of the last COMMIT."""
        return self._marks.head

    @property
    def delivered(self) -> Head:
        """Up to where a verified receipt covers the office journal."""
        return self._marks.delivered

    @property
    def desk_head(self) -> Head:
        """Head of the desk journal."""
        return self._marks.desk_head

    @property
    def backlog_events(self) -> int:
        """Events that no receipt covers yet."""
        return self._marks.head.seq - self._marks.delivered.seq

    @property
    def backlog_bytes(self) -> int:
        """Their size as event text."""
        return self._marks.head_bytes - self._marks.delivered_bytes

    async def write(self, job: Callable[[Transaction], T]) -> T:
        """Run `job` in the next transaction; return its result once that is durable.

        An exception of the job undoes that job alone and is raised here. Raises Refusal `busy`
        when too much waits, `disk-full`, `disk-failed`. A cancelled waiter's job may still run.
        """
        outcome = (await self._ask((job,)))[0]
        if outcome.error is not None:
            raise outcome.error
        return cast("T", outcome.value)

    async def write_many(self, jobs: Sequence[Callable[[Transaction], T]]) -> list[T | Exception]:
        """Run `jobs` in one transaction; one entry each, its result or its exception.

        A job may run twice: when a neighbour fails after it wrote, all are undone and run again. So
        what a job leaves behind stands in the transaction, and none of these changes a schema.
        At most BATCH_JOBS_MAX jobs, else ValueError. Raises as `write` when nothing is recorded.
        """
        if len(jobs) > BATCH_JOBS_MAX:
            raise ValueError(f"more than {BATCH_JOBS_MAX} jobs")
        if not jobs:
            return []
        return [outcome.error or outcome.value for outcome in await self._ask(jobs)]

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run `query` on the read-only connection, on its own thread: for pages and look-ups."""
        return await self._reader.run(query)

    async def read_apart(self, query: Callable[[Connection], T]) -> T:
        """Run `query` on a connection of its own: for what takes long, so that no page waits."""
        worker = await Worker.start(self.connect_reader, "journal reader apart")
        try:
            return await worker.run(query)
        finally:
            await worker.end()

    def connect_reader(self) -> Connection:
        """Open a read-only connection; the caller closes it."""
        return database.open_reader(self.path, self._key)

    async def wait_beyond(self, seq: int) -> None:
        """Return as soon as the office journal's head is beyond `seq`."""
        while self._marks.head.seq <= seq:
            await self._changed.wait()

    async def wait_change(self, since: Marks | None = None) -> None:
        """Return at the next change of heads or marks; at once if it came after `since`."""
        if since is None or since == self._marks:
            await self._changed.wait()

    async def enrol(self, identity: Identity) -> None:
        """Enter the journals enrolment gave, once.

        Raises Refusal `journal-damaged` when the file holds other journals already.
        """
        self._enrolled = identity
        await self.write(partial(_enrol, identity))

    async def wait_broken(self) -> None:
        """Return as soon as the journal is broken."""
        while self.broken is None:
            await self._broke.wait()

    async def reopen(self) -> None:
        """Open the file anew and look at it; writes are accepted if it is sound.

        Nothing is believed that stands in memory alone (`agent.journal.again`), and what was
        acknowledged must be held. Raises Refusal as `open`; then the journal stays broken. Who
        reads goes on with the former connection until there is a new one.
        """
        with contextlib.suppress(database.DatabaseError):
            await self._writer.end()
        self._projector.undone()
        try:
            marks = await self._look_again()
        except (database.DatabaseError, OSError) as error:
            raise database.refusal_of(error) from error
        self._set_marks(marks.waiting_as(self._marks))
        self.broken = None
        self._broke.clear()

    async def _look_again(self) -> Marks:
        await asyncio.to_thread(again.forget_cached, self.path)
        self._writer = await Worker.start(self._connect, "journal writer")
        await self._writer.run(again.fold_in)
        await self._writer.run(partial(again.prove_tail, acknowledged=self._marks.head))
        await self._writer.run(partial(again.prove_write, now_ms=self._clock.now_ms()))
        marks = await self._writer.run(partial(_prepare, self._enrolled, self._projector))
        former = self._reader
        self._reader = await Worker.start(self.connect_reader, "journal reader")
        with contextlib.suppress(database.DatabaseError):
            await former.end()
        return marks

    async def rest(self) -> None:
        """Let both connections give their cached pages back; the next work reads them again."""
        for worker in (self._writer, self._reader):
            if self.broken is None:
                await worker.run(database.shrink)

    async def close(self) -> None:
        """Answer what was asked, then close; nothing more is taken from the first moment on."""
        self._closing = True
        self._asked.set()
        try:
            await asyncio.wait_for(asyncio.shield(self._committer), CLOSE_S_MAX)
        except TimeoutError:
            self._committer.cancel()
        finally:
            self._refuse_waiting(Refusal("busy"))
            await self._reader.end()
            await self._writer.end()

    async def _ask(self, jobs: Sequence[Job]) -> list[Outcome]:
        if self.broken is not None:
            raise self.broken
        if self._closing or self._queued_jobs + len(jobs) > QUEUE_JOBS_MAX:
            raise Refusal("busy")
        waiter: asyncio.Future[list[Outcome]] = asyncio.get_running_loop().create_future()
        self._queue.append(_Entry(jobs, waiter))
        self._queued_jobs += len(jobs)
        self._asked.set()
        return await waiter

    def _take(self) -> list[_Entry]:
        """Take what waits, up to one transaction; who was cancelled meanwhile is left out."""
        batch: list[_Entry] = []
        jobs = 0
        while self._queue and jobs + len(self._queue[0].jobs) <= BATCH_JOBS_MAX:
            entry = self._queue.popleft()
            self._queued_jobs -= len(entry.jobs)
            if not entry.waiter.done():
                batch.append(entry)
                jobs += len(entry.jobs)
        return batch

    async def _commit_forever(self) -> None:
        while not (self._closing and not self._queue):
            await self._asked.wait()
            self._asked.clear()
            while batch := self._take():
                await self._commit(batch)

    async def _commit(self, batch: list[_Entry]) -> None:
        entries = [entry.jobs for entry in batch]
        work = partial(
            commit,
            entries=entries,
            marks=self._marks,
            identity=self._enrolled,
            projector=self._projector,
            now_ms=self._clock.now_ms(),
        )
        try:
            done = await self._done(work)
        except CommitFailed as failed:
            self._failed(batch, failed)
            return
        except (
            BaseException
        ) as error:  # the thread or the loop is gone: what is recorded is unknown
            unknown = Refusal("disk-failed", repr(error))
            self._failed(batch, CommitFailed(unknown, None, broken=True))
            raise
        for entry in reversed(batch[len(done.outcomes) :]):
            self._queue.appendleft(entry)
            self._queued_jobs += len(entry.jobs)
        self._set_marks(done.marks)
        for entry, outcomes in zip(batch, done.outcomes, strict=False):
            if not entry.waiter.done():
                entry.waiter.set_result(outcomes)

    async def _done(self, work: Callable[[Connection], Committed]) -> Committed:
        """Commit, once more with the room of the reserve when the disk is full."""
        try:
            return await self._writer.run(work)
        except CommitFailed as failed:
            if failed.broken or self.reserve is None or not self.reserve.give_up():
                raise
            return await self._writer.run(work)

    def _failed(self, batch: list[_Entry], failed: CommitFailed) -> None:
        if failed.marks is not None:
            self._set_marks(failed.marks.waiting_as(self._marks))
        for entry in batch:
            if not entry.waiter.done():
                entry.waiter.set_exception(failed.refusal)
        if failed.broken:
            self.broken, self.broken_at_ms = failed.refusal, self._clock.now_ms()
            self._broke.set()
            self._refuse_waiting(failed.refusal)

    def _refuse_waiting(self, refusal: Refusal) -> None:
        while self._queue:
            entry = self._queue.popleft()
            if not entry.waiter.done():
                entry.waiter.set_exception(refusal)
        self._queued_jobs = 0

    def _set_marks(self, marks: Marks) -> None:
        if marks != self._marks:
            self._marks = marks
            self._changed.set()
            self._changed = asyncio.Event()


def _enrol(identity: Identity, transaction: Transaction) -> None:
    adopt(transaction.conn, identity)
    if not transaction.marks.office:  # who writes next must begin from the journals entered here
        transaction.marks = read_marks(transaction.conn)


def _prepare(identity: Identity | None, projector: Projector, connection: Connection) -> Marks:
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            if identity is not None:
                adopt(connection, identity)
            projector.prepare(connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return read_marks(connection)
    except database.DatabaseError as error:
        raise database.refusal_of(error) from error
