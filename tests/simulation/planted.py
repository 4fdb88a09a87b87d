"""Faults planted into the real code: a simulation that finds none of them finds nothing.

Each is one function replaced by one that forgets its duty. The tests say how soon each is found.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
import pytest

import agent.journal.answered
import agent.journal.commit
import agent.journal.database
import agent.journal.journal
import agent.journal.marks
import agent.sync.builder
import agent.sync.receipts
import agent.sync.shell
import agent.sync.usb
import server.exchange
import server.places
import server.store.engine
import server.store.sqlite
from agent.journal.database import Connection
from agent.sync import answer, store
from agent.sync.pacing import Load
from wire import turns
from wire.block import ChainedEvent
from wire.chain import Head

Patch = pytest.MonkeyPatch


class Planted(NamedTuple):
    """One fault: what it is called, how it is planted, and a seed whose world it breaks."""

    name: str
    plant: Callable[[Patch], None]
    seed: int


def skipped_fsync(patch: Patch) -> None:
    """The journal is opened without asking for syncs."""

    def hasty(connection: Connection) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")

    patch.setattr(agent.journal.database, "set_durable", hasty)


def skipped_fsync_at_the_province(patch: Patch) -> None:
    """The province's database is opened so."""
    honest = server.store.sqlite.connector

    def connector(*args: Any) -> Callable[[], Connection]:
        def connect() -> Connection:
            connection = honest(*args)()
            connection.execute("PRAGMA synchronous = OFF")
            return connection

        return connect

    patch.setattr(server.store.engine, "connector", connector)


