"""The one way in: a command is decided, recorded and answered, in one transaction.

Pages, command line, devices and paper all come through here. A decision reads its facts from the
transaction that records what it leads to; an answer exists only after that transaction is durable.
"""

import asyncio
import base64
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from typing import Final
from uuid import UUID

import msgspec

from agent import confirmed, first_answers
from agent.attaching import Attaching, Files
from agent.clock import BootTimes, Clock, boot_mark
from agent.documents import Documents
from agent.facts import Facts
from agent.journal import Appended, Journal, Transaction, answered, succession
from agent.journal.journal import BATCH_JOBS_MAX
from agent.keys import JOURNAL_ID_BYTES
from agent.result import Result
from agent.views import scans
from agent.views.projector import Views
from records.command_types import AttachDocument, ConfirmClock, ReceiveDossier
from records.commands import Submission, parse
from records.decide import decide
from records.decision import Decision, NewEvent
from records.moment import Moment, office_day
from wire.event import Event, body_of, format_time
from wire.limits import RECOVERY_WAIT_S_MAX, SALT_BYTES
from wire.problems import Refusal
from wire.texts import load

TEXTS: Final = load("agent", "messages_core.toml")
RECOVERING: Final = "journal-recovering"
IN_DOUBT: Final = frozenset({"disk-failed", "busy", "journal-damaged"})
"""After these nobody knows yet whether what was written will be found in the file."""
UNNAMED: Final = "device:socket"
"""Actor of a command from the socket that names none."""
KEYS_SINCE: Final = "keys_since"
"""In `meta` after a restore: until when the table of keys reaches, RFC 3339."""


