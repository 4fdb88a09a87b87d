"""One batch of jobs as one transaction with one fsync; runs on the writer's thread.

A refusal or an exception undoes its own job and leaves its neighbours alone. For that each entry
stands in a SAVEPOINT. Jobs that were asked for together share one, because each costs a copy of
every page that changes in it; should one of them fail after it has written, all of them are undone
and run again, now each in a SAVEPOINT of its own. Nothing leaves this function before COMMIT has
returned.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

from agent.journal.database import (
    DISK_CODES,
    SQLITE_FULL,
    Connection,
    DatabaseError,
    primary_code,
)
from agent.journal.identity import Identity
from agent.journal.marks import read_marks, write_marks
from agent.journal.projector import Projector
from agent.journal.state import Marks
from agent.journal.transaction import Transaction
from wire.problems import Refusal

Job: TypeAlias = Callable[[Transaction], Any]

BATCH_BYTES_MAX = 4 << 20
"""Event text in one transaction: what a small box writes in a fraction of a second."""


class Outcome(NamedTuple):
    """What became of one job; `error` is what it raised."""

    value: Any
    error: Exception | None


class Committed(NamedTuple):
    """What became of a batch: outcomes of the first entries, the rest was too much for one."""

    outcomes: list[list[Outcome]]
    marks: Marks


class CommitFailed(Exception):  # noqa: N818 - it says what happened
    """Nothing of the batch is recorded as far as anybody may be told.

    `refusal` is what every waiter gets; `marks` what the database says now, None when it does not
    answer any more; `broken` when the disk failed and nothing is believed before a new opening.
    """

    def __init__(self, refusal: Refusal, marks: Marks | None, *, broken: bool) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal
        self.marks = marks
        self.broken = broken


def commit(
    connection: Connection,
    *,
    entries: Sequence[Sequence[Job]],
    marks: Marks,
    identity: Identity | None,
    projector: Projector,
    now_ms: int,
) -> Committed:
    """Run `entries` in one transaction and commit it. Raises CommitFailed.

    The jobs of one entry always share a transaction; entries left over when the batch has grown
    too large stay without outcome.
    """
    execute = connection.execute
    try:
        execute("BEGIN IMMEDIATE")
        transaction = Transaction(connection, marks, identity, projector, now_ms)
        outcomes: list[list[Outcome]] = []
        for jobs in entries:
            if outcomes and transaction.marks.head_bytes - marks.head_bytes > BATCH_BYTES_MAX:
                break
            outcomes.append(_run_entry(transaction, jobs, projector))
        write_marks(connection, marks, transaction.marks)
        execute("COMMIT")
    except Exception as error:  # whatever it was: everybody who waits must be told
        projector.undone()
        raise _failure(connection, error) from error
    return Committed(outcomes, transaction.marks)


def _run_entry(
    transaction: Transaction, jobs: Sequence[Job], projector: Projector
) -> list[Outcome]:
    together = _run_together(transaction, jobs, projector) if len(jobs) > 1 else None
    return together or [_run(transaction, job, projector) for job in jobs]


def _run_together(
    transaction: Transaction, jobs: Sequence[Job], projector: Projector
) -> list[Outcome] | None:
    """Run jobs in one SAVEPOINT; None, and all of them undone, when one failed after it wrote."""
    connection, before = transaction.conn, transaction.marks
    outcomes: list[Outcome] = []
    connection.execute("SAVEPOINT jobs")
    for job in jobs:
        changes = connection.total_changes
        try:
            outcomes.append(Outcome(job(transaction), None))
        except Exception as error:
            if _is_of_the_disk(error):
                raise
            if not isinstance(error, Refusal) or connection.total_changes != changes:
                _undo(transaction, "jobs", before, projector)
                return None
            outcomes.append(Outcome(None, error))
    connection.execute("RELEASE jobs")
    return outcomes


def _run(transaction: Transaction, job: Job, projector: Projector) -> Outcome:
    execute, before = transaction.conn.execute, transaction.marks
    execute("SAVEPOINT job")
    try:
        value = job(transaction)
    except Exception as error:
        if _is_of_the_disk(error):
            raise
        _undo(transaction, "job", before, projector)
        return Outcome(None, error)
    execute("RELEASE job")
    return Outcome(value, None)


def _undo(transaction: Transaction, savepoint: str, before: Marks, projector: Projector) -> None:
    transaction.conn.execute(f"ROLLBACK TO {savepoint}")
    transaction.conn.execute(f"RELEASE {savepoint}")
    transaction.marks = before
    projector.undone()


def _is_of_the_disk(error: Exception) -> bool:
    """Whether it is no job's own fault: the ground gives way under the whole transaction."""
    return isinstance(error, DatabaseError) and primary_code(error) in DISK_CODES


def _failure(connection: Connection, error: Exception) -> CommitFailed:
    """Undo what is left of the transaction and read the heads again."""
    full = primary_code(error) == SQLITE_FULL
    refusal = Refusal("disk-full" if full else "disk-failed", str(error))
    try:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        marks = read_marks(connection)
    except (DatabaseError, Refusal):
        return CommitFailed(refusal, None, broken=True)
    return CommitFailed(refusal, marks, broken=not full)
