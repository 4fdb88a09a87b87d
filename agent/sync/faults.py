"""The one table of what can go wrong in an exchange, and what each means.

Every way an exchange can end without its work done has one row here: its problem code (texts in
`wire/problems.toml`), what the line is to be called meanwhile, and who can help: trying again, a
person, or nobody. Engine, status and exchange log all speak in these values.

Nothing outside a bound answer stops a device or moves the delivered mark (docs/protocol.md
section 5): rows that come from an HTTP status or a dead line only ever make it wait or split.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.status import Line
from wire.problems import CATALOGUE, Consequence, Refusal


@dataclass(frozen=True, slots=True)
class Fault:
    """One way an exchange ends without its work done; `code` names it in the catalogue."""

    code: str
    line: Line
    reachable: bool | None = None
    """False: the province could not be reached at all; True: a connection stood and broke; None:
    the line is not the trouble. Only the first two are worth probing for."""
    shrinks: bool = False
    """The size of the message may be why it failed: the next one is half as large."""
    at_once: bool = False
    """The next message is already known to be better: no waiting before it."""
    holds: bool = False
    """Three times at the same place, and this journal waits for 'sync now'."""
    ends_session: bool = False
    """A short message's session may be why it failed: the next message is a full one."""

    @property
    def consequence(self) -> Consequence:
        """Who can help: `retry` passes by itself, `person` needs somebody, `fatal` is for good."""
        return CATALOGUE[self.code].consequence

    @property
    def of_the_line(self) -> bool:
        """Whether the network's return is a reason to try at once."""
        return self.line in ("offline", "dns", "tls", "captive-portal")


OFFLINE = Fault("line-down", "offline", reachable=False)
DNS = Fault("dns-failed", "dns", reachable=False)
TLS = Fault("tls-wrong", "tls")
CAPTIVE_PORTAL = Fault("captive-portal", "captive-portal")
CUT = Fault("line-cut", "offline", reachable=True, shrinks=True)
LATE = Fault("line-timeout", "offline", reachable=True, shrinks=True)

DISK_FULL = Fault("disk-full", "online")
DISK_FAILED = Fault("disk-failed", "online")
"""The answer came, but its effects could not be made durable: it does not count yet."""

SYNC_FAILED = Fault("sync-failed", "offline")
"""A mistake of this program; what it was stands in the log."""

BUSY = Fault("busy", "online")
SERVER_ERROR = Fault("server-error", "online", ends_session=True)
TOO_LARGE = Fault("too-large", "online", shrinks=True, at_once=True)
MESSAGE_MALFORMED = Fault("message-malformed", "online", shrinks=True, ends_session=True)
SENDER_UNKNOWN = Fault("sender-unknown", "online", ends_session=True)
SIGNATURE_WRONG = Fault("signature-wrong", "online", ends_session=True)
RECEIVER_UNKNOWN = Fault("receiver-unknown", "online", ends_session=True)
SESSION_UNKNOWN = Fault("session-unknown", "online", at_once=True, ends_session=True)
"""The session of a short message is over at the province: one full message opens the next."""

ANSWER_FORGED = Fault("answer-forged", "captive-portal", ends_session=True)
"""Not signed by the province, not sealed to us, or broken: not the province who speaks."""
ANSWER_FOREIGN = Fault("answer-foreign", "captive-portal", ends_session=True)
"""The province's own words, but to another request, journal or office: an old answer replayed."""

DEVICE_RESTORED = Fault("device-restored", "online", at_once=True, holds=True)
"""The receipt lies beyond the own head: the province knows more of this journal than we do, and
gives it back in answer to the next message."""
MEMORY_STALE = Fault("device-restored", "online", at_once=True)
"""`stale` (docs/protocol.md section 6): the province heard something newer from this key."""
RECEIPT_STUCK = Fault("receipt-stuck", "online")
RECEIPT_WRONG = Fault("receipt-wrong", "online", holds=True)
GAP = Fault("gap", "online", at_once=True, holds=True)
UNKNOWN_JOURNAL = Fault("unknown-journal", "online", at_once=True, holds=True)
FORK = Fault("fork", "online", holds=True)
FORK_SOUGHT = Fault("fork", "online", at_once=True, holds=True)
"""The same, and the next message finds the last common place more closely."""
QUARANTINED = Fault("quarantined", "online")
"""Shown, but no reason to stop: the office goes on recording and sending (section 5)."""
PROVINCE_MOVED = Fault("province-moved", "moved")
"""The verdict `moved` without a statement that this device may take."""
PROVINCE_OLDER = Fault("province-older", "moved", ends_session=True)
"""Its server has older keys than this device knows: they are never taken back."""
DEVICE_REVOKED = Fault("device-revoked", "revoked")

FAULTS: tuple[Fault, ...] = (
    OFFLINE, DNS, TLS, CAPTIVE_PORTAL, CUT, LATE,
    DISK_FULL, DISK_FAILED, SYNC_FAILED, BUSY, SERVER_ERROR, TOO_LARGE, MESSAGE_MALFORMED,
    SENDER_UNKNOWN, SIGNATURE_WRONG, RECEIVER_UNKNOWN, SESSION_UNKNOWN,
    ANSWER_FORGED, ANSWER_FOREIGN,
    DEVICE_RESTORED, MEMORY_STALE, RECEIPT_STUCK, RECEIPT_WRONG,
    GAP, UNKNOWN_JOURNAL, FORK, FORK_SOUGHT, QUARANTINED,
    PROVINCE_MOVED, PROVINCE_OLDER, DEVICE_REVOKED,
)  # fmt: skip


def not_durable(refusal: Refusal) -> Fault:
    """Return why an answer could not be made durable; other refusals are mistakes of ours."""
    by_code = {"disk-full": DISK_FULL, "disk-failed": DISK_FAILED, "busy": DISK_FAILED}
    if refusal.code not in by_code:
        raise refusal
    return by_code[refusal.code]
