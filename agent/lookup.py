"""Looking at a person's data unmasked is itself recorded, before anything is shown."""

from typing import Final, Literal

import msgspec

from agent.clock import Clock, boot_mark
from agent.journal import Journal, Transaction
from wire.event import Event, body_of, format_time

KIND: Final = "person.looked_up"


class PersonLookedUp(msgspec.Struct, frozen=True):
    """Somebody saw the unmasked data of the subject."""

    fields: Literal["all"] = "all"


async def record(journal: Journal, clock: Clock, *, subject: str, actor: str) -> None:
    """Append who looked at the dossier `subject` (its id); returns when that is durable.

    Raises Refusal when the journal cannot record: then nothing may be shown.
    """
    state = clock.state()
    trusted = state == "trusted"

    def job(transaction: Transaction) -> None:
        identity = transaction.identity
        marked = not trusted and identity is not None
        boot = boot_mark(clock, identity.device_id).hex() if marked and identity else None
        body = PersonLookedUp()
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