class Service:
    """Takes commands; made once by `main`."""

    def __init__(
        self,
        journal: Journal,
        views: Views,
        clock: Clock,
        random: Callable[[int], bytes],
        keys_since: str | None = None,
        *,
        believe: Callable[[], None] = lambda: None,
        documents: Documents | None = None,
    ) -> None:
        """`believe()`: the wall clock is right now, a person says so."""
        self._journal = journal
        self._views = views
        self._facts = Facts(views)
        self._clock = clock
        self._boot_times = BootTimes(clock)
        self._random = random
        self._keys_since = keys_since
        self._believe = believe
        self._attaching = Attaching(documents)
        self._stamp = (-1, "")

    @property
    def person_key(self) -> bytes:
        """The office's secret under which people's numbers are found."""
        return self._views.person_key

    @property
    def today(self) -> date:
        """Today in office time: the clock's day, or the latest event's when that is later.

        A clock back at 1970 must not put every date of birth into the future.
        """
        latest = self._journal.marks.latest_at
        day = office_day(self._clock.now_ms())
        return max(day, date.fromisoformat(latest[:10])) if latest else day

    async def submit(self, submission: Submission, actor: str | None = None) -> Result:
        """Decide and record one command; return when that is durable.

        `actor` is who is signed in, or the device; without one the command's own counts.
        Raises Refusal with the code of whatever stood in the way; nothing is recorded then.
        """
        files = await self._attaching.capture(submission, actor)
        return await self.submit_with(submission, files, actor)

    async def submit_with(
        self, submission: Submission, files: Files, actor: str | None = None
    ) -> Result:
        """Submit a command whose files were captured; they are kept only if it is recorded."""
        certain = False
        try:
            while True:
                await self._own_events_are_back()
                before = self._journal.head.seq
                try:
                    job = self._job(submission, actor, self._moment(), files)
                    done = await self._journal.write(job)
                except Refusal as refusal:
                    certain = refusal.code not in IN_DOUBT
                    if refusal.code != RECOVERING:
                        raise
                    continue
                certain = True
                self._heed(submission, done, before)
                return done
        finally:
            await self._attaching.settle(files, certain=certain)

    async def submit_line(self, line: bytes, actor: str | None, key: str | None = None) -> Result:
        """Parse and submit one command as JSON; `key` counts when the command has none."""
        submission = parse(line, today=self.today)
        if submission.key is None and key is not None:
            submission = msgspec.structs.replace(submission, key=key)
        return await self.submit(submission, actor)

    async def submit_many(
        self, items: Sequence[tuple[bytes, str | None]]
    ) -> list[Result | Refusal]:
        """Submit (line, actor) pairs in their order, as few group commits as their number allows.

        One entry each; a refused line leaves its neighbours alone. Raises Refusal when the
        journal could not record at all: then none of the lines of that commit is.
        """
        answers: list[Result | Refusal] = []
        for start in range(0, len(items), BATCH_JOBS_MAX):
            answers += await self._submit_batch(items[start : start + BATCH_JOBS_MAX])
        return answers

    async def prune(self) -> int:
        """Forget answers older than 30 days; return how many. Only a trusted clock may say so."""
        forgotten = 0
        after: int | None = answered.FIRST
        while after is not None and self._clock.state() == "trusted":
            after, pruned = await self._journal.write(partial(_prune, after=after))
            forgotten += pruned
        return forgotten

    async def _submit_batch(
        self, items: Sequence[tuple[bytes, str | None]]
    ) -> list[Result | Refusal]:
        today, moment = self.today, self._moment()
        parsed: list[Submission | Refusal] = [_parse(line, today) for line, _ in items]
        actors = [actor for _, actor in items]
        parsed, files = await self._attaching.capture_each(parsed, actors)
        jobs = [
            self._job(submission, actor, moment, files)
            for submission, actor in zip(parsed, actors, strict=True)
            if isinstance(submission, Submission)
        ]
        certain, before = False, self._journal.head.seq
        try:
            answers = await self._write_many(jobs)
            certain = True
        except Refusal as refusal:
            certain = refusal.code not in IN_DOUBT
            raise
        finally:
            await self._attaching.settle(files, certain=certain)
        taken = (one for one in parsed if isinstance(one, Submission))
        for submission, outcome in zip(taken, answers, strict=True):
            if isinstance(outcome, Result):
                self._heed(submission, outcome, before)
        outcomes = iter(answers)
        return [
            submission if isinstance(submission, Refusal) else _answer(next(outcomes))
            for submission in parsed
        ]

    def _heed(self, submission: Submission, done: Result, before: int) -> None:
        """Believe the clock once somebody's word for it is durable.

        Not when an answer is given again (its event is not behind `before`): that word was about
        the clock as it stood then.
        """
        if isinstance(submission.command, ConfirmClock) and done.seq > before:
            self._believe()

    async def _write_many(
        self, jobs: Sequence[Callable[[Transaction], Result]]
    ) -> list[Result | Exception]:
        while True:
            await self._own_events_are_back()
            outcomes = await self._journal.write_many(jobs)
            if not any(_is_recovering(outcome) for outcome in outcomes):
                return outcomes

    async def _own_events_are_back(self) -> None:
        """Wait while a restored journal gets its own events back; a minute at most, then go on.

        Who goes on without them does so in a successor of the journal; a second time, where that
        needs a person, on a branch of the journal itself. A citizen stands at the counter, and the
        line may be gone for a week.
        """
        if not self._journal.marks.is_recovering:
            return
        try:
            async with asyncio.timeout(RECOVERY_WAIT_S_MAX):
                while (marks := self._journal.marks).is_recovering:
                    await self._journal.wait_change(marks)
        except TimeoutError:
            successor = self._random(JOURNAL_ID_BYTES)
            await self._journal.write(partial(_wait_no_longer, successor=successor))

    def _moment(self) -> Moment:
        return Moment(self._clock.now_ms(), self._clock.state())

    def _job(
        self,
        submission: Submission,
        actor: str | None,
        moment: Moment,
        files: Files,
    ) -> Callable[[Transaction], Result]:
        who = actor or submission.actor or UNNAMED
        return partial(
            self._record,
            submission=submission,
            actor=who,
            moment=moment,
            files=files,
            signed_in=actor is not None,
        )

    def _record(
        self,
        transaction: Transaction,
        submission: Submission,
        actor: str,
        moment: Moment,
        files: Files,
        *,
        signed_in: bool,
    ) -> Result:
        if self._views.stale:
            raise Refusal("views-stale")
        place = None
        if submission.key is not None:
            place = answered.place(submission.key, actor, submission.digest)
            known = answered.find(transaction.conn, place)
            if known is not None:
                return self._dated(first_answers.given(transaction.conn, known))
        self._room_for(submission)
        if isinstance(submission.command, ConfirmClock) and signed_in:
            confirmed.require_supervisor(transaction.conn, actor)
        if moment.clock_state != "trusted":
            fresh = confirmed.is_fresh_boot(transaction.conn, self._clock)
            moment = msgspec.structs.replace(moment, fresh_boot=fresh)
        decision = decide(submission.command, self._facts.at(transaction, files), moment)
        first = self._append(transaction, decision, actor, moment)
        if isinstance(submission.command, AttachDocument):
            scans.attached(transaction.conn, submission.command.path)
        if isinstance(submission.command, ConfirmClock):
            confirmed.note(transaction, self._clock)
        result = _result(decision, first)
        if place is not None:
            answer = first_answers.answer(decision, first, result)
            answered.keep(transaction.conn, place, transaction.now_ms, answer)
        return self._dated(result)

    def _room_for(self, submission: Submission) -> None:
        """Raise Refusal `disk-full` for a new dossier while the disk's reserve is given up."""
        reserve = self._journal.reserve
        if reserve is None or not isinstance(submission.command, ReceiveDossier):
            return
        if not reserve.make():
            raise Refusal("disk-full", TEXTS["disk.no-new-dossier"])

    def _append(
        self, transaction: Transaction, decision: Decision, actor: str, moment: Moment
    ) -> Appended | None:
        """Append the events of a decision; return where the first one went."""
        first: Appended | None = None
        for new in decision.events:
            appended = self.append(transaction, new, actor, moment)
            first = first or appended
        return first

    def append(
        self, transaction: Transaction, new: NewEvent, actor: str, moment: Moment
    ) -> Appended:
        """Append one event that a rule decided upon, inside a job."""
        return transaction.append(self._event(transaction, new, actor, moment), new.body)

    def _event(self, transaction: Transaction, new: NewEvent, actor: str, moment: Moment) -> Event:
        trusted = moment.clock_state == "trusted"
        identity = transaction.identity
        salt = None
        if new.retained:
            salt = base64.urlsafe_b64encode(self._random(SALT_BYTES)).rstrip(b"=").decode()
        return Event(
            kind=new.kind,
            subject=new.subject,
            seen=new.seen,
            at=self._at(moment.now_ms),
            actor=actor,
            clock=None if trusted else moment.clock_state,
            boot=None
            if trusted or not identity
            else boot_mark(self._clock, identity.device_id).hex(),
            mono=None if trusted else self._boot_times.of(moment.now_ms),
            body=body_of(new.body),
            salt=salt,
        )

    def _at(self, now_ms: int) -> str:
        second = now_ms // 1000
        if self._stamp[0] != second:
            self._stamp = (second, format_time(now_ms))
        return self._stamp[1]

    def _dated(self, result: Result) -> Result:
        if self._keys_since is None:
            return result
        return msgspec.structs.replace(result, keys_since=self._keys_since)


