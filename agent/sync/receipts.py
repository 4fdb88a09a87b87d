"""What a bound answer does to the journal, in one transaction (docs/protocol.md section 5).

- The receipt is compared with our own chain at its sequence number. Only an equal hash moves the
  delivered mark: forward as a rule, back when a restored province says it holds less.
- A receipt beyond our head, or with another hash, is never delivery: it is shown.
- A desk journal that follows ours is gone on in (`agent.sync.desk_follow`).
- Desk events are appended if they lead on from the desk head; else they are asked for again.
- The turn of an answer that is not `stale` is kept in the same transaction as its effects.
- After a fork the last common place is sought, and found the journal's successor is opened.
- `problems` name events the province keeps but could not accept; they block nothing, and are
  shown until an own event answers them. Remarks on a message hold until the next answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import msgspec

from agent.journal import Transaction, succession
from agent.sync import desk_follow, faults, own_box, store
from agent.sync.answer import Answer
from agent.sync.faults import Fault
from agent.sync.forks import common_place
from agent.sync.pacing import Load
from agent.sync.successor import keep as keep_province
from wire import event as wire_event
from wire.block import ChainedEvent
from wire.chain import Head
from wire.plaintext import Down
from wire.problems import Malformed, Refusal

PROBLEMS_MAX = 1_000
"""Problems taken from one answer; a province that names more will name them again."""
DETAIL_CHARACTERS_MAX = 500

BY_VERDICT = {
    "ok": None,
    "gap": faults.GAP,
    "fork": faults.FORK,
    "unknown-journal": faults.UNKNOWN_JOURNAL,
    "quarantined": None,
    "revoked": faults.DEVICE_REVOKED,
    "moved": faults.PROVINCE_MOVED,
}


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a receipt means for our journal.

    `delivered`: what the receipt proves, None if nothing. `held`: where to send on from, None:
    as before.
    """

    fault: Fault | None
    delivered: Head | None = None
    held: Head | None = None


@dataclass(frozen=True, slots=True)
class Applied:
    """What an answer changed, once it is durable."""

    fault: Fault | None
    notice: Fault | None
    """Something to show that does not stop the exchange: quarantine."""
    held: Head
    progress: bool
    desk_more: bool
    desk_lost: bool = False
    """The province has lost desk events and wants them back."""
    desk_wanted: bool = False
    """It wants them from another place than before."""
    desk_followed: bool = False
    """The desk journal is another one now: the session was about the former."""
    given_back: int = 0
    """Own events that the province held and this journal did not: it had been restored."""
    branch_more: bool = False
    """Part of the province's branch of a former journal came; more of it is wanted."""
    entered_again: int | None = None
    """A successor was opened, and so many events were entered anew in it."""
    new_box: bool = False
    """The box that changed is told of now: the next message shows it."""
    moved: bool = False
    """The province has other keys now: the next message is sealed to them."""

    def place(self, down: Down) -> int:
        """Return where a disagreement was met: while a common place is sought, that."""
        return self.held.seq if self.fault is faults.FORK_SOUGHT else down.receipt.seq


class _Released(msgspec.Struct):
    """Body of `journal.released`: behind which journal one more may be opened, in hexadecimal."""

    journal: str


def judge(down: Down, head: Head, hash_at: Callable[[int], bytes | None]) -> Judgement:
    """Compare the receipt of a bound answer with our chain; changes nothing."""
    receipt, fault = down.receipt, BY_VERDICT[down.verdict]
    ours = receipt.seq <= head.seq and hash_at(receipt.seq) == receipt.hash
    if fault is faults.DEVICE_REVOKED:
        return Judgement(fault, delivered=receipt if ours else None)
    if fault is faults.FORK:
        return Judgement(fault)
    if receipt.seq > head.seq:
        return Judgement(faults.DEVICE_RESTORED)
    if not ours:
        return Judgement(faults.RECEIPT_WRONG)
    if down.stale and fault is None:
        fault = faults.MEMORY_STALE
    if down.verdict == "quarantined":
        # Stored aside: the province has it, but nobody has accepted it yet.
        return Judgement(fault, held=receipt)
    return Judgement(fault, delivered=receipt, held=receipt)


