"""Deciding which of two values of a dossier holds (docs/domain.md "Conflicts")."""

from records.command_types import ResolveConflict
from records.decide_dossier import told
from records.decision import Decision, Facts
from records.moment import Moment
from records.office_events import ConflictResolved
from records.texts import TEXTS
from wire.problems import FieldError, Refusal


def resolve(command: ResolveConflict, facts: Facts, now: Moment) -> Decision:
    """Settle an open conflict.

    Raises:
        Refusal: `conflict-unknown` when no dossier has it, or has it no more.
    """
    found = facts.in_conflict(command.conflict)
    if found is None:
        text = TEXTS["refusal.conflict_unknown"].format(ref=command.conflict)
        raise Refusal("conflict-unknown", text, [FieldError("conflict", "conflict-unknown", text)])
    body = ConflictResolved(
        conflict=command.conflict.lower(), keep=command.keep, reason=command.reason
    )
    return told(found, "conflict.resolved", body, now)