def _result(decision: Decision, first: Appended | None) -> Result:
    return Result(
        id=UUID(decision.id) if decision.id is not None else _made(first).id,
        seq=first.seq if first is not None else _repeated(decision),
        code=decision.code,
        book=decision.book,
        book_year=decision.book_year,
        due_at=decision.due_at,
        warnings=decision.warnings,
    )


def _made(first: Appended | None) -> Appended:
    if first is None:
        raise ValueError("a decision that names no subject creates one")
    return first


def _repeated(decision: Decision) -> int:
    if decision.repeated_seq is None:
        raise ValueError("a decision without events names what it repeats")
    return decision.repeated_seq


def _prune(transaction: Transaction, after: int) -> tuple[int | None, int]:
    return answered.prune(transaction.conn, transaction.now_ms, after)


def _wait_no_longer(transaction: Transaction, successor: bytes) -> None:
    if not transaction.marks.is_recovering:
        return
    after, held = succession.place_unanswered(transaction)
    kept = transaction.head.seq
    transaction.end_salvage(held)
    transaction.expect_back(0)
    if succession.may_open(transaction):
        succession.open_successor(
            transaction, successor, after, "restored", held=held, fresh_after=kept
        )


def _is_recovering(outcome: Result | Exception) -> bool:
    return isinstance(outcome, Refusal) and outcome.code == RECOVERING


def _parse(line: bytes, today: date) -> Submission | Refusal:
    try:
        return parse(line, today=today)
    except Refusal as refusal:
        return refusal


def _answer(outcome: Result | Exception) -> Result | Refusal:
    if isinstance(outcome, Result | Refusal):
        return outcome
    raise outcome