def apply(
    transaction: Transaction,
    answer: Answer,
    load: Load,
    before: Head,
    *,
    last_seq: int | None = None,
    successor: bytes | None = None,
    box: bytes | None = None,
) -> Applied:
    """Judge an answer and do what it says; runs inside one job of the journal.

    `before`: what the province was known to hold; `last_seq`: the last event of the message, None
    when it had none; `successor`: 16 fresh random bytes for the journal to go on in, should that
    be due; `box`: that of this machine, told once it is known where we stand. An answer about a
    journal that has been followed meanwhile changes nothing.
    """
    down = answer.down
    if transaction.identity is None or down.journal != transaction.identity.journal:
        return Applied(None, None, before, progress=True, desk_more=False)
    given_back = _take_back(transaction, answer)
    judgement = judge(down, transaction.head, transaction.hash_at)
    if answer.successor is not None and judgement.fault is faults.PROVINCE_MOVED:
        judgement = replace(judgement, fault=None)
    transaction.expect_back(_promised(judgement, down))
    if judgement.delivered is not None:
        transaction.set_delivered(judgement.delivered, transaction.now_ms)
    desk_before, identity = transaction.desk_head, transaction.identity
    adopt(transaction, answer)
    wanted = desk_follow.note_lost(transaction, down)
    _note_problems(transaction, down)
    store.log_exchange(transaction, load, judgement.fault)
    fault, held = judgement.fault, judgement.held or before
    desk_moved = transaction.desk_head != desk_before
    read = 0 if answer.branch is None else succession.append_branch(transaction, *answer.branch)
    entered = None
    if fault in {faults.FORK, faults.RECEIPT_WRONG}:
        sent = _own_head(transaction, last_seq, before)
        common = common_place(down, transaction.head, transaction.hash_at, sent)
        if common.exact and successor is not None and succession.may_open(transaction):
            entered = succession.open_successor(
                transaction, successor, common.head, "fork", held=down.receipt.seq
            )
            fault, held = None, transaction.delivered
        elif not common.exact and common.head != before:
            fault, held = faults.FORK_SOUGHT, common.head
    new_box = fault is None and box is not None and own_box.tell(transaction, box)
    return Applied(
        fault=fault,
        notice=faults.QUARANTINED if down.verdict == "quarantined" else None,
        held=held,
        progress=held != before or desk_moved or given_back > 0 or wanted,
        desk_more=desk_moved and down.desk_head.seq > transaction.desk_head.seq,
        desk_lost=bool(down.desk_lost),
        desk_wanted=wanted,
        desk_followed=transaction.identity != identity,
        given_back=given_back,
        branch_more=read > 0 and succession.wanted(transaction.conn) is not None,
        entered_again=entered,
        new_box=new_box,
        moved=answer.successor is not None,
    )


def _own_head(transaction: Transaction, last_seq: int | None, before: Head) -> Head:
    """Return the last place that a message reached: that before it when it had no events."""
    hash_ = None if last_seq is None else transaction.hash_at(last_seq)
    return before if last_seq is None or hash_ is None else Head(last_seq, hash_)


def apply_late(transaction: Transaction, answer: Answer) -> None:
    """Take from an answer that is not to the newest message what can do no harm.

    Its receipt may raise the delivered mark, never lower it; its desk events are appended; a
    revocation or a successor counts if it is signed (docs/protocol.md section 5).
    """
    down = answer.down
    judgement = judge(down, transaction.head, transaction.hash_at)
    proven = judgement.delivered
    if proven is not None and proven.seq > transaction.delivered.seq:
        transaction.set_delivered(proven, transaction.now_ms)
    _append_desk(transaction, answer)
    if answer.revocation is not None:
        transaction.set_meta(store.REVOKED, answer.revocation)
    if answer.successor is not None:
        keep_province(transaction, answer.successor)