class _PutOff:
    """A connection that commits when the next transaction begins."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, *args: Any) -> Any:
        if sql == "COMMIT":
            return None
        if sql == "BEGIN IMMEDIATE" and self._connection.in_transaction:
            self._connection.execute("COMMIT")
        return self._connection.execute(sql, *args)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def answered_before_the_commit(patch: Patch) -> None:
    """The clerk is told before the transaction is committed."""
    honest = agent.journal.commit.commit

    def commit(connection: Connection, **how: Any) -> Any:
        return honest(_PutOff(connection), **how)

    patch.setattr(agent.journal.journal, "commit", commit)


def reused_sequence(patch: Patch) -> None:
    """At a start the last event that no receipt covers is thought to be torn, and cut off."""
    honest = agent.journal.marks.read_marks

    def read_marks(connection: Connection) -> Any:
        marks = honest(connection)
        if marks.head.seq > marks.delivered.seq and not connection.in_transaction:
            last = (marks.office, marks.head.seq)
            connection.execute("PRAGMA foreign_keys = OFF")
            connection.execute("DELETE FROM event WHERE journal = ? AND seq = ?", last)
            before = connection.execute(
                "SELECT hash FROM event WHERE journal = ? AND seq = ?", (last[0], last[1] - 1)
            ).fetchone()
            hash_ = marks.delivered.hash if before is None else before[0]
            connection.execute(
                "UPDATE journal SET head_seq = ?, head_hash = ? WHERE no = ?",
                (last[1] - 1, hash_, last[0]),
            )
            return honest(connection)
        return marks

    patch.setattr(agent.journal.journal, "read_marks", read_marks)


def forgotten_keys(patch: Patch) -> None:
    """A command that comes again with its key is recorded again."""
    patch.setattr(agent.journal.answered, "find", lambda _connection, _wanted: None)
    keep = agent.journal.answered.keep

    def keep_newest(connection: Connection, wanted: Any, *rest: Any) -> None:
        connection.execute("DELETE FROM answered WHERE key = ?", (wanted.key,))
        keep(connection, wanted, *rest)

    patch.setattr(agent.journal.answered, "keep", keep_newest)


def dropped_deduplication(patch: Patch) -> None:
    """The province takes every event of a message for new."""
    honest = server.places.meet

    async def meet(conn: Any, place: Any, head: Head, prev: bytes, chained: Sequence[Any]) -> Any:
        found = await honest(conn, place, head, prev, chained)
        if found.verdict == "ok" and chained:
            return msgspec.structs.replace(found, fresh=len(chained))
        return found

    patch.setattr(server.places, "meet", meet)


def unseen_gap(patch: Patch) -> None:
    """The province appends whatever follows, however far ahead it is."""
    honest = server.places.meet

    async def meet(conn: Any, place: Any, head: Head, prev: bytes, chained: Sequence[Any]) -> Any:
        found = await honest(conn, place, head, prev, chained)
        if found.verdict in ("gap", "unknown-journal"):
            return server.places.Found(verdict="ok", fresh=len(chained))
        return found

    patch.setattr(server.places, "meet", meet)


def receipt_for_nothing(patch: Patch) -> None:
    """The province gives a receipt for what it has not stored, one time in eight."""
    honest = server.exchange._take_in
    asked = iter(range(1, 1 << 30))

    async def take_in(this: Any, contact: Any, room: int, **kept: Any) -> Any:
        if contact.fresh and next(asked) % 8 == 0:
            last = this.request.judged[-1].chained
            return contact.at(Head(last.seq, last.hash), ())
        return await honest(this, contact, room, **kept)

    patch.setattr(server.exchange, "_take_in", take_in)


def turn_not_stored(patch: Patch) -> None:
    """The office does not keep the turn of an answer."""
    honest = agent.sync.receipts._keep

    def keep(transaction: Any, taken: Any) -> None:
        before = transaction.get_meta(store.TURN)
        honest(transaction, taken)
        if before is not None:
            transaction.set_meta(store.TURN, before)

    patch.setattr(agent.sync.receipts, "_keep", keep)


def turn_not_judged(patch: Patch) -> None:
    """The province takes every message for a current one."""
    honest = turns.judge

    def judge(*args: Any, **how: Any) -> Any:
        judged = honest(*args, **how)
        return msgspec.structs.replace(judged, current=True, incident=False)

    patch.setattr(turns, "judge", judge)


def believed_without_re(patch: Patch) -> None:
    """The office takes any signed answer of the province for the answer to its open request."""

    def open_answer(body: bytes, _request: bytes, enrolment: Any) -> answer.Answer:
        return answer.examine(answer.open_down(body, enrolment), enrolment)

    patch.setattr(agent.sync.shell, "open_answer", open_answer)


def late_answer_lowers_the_mark(patch: Patch) -> None:
    """An answer from a stick counts like one of the line, however old it is."""

    def apply_late(transaction: Any, taken: Any) -> None:
        agent.sync.receipts.apply(transaction, taken, Load(), transaction.delivered)

    patch.setattr(agent.sync.receipts, "apply_late", apply_late)


def own_events_not_fetched(patch: Patch) -> None:
    """A restored office does not ask for its own events."""
    honest = agent.sync.builder.Extras

    def extras(**said: Any) -> Any:
        return honest(**(said | {"fetch": None}))

    patch.setattr(agent.sync.shell, "Extras", extras)


def desk_not_compared(patch: Patch) -> None:
    """The office appends whatever desk events come, beginning where it likes."""

    def following(desk: Sequence[ChainedEvent], _prev: bytes, head: Head) -> Sequence[ChainedEvent]:
        return [item for item in desk if item.seq > head.seq][1:]

    patch.setattr(agent.sync.receipts, "following", following)


PLANTED = tuple(
    Planted(plant.__name__.replace("_", " "), plant, seed)
    for plant, seed in (
        (skipped_fsync, 2),
        (skipped_fsync_at_the_province, 2),
        (answered_before_the_commit, 3),
        (reused_sequence, 2),
        (forgotten_keys, 3),
        (dropped_deduplication, 1),
        (unseen_gap, 3),
        (receipt_for_nothing, 3),
        (turn_not_stored, 62),
        (turn_not_judged, 5),
        (believed_without_re, 6),
        (late_answer_lowers_the_mark, 51),
        (own_events_not_fetched, 50),
        (desk_not_compared, 1),
    )
)
