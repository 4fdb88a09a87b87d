"""From a command to what is recorded: pure, one answer for the same question.

`decide` reads facts, never writes, and knows no clock: the shell appends the events it returns in
the transaction that the facts were read in.
"""

from records.command_types import (
    CheckIn,
    CheckOut,
    Command,
    ConfirmClock,
    DeclineDossier,
    ReceiveDossier,
    ResolveConflict,
)
from records.decide_clock import confirm
from records.decide_conflict import resolve
from records.decide_dossier import change
from records.decide_receive import decline, receive
from records.decide_visit import check_in, check_out
from records.decision import Decision, Facts
from records.moment import Moment


def decide(command: Command, facts: Facts, now: Moment) -> Decision:
    """Return what the command leads to.

    Orders of the province are not looked at here, but for the temperature they name.

    Raises:
        Refusal: procedure-unknown, due-required, field-invalid, dossier-unknown, visit-unknown,
            conflict-unknown, clock-unconfirmed, or state-forbidden, which names the commands that
            are possible.
    """
    match command:
        case ReceiveDossier():
            return receive(command, facts, now)
        case CheckIn():
            return check_in(command, facts, now)
        case CheckOut():
            return check_out(command, facts, now)
        case DeclineDossier():
            return decline(command, facts, now)
        case ResolveConflict():
            return resolve(command, facts, now)
        case ConfirmClock():
            return confirm(command, now)
        case _:
            return change(command, facts, now)