def _take_back(transaction: Transaction, answer: Answer) -> int:
    """Append the own events an answer gives back; return how many. 0 if they do not lead on."""
    try:
        return transaction.append_given_back(answer.own)
    except Refusal:
        return 0  # the receipt will not match either: that is judged, and shown, as a fork


def _promised(judgement: Judgement, down: Down) -> int:
    """Return up to where own events are to come back before anything new is written.

    Those who hold nothing back for us, because a person has to decide first, promise nothing.
    """
    restored = judgement.fault is faults.DEVICE_RESTORED
    refused = any(problem.code == "not-yours" for problem in down.problems)
    return down.receipt.seq if restored and not refused else 0


def adopt(transaction: Transaction, answer: Answer) -> None:
    """Append the desk events of an answer and keep its turn and its statements."""
    _append_desk(transaction, answer)
    _keep(transaction, answer)


def following(desk: Sequence[ChainedEvent], prev: bytes, head: Head) -> Sequence[ChainedEvent]:
    """Return the events that lead on from `head`; none if they do not.

    `prev` is the hash before the first of them.
    """
    if not desk or desk[0].seq > head.seq + 1 or desk[-1].seq <= head.seq:
        return ()
    at = head.seq - desk[0].seq
    joint = prev if at < 0 else desk[at].hash
    return desk[at + 1 :] if joint == head.hash else ()


def _note_problems(transaction: Transaction, down: Down) -> None:
    """Keep what an answer says of events; what it says of its message (seq 0) replaces the old."""
    remarks = []
    for problem in down.problems[:PROBLEMS_MAX]:
        detail = problem.detail[:DETAIL_CHARACTERS_MAX]
        if problem.seq:
            transaction.note_problem("office", problem.seq, problem.code, detail)
        else:
            remarks.append((problem.code, detail))
    transaction.set_remarks(remarks)


def _append_desk(transaction: Transaction, answer: Answer) -> None:
    desk_follow.follow(transaction, answer)
    down, identity = answer.down, transaction.identity
    if down.events is None or identity is None or down.desk != identity.desk:
        return
    if answer.desk_broken is not None:
        seq = transaction.desk_head.seq + 1
        transaction.note_problem("desk", seq, "event-malformed", answer.desk_broken)
        return
    fresh = following(answer.desk, down.events.prev, transaction.desk_head)
    if fresh:
        transaction.forget_unread_desk()
        transaction.append_desk(fresh)
        _note_released(transaction, fresh)


def _note_released(transaction: Transaction, desk: Sequence[ChainedEvent]) -> None:
    """Remember behind which journal the province lets one more be opened."""
    for item in desk:
        try:
            said = None if item.event is None else wire_event.decode(item.event)
            if said is not None and said.kind == "journal.released":
                named = msgspec.json.decode(said.body, type=_Released).journal
                transaction.set_meta(succession.RELEASED, bytes.fromhex(named))
        except (Malformed, msgspec.DecodeError, ValueError):
            continue  # it stays in the journal, and releases nothing


def _keep(transaction: Transaction, answer: Answer) -> None:
    down = answer.down
    if not down.stale:
        transaction.set_meta(store.TURN, down.turn)
    if answer.proof is not None:
        store.keep_proof(transaction, answer.proof)
        desk_follow.keep_proof(transaction, answer)
    if answer.device_record is not None:
        transaction.set_meta(store.DEVICE_RECORD, answer.device_record)
    if down.verdict == "revoked":
        transaction.set_meta(store.REVOKED, answer.revocation or 1)
    if down.verdict == "moved" and down.statement is not None:
        transaction.set_meta(store.SUCCESSOR, down.statement)
    if answer.successor is not None:
        keep_province(transaction, answer.successor)
    transaction.set_meta(store.PENDING, int(down.pending))
    transaction.set_meta(store.VERDICT, down.verdict)
    transaction.set_meta(store.OFFSET_MS, down.now - transaction.now_ms)
