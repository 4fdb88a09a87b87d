"""Looking a person up is itself recorded, before anything is shown."""

from typing import Final

from agent.clock import Clock, boot_mark
from agent.journal import Journal, Transaction
from records.office_events import PersonLookedUp
from wire.event import Event, body_of, format_time

KIND: Final = "person.looked_up"


async def record(
    journal: Journal, clock: Clock, body: PersonLookedUp, *, subject: str | None, actor: str
) -> None:
    """Append who looked at what; returns when that is durable.

    `subject`: the id of the dossier looked at, None when there is none or more than dossiers.
    Raises Refusal when the journal cannot record: then nothing may be shown.
    """
    state = clock.state()
    trusted = state == "trusted"

    def job(transaction: Transaction) -> None:
        identity = transaction.identity
        marked = not trusted and identity is not None
        boot = boot_mark(clock, identity.device_id).hex() if marked and identity else None
        event = Event(
            kind=KIND,
            subject=subject,
            at=format_time(clock.now_ms()),
            actor=actor,
            clock=None if trusted else state,
            boot=boot,
            mono=None if trusted else clock.mono_ms(),
            body=body_of(body),
        )
        transaction.append(event, body)

    await journal.write(job)
