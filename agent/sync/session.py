"""When a message may be short (docs/protocol.md section 4.2).

A full message offers 32 fresh random bytes; once a bound answer takes them up, messages are short
until something ends the session. It lives in memory only: a restart, a restored disk or a copied
one begins with a full message, which shows its turn and its box.

- Full are: the first message, one after a verdict other than `ok` or a stale answer, one that
  introduces the device or mends its memory, one after a failure in which the session may have
  been the trouble, and the one after a day or 1,000 requests.
- Full is also the first about another desk journal: a short one leaves out which it is about, and
  an answer from a stick may have led to the next meanwhile.
- Short are all others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wire.limits import SESSION_REQUESTS_MAX, SESSION_S_MAX
from wire.plaintext import SESSION_BYTES, Down
from wire.short import IV_BYTES, SessionKeys


@dataclass(frozen=True, slots=True)
class Envelope:
    """How the next message is wrapped: short in a session, or full with an offer of one."""

    session: SessionKeys | None = None
    iv: bytes = b""
    offer: bytes | None = None


class Session:
    """The session of one journal's messages, from the device's side. Pure but for its chance."""

    def __init__(self, fresh_bytes: Callable[[int], bytes]) -> None:
        """`fresh_bytes` gives unguessable bytes that were never given before."""
        self._fresh_bytes = fresh_bytes
        self._keys: SessionKeys | None = None
        self._since_ms = 0
        self._requests = 0
        self._desk = b""

    def envelope(self, now_ms: int, *, full: bool) -> Envelope:
        """Return how to wrap the next message; `full`: it must be a full one.

        `now_ms` is the monotonic clock's.
        """
        aged = now_ms - self._since_ms >= SESSION_S_MAX * 1_000
        if aged or self._requests >= SESSION_REQUESTS_MAX:
            self.end()
        if full or self._keys is None:
            return Envelope(offer=self._fresh_bytes(SESSION_BYTES))
        self._requests += 1
        return Envelope(self._keys, self._fresh_bytes(IV_BYTES))

    def fitting(self, envelope: Envelope, desk: bytes) -> Envelope:
        """Return the envelope for a message about this desk journal: a full one for another's."""
        if envelope.session is None or desk == self._desk:
            return envelope
        self.end()
        return Envelope(offer=self._fresh_bytes(SESSION_BYTES))

    def answered(self, envelope: Envelope, down: Down, now_ms: int, desk: bytes) -> None:
        """Take note of a bound answer to the message in this envelope, about this desk journal."""
        if down.verdict != "ok" or down.stale:
            self.end()
        elif envelope.offer is not None and down.session == "ok":
            self._keys = SessionKeys(envelope.offer)
            self._since_ms, self._requests, self._desk = now_ms, 0, desk

    def end(self) -> None:
        """Begin again with a full message."""
        self._keys = None
