"""Where the journals stand, as a value: what a transaction begins from and a COMMIT leaves."""

import msgspec

from agent.journal.identity import Identity
from wire.chain import Head

EMPTY = Head(0, bytes(32))


class Marks(msgspec.Struct, frozen=True):
    """Where the journals stand: numbers of rows, heads, and bytes of event text.

    `office` and `desk` are the `journal.no` of the open journals, 0 before enrolment. `latest_at`
    is the latest `at` that any event of the office journal bears, "" for none: clocks fall back.
    `promised` is the number up to which the province holds own events that are not here: this file
    was restored, and nothing new may follow before they are back (docs/protocol.md section 5).
    It is not written down: a restart finds it out again, `waiting_as` keeps it over a look at the
    file. `desk_id` and `desk_writer` name the desk
    journal that is open now: after a restore of the province another one follows.
    """

    pos: int = 0
    office: int = 0
    head: Head = EMPTY
    head_bytes: int = 0
    latest_at: str = ""
    delivered: Head = EMPTY
    delivered_bytes: int = 0
    desk: int = 0
    desk_head: Head = EMPTY
    desk_bytes: int = 0
    promised: int = 0
    journal: bytes = b""
    """Id of the open office journal: after a succession another than enrolment's."""
    desk_id: bytes = b""
    desk_writer: bytes = b""

    @property
    def is_recovering(self) -> bool:
        """Whether own events are still on their way back."""
        return self.promised > self.head.seq

    def waiting_as(self, former: "Marks") -> "Marks":
        """Return these, read from the file, waiting for own events as `former` did.

        In another journal than that of `former` nothing of it is promised.
        """
        if self.journal != former.journal:
            return self
        return msgspec.structs.replace(self, promised=former.promised)


def now_in(enrolled: Identity | None, marks: Marks) -> Identity | None:
    """Return who this box is, with the journals that are open now on either side."""
    if enrolled is None or not marks.office:
        return enrolled
    return enrolled._replace(
        journal=marks.journal, desk=marks.desk_id, desk_writer=marks.desk_writer
    )
