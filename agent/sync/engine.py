"""The sync engine: decides when to send, and nothing else.

A state machine without I/O, clock or randomness of its own; drawn in
`docs/state-machines/sync-engine.mmd`, and a test compares the drawing with `TRANSITIONS`.

- One request is open at a time (docs/protocol.md section 5).
- New events go out within `COALESCE_MS`; what is written meanwhile goes in the same message.
- While a server asked for time, only a person overrides it. While the *line* is the trouble, its
  return does too; and while it is known to be down, nothing is built only to find it down again.
- A request whose connection fell silent while the line fell and came back is abandoned and sent
  anew: TCP, doubling its waits, would find the line's return seconds to minutes late. Slowness is
  not silence: a living line acknowledges.
- The end of a session is answered with a full message at once, but only once a minute.
- Three times the same disagreement about the same place ends in `Held`: recording goes on, sending
  waits for 'sync now'.
- Only a `revoked` verdict in a bound answer ends in `Stopped`.
- Where the line is paid by the byte, ordinary records and polls wait as `agent.sync.thrift` says;
  what a person asks for, pressing records and what an answer asks for never do.

An input that a state has no row for changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from agent.sync.faults import DEVICE_REVOKED, RECEIPT_STUCK, SESSION_UNKNOWN, Fault
from agent.sync.pacing import Pacing
from agent.sync.retry import Delays
from agent.sync.signals import (
    Abandon,
    Answered,
    Appended,
    Asking,
    BackingOff,
    Due,
    Effect,
    Enrolled,
    Exchanging,
    Failed,
    Held,
    Idle,
    Input,
    NetworkUp,
    NotEnrolled,
    Probe,
    Send,
    Show,
    Silence,
    State,
    Stopped,
    SyncNow,
    WaitUntil,
)
from agent.sync.thrift import RARE_MS, Holding
from wire.limits import FULL_MESSAGE_PAUSE_S_MIN, REPEATED_VERDICT_MAX

COALESCE_MS = 250
"""One reception is several events: wait this long for its neighbours, no clerk notices."""
QUIET_MS = 3_000
"""A living line acknowledges a packet within a round trip and the queue before it; this is longer
than both on the slowest line worth planning for."""


@dataclass(frozen=True, slots=True)
class Strikes:
    """How often in a row the same disagreement was met at the same place."""

    fault: Fault | None = None
    place: int = 0
    count: int = 0

    def met(self, fault: Fault, place: int) -> Strikes:
        """Return the strikes after one more meeting."""
        same = self.fault == fault and self.place == place
        return Strikes(fault, place, self.count + 1 if same else 1)


class Engine:
    """When to send. `handle` takes one input and returns what is to be done, in order."""

    def __init__(
        self,
        delays: Delays,
        pacing: Pacing | None = None,
        holding: Callable[[], Holding] = Holding,
    ) -> None:
        """`holding` tells what the office holds back at this moment."""
        self._delays, self._holding = delays, holding
        self.pacing = pacing or Pacing()
        self.state: State = NotEnrolled()
        self.unsent = False
        self._pressing = False
        self._sent_ms = 0
        self._attempt = 0
        self._strikes = Strikes()
        self._renewed_ms: int | None = None
        self._requests = 0
        self._probing: bool | None = None

    def handle(self, signal: Input, now_ms: int) -> tuple[Effect, ...]:
        """Take one input at this monotonic time; an input the state does not know is ignored."""
        row = _ROWS.get((type(self.state), type(signal)))
        return () if row is None else row(self, self.state, signal, now_ms)

    # --- rows ----------------------------------------------------------------------------------

    def on_enrolled(self, _state: NotEnrolled, signal: Enrolled, now_ms: int) -> tuple[Effect, ...]:
        """Keys are there: ask at once, there may be news."""
        self.unsent = signal.unsent
        if signal.revoked:
            return self._stop()
        return self._send(now_ms)

    def on_sync_now(self, _state: State, _signal: SyncNow, now_ms: int) -> tuple[Effect, ...]:
        """A person asks."""
        return self._send(now_ms)

    def on_due_idle(self, _state: Idle, signal: Due, now_ms: int) -> tuple[Effect, ...]:
        """The time has come; an office with nothing to send asks for nothing in quiet hours."""
        quiet_ms = self._holding().quiet_ms
        if signal.asked or self.unsent or quiet_ms == 0:
            return self._send(now_ms)
        until_ms = now_ms + self._delays.after_quiet_ms(quiet_ms)
        return self._wait(Idle(until_ms), until_ms)

    def on_due_backing_off(self, state: BackingOff, signal: Due, now_ms: int) -> tuple[Effect, ...]:
        """Try again; on a line known to be down the probe does that, for less than a message."""
        down = self._probing and state.fault.reachable is False
        if down or (self._pause_ms(now_ms) and not signal.asked):
            return self._back_off(state.fault, now_ms)
        return self._send(now_ms)

    def on_appended_idle(self, state: Idle, signal: Appended, now_ms: int) -> tuple[Effect, ...]:
        """New events: let their neighbours catch up, then send."""
        self.unsent = True
        self._pressing |= signal.pressing
        return self._soon(state, now_ms)

    def on_asking(self, state: Idle, _signal: Asking, now_ms: int) -> tuple[Effect, ...]:
        """Something is to be asked about blobs: soon, with what else comes up meanwhile."""
        return () if self._holding().quiet_ms else self._soon(state, now_ms)

    def on_appended(self, _state: State, signal: Appended, _now_ms: int) -> tuple[Effect, ...]:
        """New events while a request is open or the line is down: they go with the next message."""
        self.unsent = True
        self._pressing |= signal.pressing
        return self._probe()

    def on_sync_now_exchanging(
        self, state: Exchanging, _signal: SyncNow, _now_ms: int
    ) -> tuple[Effect, ...]:
        """A person asks while a request is open: remember it for when it fails."""
        self.state = replace(state, again=True)
        return ()

    def on_network_up(
        self, state: BackingOff, _signal: NetworkUp, now_ms: int
    ) -> tuple[Effect, ...]:
        """The line is back: no reason to wait, if the line was the trouble."""
        goes = state.fault.of_the_line and not self._pause_ms(now_ms)
        return self._send(now_ms) if goes else ()

    def on_network_up_exchanging(
        self, state: Exchanging, _signal: NetworkUp, now_ms: int
    ) -> tuple[Effect, ...]:
        """The line is back: what fell silent with it is sent anew; what is alive is left alone."""
        if not state.quiet:
            self.state = replace(state, changed_ms=now_ms)
            return ()
        self.state = replace(state, again=True, quiet=False, changed_ms=None)
        return (Abandon(state.request), *self._probe())

    def on_silence(self, state: Exchanging, signal: Silence, now_ms: int) -> tuple[Effect, ...]:
        """Look for the line's fall and return while the open request hears nothing."""
        if signal.request != state.request:
            return ()
        changed_ms = state.changed_ms
        if changed_ms is not None and now_ms - signal.silent_ms > changed_ms:
            changed_ms = None
        quiet = signal.silent_ms >= QUIET_MS
        self.state = replace(state, quiet=quiet, changed_ms=changed_ms)
        return self._probe()

    def on_answered(self, state: Exchanging, signal: Answered, now_ms: int) -> tuple[Effect, ...]:
        """A bound answer is applied: go on, come to rest, or deal with a disagreement."""
        if signal.request != state.request:
            return ()
        self.unsent, self._pressing = signal.unsent, signal.pressing
        self.pacing = self.pacing.acknowledged(signal.load)
        if signal.fault is not None:
            return self._disagreed(signal.fault, signal.place, now_ms)
        self._strikes = Strikes()
        if signal.unsent and not signal.progress:
            return self._back_off(RECEIPT_STUCK, now_ms)
        self._attempt = 0
        shown = Show("online", signal.notice)
        pause_ms = self._pause_ms(now_ms)
        if signal.more or (signal.unsent and not pause_ms):
            return (shown, *self._send(now_ms))
        poll_ms = self._delays.poll_ms(signal.next_after_s)
        until_ms = now_ms + (pause_ms if signal.unsent else max(poll_ms, pause_ms))
        return (shown, *self._wait(Idle(until_ms), until_ms))

    def on_failed(self, state: Exchanging, signal: Failed, now_ms: int) -> tuple[Effect, ...]:
        """No answer: wait, or try at once with a message that is known to be better."""
        if signal.request != state.request:
            return ()
        fault = signal.fault
        if fault is SESSION_UNKNOWN:
            return self._renew(fault, now_ms)
        splits = fault.at_once and fault.shrinks and not self.pacing.smallest
        if fault.shrinks:
            self.pacing = self.pacing.failed(signal.load)
        if state.again or splits:
            return (Show(fault.line, fault), *self._send(now_ms))
        return self._back_off(fault, now_ms, signal.retry_after_s)

    # --- what rows share -----------------------------------------------------------------------

    def _disagreed(self, fault: Fault, place: int, now_ms: int) -> tuple[Effect, ...]:
        if fault.consequence == "fatal":
            return self._stop()
        self._strikes = self._strikes.met(fault, place)
        exhausted = self._strikes.count >= REPEATED_VERDICT_MAX
        if exhausted and fault.holds:
            self.state = Held(fault, place)
            return (Show(fault.line, fault), WaitUntil(None), *self._probe())
        if fault.at_once and not exhausted:
            return (Show(fault.line, fault), *self._send(now_ms))
        return self._back_off(fault, now_ms)

    def _pause_ms(self, now_ms: int) -> int:
        """Return how long ordinary records still wait; 0: they need not."""
        if self._pressing or not self._holding().rarely:
            return 0
        return max(self._sent_ms + RARE_MS - now_ms, 0)

    def _soon(self, state: Idle, now_ms: int) -> tuple[Effect, ...]:
        soon_ms = now_ms + max(COALESCE_MS, self._pause_ms(now_ms))
        until_ms = min(state.until_ms, soon_ms)
        return self._wait(Idle(until_ms), until_ms)

    def _send(self, now_ms: int) -> tuple[Effect, ...]:
        self._requests += 1
        self._sent_ms = now_ms
        self.state = Exchanging(self._requests, now_ms)
        send = Send(self._requests, self.pacing.batch())
        return (*self._probe(), WaitUntil(None), send)

    def _back_off(
        self, fault: Fault, now_ms: int, retry_after_s: int | None = None
    ) -> tuple[Effect, ...]:
        self._attempt += 1
        until_ms = now_ms + self._delays.retry_ms(fault, self._attempt, retry_after_s)
        return (Show(fault.line, fault), *self._wait(BackingOff(until_ms, fault), until_ms))

    def _renew(self, fault: Fault, now_ms: int) -> tuple[Effect, ...]:
        """Open a new session, unless the last one was opened so within the last minute."""
        since_ms = None if self._renewed_ms is None else now_ms - self._renewed_ms
        if since_ms is not None and since_ms < FULL_MESSAGE_PAUSE_S_MIN * 1_000:
            return self._back_off(fault, now_ms, FULL_MESSAGE_PAUSE_S_MIN - since_ms // 1_000)
        self._renewed_ms = now_ms
        return self._send(now_ms)

    def _stop(self) -> tuple[Effect, ...]:
        self.state = Stopped(DEVICE_REVOKED)
        return (Show(DEVICE_REVOKED.line, DEVICE_REVOKED), WaitUntil(None), *self._probe())

    def _wait(self, state: Idle | BackingOff, until_ms: int) -> tuple[Effect, ...]:
        self.state = state
        return (WaitUntil(until_ms), *self._probe())

    def _probe(self) -> tuple[Effect, ...]:
        """Probe exactly while the line may be the trouble and something waits for it.

        A running probe is told anew only that the line is down: that it is up it would have seen.
        """
        down = self._doubt()
        if down is None:
            running, self._probing = self._probing is not None, None
            return (Probe(on=False),) if running else ()
        if self._probing is None or (down and not self._probing):
            self._probing = down
            return (Probe(on=True, down=down),)
        return ()

    def _doubt(self) -> bool | None:
        """Return whether the line counts as down, None where that is not the question."""
        match self.state:
            case BackingOff(_, fault) if fault.reachable is not None and self.unsent:
                return not fault.reachable
            case Exchanging(quiet=True, changed_ms=changed_ms):
                return changed_ms is not None
            case _:
                return None


Row = Callable[[Engine, Any, Any, int], tuple[Effect, ...]]

TRANSITIONS: Mapping[tuple[type[State], type[Input]], tuple[Row, tuple[type[State], ...]]] = {
    (NotEnrolled, Enrolled): (Engine.on_enrolled, (Exchanging, Stopped)),
    (Idle, Due): (Engine.on_due_idle, (Exchanging, Idle)),
    (Idle, SyncNow): (Engine.on_sync_now, (Exchanging,)),
    (Idle, Appended): (Engine.on_appended_idle, (Idle,)),
    (Idle, Asking): (Engine.on_asking, (Idle,)),
    (Exchanging, Appended): (Engine.on_appended, (Exchanging,)),
    (Exchanging, SyncNow): (Engine.on_sync_now_exchanging, (Exchanging,)),
    (Exchanging, NetworkUp): (Engine.on_network_up_exchanging, (Exchanging,)),
    (Exchanging, Silence): (Engine.on_silence, (Exchanging,)),
    (Exchanging, Answered): (
        Engine.on_answered,
        (Idle, Exchanging, BackingOff, Held, Stopped),
    ),
    (Exchanging, Failed): (Engine.on_failed, (BackingOff, Exchanging)),
    (BackingOff, Due): (Engine.on_due_backing_off, (Exchanging, BackingOff)),
    (BackingOff, SyncNow): (Engine.on_sync_now, (Exchanging,)),
    (BackingOff, NetworkUp): (Engine.on_network_up, (Exchanging, BackingOff)),
    (BackingOff, Appended): (Engine.on_appended, (BackingOff,)),
    (Held, SyncNow): (Engine.on_sync_now, (Exchanging,)),
}
"""Row and possible next states of every (state, input) that means something."""

_ROWS = {key: row for key, (row, _) in TRANSITIONS.items()}
