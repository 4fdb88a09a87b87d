"""Deciding about the clock: a person compared it with another one (docs/domain.md "Clock")."""

from typing import Final

from records.command_types import ConfirmClock
from records.decision import Decision, NewEvent
from records.moment import Moment, to_ms
from records.office_events import ClockObserved
from records.texts import TEXTS
from wire.problems import FieldError, Refusal

APART_MS_MAX: Final = 10 * 60_000
"""Days are what a wrong clock spoils; a page lies open for minutes before somebody presses."""


def confirm(command: ConfirmClock, now: Moment) -> Decision:
    """Take somebody's word that the clock is right.

    Raises:
        Refusal: `clock-unconfirmed` when the two clocks are further apart than ten minutes: then
            the machine's has to be set first.
    """
    if abs(to_ms(command.now) - now.now_ms) > APART_MS_MAX:
        text = TEXTS["refusal.clock_apart"].format(machine=now.local.isoformat())
        raise Refusal("clock-unconfirmed", text, [FieldError("now", "clock-unconfirmed", text)])
    return Decision(events=(NewEvent("clock.observed", None, ClockObserved(now=command.now)),))
