"""One job's view of the journal while it writes: append, deliver, remember.

Everything here runs on the writer's thread inside one transaction. Positions and heads are kept
in `Marks`, a frozen value: undoing a job puts the former value back, and a failed COMMIT reads it
anew from the database.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from agent.journal import answering, salvaged
from agent.journal.database import Connection
from agent.journal.identity import Identity
from agent.journal.projector import DeliveredRow, Entry, Projector
from agent.journal.schema import Side
from agent.journal.state import Marks, now_in
from wire import chain
from wire import event as wire_event
from wire.block import ChainedEvent
from wire.chain import Head
from wire.event import Event
from wire.problems import Malformed, Refusal

INSERT_EVENT = "INSERT INTO event(pos, journal, seq, hash, body) VALUES (?, ?, ?, ?, ?)"
DELIVERED_ROWS = 1000
"""Events read at a time while the delivered mark moves: flat memory however far it goes."""


class Appended(NamedTuple):
    """Where an event went. `hash` is hash(seq); `id` is derived from it when asked for."""

    pos: int
    seq: int
    hash: bytes

    @property
    def id(self) -> UUID:
        """The event's id (docs/protocol.md section 3)."""
        return chain.event_id(self.hash)


class Transaction:
    """What a job is given. `conn` may be used freely for other tables of the file."""

    def __init__(
        self,
        conn: Connection,
        marks: Marks,
        identity: Identity | None,
        projector: Projector,
        now_ms: int,
    ) -> None:
        self.conn = conn
        self.marks = marks
        self._enrolled = identity
        self.now_ms = now_ms
        self.projector = projector

    @property
    def identity(self) -> Identity | None:
        """Which journals are written and held now; None before enrolment."""
        return now_in(self._enrolled, self.marks)

    @property
    def head(self) -> Head:
        """Head of the office journal, with what this batch has appended so far."""
        return self.marks.head

    @property
    def desk_head(self) -> Head:
        """Head of the desk journal."""
        return self.marks.desk_head

    @property
    def delivered(self) -> Head:
        """Up to where a verified receipt covers the office journal."""
        return self.marks.delivered

    def append(self, event: Event, body: msgspec.Struct | None = None) -> Appended:
        """Append one event to the office journal and let the views follow.

        `body` is the value that `event.body` was made of, when the caller has it at hand.
        Raises Refusal `not-enrolled` before there is a journal, `journal-recovering` while own
        events are on their way back, and Malformed when the value cannot be an event.
        """
        if self.marks.is_recovering:
            raise Refusal("journal-recovering")
        encode = wire_event.encode if body is None else wire_event.encode_typed
        return self.append_bytes(encode(event), event, body)

    def append_bytes(
        self, data: bytes, event: Event | None = None, body: msgspec.Struct | None = None
    ) -> Appended:
        """Append the exact bytes of an event: own new ones, or own old ones given back."""
        marks = self.marks
        if not marks.office:
            raise Refusal("not-enrolled")
        head = Head(
            marks.head.seq + 1,
            sha256(b"\x01" + marks.head.hash + sha256(b"\x02" + data).digest()).digest(),
        )
        pos = marks.pos + 1
        self.conn.execute(INSERT_EVENT, (pos, marks.office, head.seq, head.hash, data))
        self.marks = Marks(
            pos,
            marks.office,
            head,
            marks.head_bytes + len(data),
            marks.latest_at if event is None else max(marks.latest_at, event.at),
            marks.delivered,
            marks.delivered_bytes,
            marks.desk,
            marks.desk_head,
            marks.desk_bytes,
            marks.promised,
            marks.journal,
            marks.desk_id,
            marks.desk_writer,
        )
        place = Appended(pos, head.seq, head.hash)
        if event is None:
            self.follow(marks.office, "office", place, data)
        else:
            entry = Entry(pos, marks.office, "office", head.seq, head.hash, event, body)
            self.projector.apply(self.conn, entry)
            answering.answer(self.conn, marks.office, head.seq, event)
        return place

    def append_given_back(self, events: Sequence[ChainedEvent]) -> int:
        """Append own events that the province gave back; return how many were news.

        Raises Refusal `fork` when they do not lead on from the head: then this file has written
        something else meanwhile.
        """
        news = [item for item in events if item.seq > self.head.seq]
        for item in news:
            if (
                item.seq != self.head.seq + 1
                or chain.link(self.head.hash, item.digest) != item.hash
            ):
                raise Refusal("fork", f"office {item.seq}")
            if item.event is None:
                self._append_gone(item)
            else:
                self.append_bytes(item.event, _readable(item.event))
        if news:
            self.conn.executemany(
                "DELETE FROM meta WHERE key = ?",
                [(f"{salvaged.SALVAGED}{item.seq}",) for item in news],
            )
            self._append_salvaged()
        return len(news)

    def _append_salvaged(self) -> None:
        """Append again what was saved from a damaged file and now leads on from the head."""
        while (kept := get_meta(self.conn, f"{salvaged.SALVAGED}{self.head.seq + 1}")) is not None:
            data = kept[32:]
            if chain.link(self.head.hash, chain.event_digest(data)) != kept[:32]:
                return
            self.append_bytes(data, _readable(data))
            self.conn.execute(
                "DELETE FROM meta WHERE key = ?", (f"{salvaged.SALVAGED}{self.head.seq}",)
            )

    def expect_back(self, seq: int) -> None:
        """Let nothing new follow before own events up to `seq` are here; 0: wait no longer."""
        if not seq and self.marks.promised:
            self.end_salvage(self.head.seq)
        if seq and self.get_meta(salvaged.UNTIL) is not None:
            self.set_meta(salvaged.HELD, seq)
        self.marks = msgspec.structs.replace(self.marks, promised=seq)

    def end_salvage(self, held: int) -> None:
        """Enter anew what a damaged file had beyond `held`, which the province has; name the rest.

        `held` is its last own event that is known to be there, or the head.
        """
        salvaged.end(self, held)

    def _append_gone(self, item: ChainedEvent) -> None:
        marks, pos = self.marks, self.marks.pos + 1
        self.conn.execute(INSERT_EVENT, (pos, marks.office, item.seq, item.hash, None))
        self.note_gone(pos, item)
        self.marks = msgspec.structs.replace(marks, pos=pos, head=Head(item.seq, item.hash))

    def append_desk(self, events: Sequence[ChainedEvent]) -> list[Appended]:
        """Append events of the desk journal that follow its head; ones held already are passed.

        Raises Refusal `gap` when the first one does not reach the head and `fork` when a hash
        differs from the one held or the chain does not lead on from the head.
        """
        appended: list[Appended] = []
        for item in events:
            marks = self.marks
            if not marks.desk:
                raise Refusal("not-enrolled")
            if item.seq <= marks.desk_head.seq:
                self._same_as_held(item)
                continue
            if item.seq != marks.desk_head.seq + 1:
                raise Refusal("gap", f"{item.seq} > {marks.desk_head.seq} + 1")
            if chain.link(marks.desk_head.hash, item.digest) != item.hash:
                raise Refusal("fork", f"desk {item.seq}")
            appended.append(self._append_desk_one(item))
        return appended

    def follow_desk(self, desk_id: bytes, writer: bytes) -> None:
        """Close the desk journal and open the one that follows it, empty; what was said stays.

        `writer` is the key id of the province's signing key that opened it.
        """
        start = chain.genesis(writer, desk_id)
        self.conn.execute(
            "UPDATE journal SET state = 'closed', head_seq = ?, head_hash = ?, head_bytes = ?"
            " WHERE no = ?",
            (*self.marks.desk_head, self.marks.desk_bytes, self.marks.desk),
        )
        number = self.conn.execute(
            "INSERT INTO journal(side, id, writer_id, state, head_seq, head_hash, head_bytes)"
            " VALUES ('desk', ?, ?, 'open', 0, ?, 0)",
            (desk_id, writer, start.hash),
        ).lastrowid
        self.marks = msgspec.structs.replace(
            self.marks,
            desk=number,
            desk_head=start,
            desk_bytes=0,
            desk_id=desk_id,
            desk_writer=writer,
        )

    def _append_desk_one(self, item: ChainedEvent) -> Appended:
        marks, pos = self.marks, self.marks.pos + 1
        self.conn.execute(INSERT_EVENT, (pos, marks.desk, item.seq, item.hash, item.event))
        if item.event is None:
            self.note_gone(pos, item)
        head = Head(item.seq, item.hash)
        self.marks = msgspec.structs.replace(
            marks, pos=pos, desk_head=head, desk_bytes=marks.desk_bytes + len(item.event or b"")
        )
        place = Appended(pos, item.seq, item.hash)
        if item.event is not None:
            self.follow(marks.desk, "desk", place, item.event)
        return place

    def note_gone(self, pos: int, item: ChainedEvent) -> None:
        """Keep what chain and bookkeeping need of an event that is forgotten."""
        gone = item.gone
        if gone is None:
            raise Malformed("gone-missing")
        self.conn.execute(
            "INSERT INTO gone(pos, digest, day, kind, channel) VALUES (?, ?, ?, ?, ?)",
            (pos, gone.digest, gone.day, gone.kind, gone.channel),
        )

    def _same_as_held(self, item: ChainedEvent) -> None:
        row = self.conn.execute(
            "SELECT hash FROM event WHERE journal = ? AND seq = ?", (self.marks.desk, item.seq)
        ).fetchone()
        if row is None or row[0] != item.hash:
            raise Refusal("fork", f"desk {item.seq}")

    def follow(self, journal: int, side: Side, place: Appended, data: bytes) -> None:
        """Let the views follow bytes that somebody else wrote, whatever they are."""
        try:
            event = wire_event.decode(data)
        except Malformed as error:
            # Poison never blocks a journal: it stays chained, is named, and is not projected.
            self.note_problem(side, place.seq, "event-malformed", error.reason)
            return
        self.projector.apply(
            self.conn, Entry(place.pos, journal, side, place.seq, place.hash, event)
        )

    def set_delivered(self, head: Head, at_ms: int) -> None:
        """Move the delivered mark: forward after a verified receipt, back when one lowers it.

        Raises Refusal `receipt-wrong` when this journal never had that head.
        """
        marks = self.marks
        if head.seq > marks.head.seq or self.hash_at(head.seq) != head.hash:
            raise Refusal("receipt-wrong", str(head.seq))
        if head.seq == marks.delivered.seq:
            return
        forward = head.seq > marks.delivered.seq
        low, high = sorted((head.seq, marks.delivered.seq))
        size = self._tell_delivered(low, high, 1 if forward else -1)
        total = marks.delivered_bytes + (size if forward else -size)
        if not forward:
            self.conn.execute(
                "DELETE FROM delivered WHERE journal = ? AND seq > ?", (marks.office, head.seq)
            )
        self.conn.execute(
            "INSERT OR IGNORE INTO delivered(journal, seq, hash, bytes, at_ms)"
            " VALUES (?, ?, ?, ?, ?)",
            (marks.office, head.seq, head.hash, total, at_ms),
        )
        self.marks = msgspec.structs.replace(marks, delivered=head, delivered_bytes=total)

    def _tell_delivered(self, low: int, high: int, sign: int) -> int:
        """Tell the views of the events above `low` up to `high`; return their size in bytes."""
        if self.identity is None:
            raise Refusal("not-enrolled")
        size = 0
        cursor = self.conn.execute(
            "SELECT pos, seq, hash, body FROM event WHERE journal = ? AND seq > ? AND seq <= ?"
            " ORDER BY seq",
            (self.marks.office, low, high),
        )
        while rows := [DeliveredRow(*row) for row in cursor.fetchmany(DELIVERED_ROWS)]:
            size += sum(len(row.body or b"") for row in rows)
            self.projector.delivered(self.conn, self.identity, rows, sign)
        return size

    def hash_at(self, seq: int) -> bytes | None:
        """hash(seq) of the office journal, None where it has no such event."""
        if seq == 0:
            return self.identity.genesis.hash if self.identity else None
        row = self.conn.execute(
            "SELECT hash FROM event WHERE journal = ? AND seq = ?", (self.marks.office, seq)
        ).fetchone()
        return row[0] if row else None

    def note_problem(self, side: Side, seq: int, code: str, detail: str) -> None:
        """Remember that an event could not be used, here or at the province; once per code."""
        self.conn.execute(
            "INSERT OR IGNORE INTO problem(journal, seq, code, detail, at_ms)"
            " VALUES (?, ?, ?, ?, ?)",
            (
                self.marks.office if side == "office" else self.marks.desk,
                seq,
                code,
                detail,
                self.now_ms,
            ),
        )

    def set_remarks(self, remarks: Sequence[tuple[str, str]]) -> None:
        """Replace what the province remarked on former messages (code, detail) by these."""
        codes = [code for code, _ in remarks]
        kept = ",".join("?" * len(codes))
        self.conn.execute(
            f"DELETE FROM problem WHERE journal = ? AND seq = 0 AND code NOT IN ({kept})",  # noqa: S608 - only question marks
            (self.marks.office, *codes),
        )
        for code, detail in remarks:
            self.note_problem("office", 0, code, detail)

    def forget_unread_desk(self) -> None:
        """Forget what was noted of desk events that could not be read and have come now."""
        self.conn.execute(
            "DELETE FROM problem WHERE journal = ? AND seq > ?",
            (self.marks.desk, self.marks.desk_head.seq),
        )

    def get_meta(self, key: str) -> Any:
        """Value kept under `key` (text, integer or bytes), None when there is none."""
        return get_meta(self.conn, key)

    def set_meta(self, key: str, value: str | int | bytes) -> None:
        """Keep `value` under `key` in this transaction."""
        set_meta(self.conn, key, value)

    def delete_meta(self, key: str) -> None:
        """Keep nothing under `key` any more."""
        self.conn.execute("DELETE FROM meta WHERE key = ?", (key,))


def _readable(data: bytes) -> Event | None:
    try:
        return wire_event.decode(data)
    except Malformed:
        return None  # poison stays chained; `append_bytes` names it


def get_meta(conn: Connection, key: str) -> Any:
    """Value kept under `key`, None when there is none."""
    row = conn.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return row[0] if row else None


def set_meta(conn: Connection, key: str, value: str | int | bytes) -> None:
    """Keep `value` under `key`."""
    conn.execute("INSERT OR REPLACE INTO meta(key, value) VALUES (?, ?)", (key, value))
