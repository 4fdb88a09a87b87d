"""In which boot of the machine its clock was last known to be right, and who may say so.

A crystal keeps time for a month, but only while it runs: after a start of the machine nobody knows
how long it was off, or what its clock chip kept. So the boot in which somebody vouched for the
clock (a time daemon, the province, a person) is remembered; one that came after is a fresh boot.
"""

from typing import Final

from agent.clock import Clock
from agent.journal import Journal, Transaction
from agent.journal.database import Connection
from agent.journal.transaction import get_meta
from wire.problems import Refusal

VOUCHED_BOOT: Final = "clock.vouched_boot"
"""In `meta`: the kernel's id of the boot in which the clock was last right."""
SUPERVISOR: Final = "supervisor"


def is_fresh_boot(connection: Connection, clock: Clock) -> bool:
    """Whether the clock was right in an earlier boot and nobody has vouched for it in this one."""
    vouched = get_meta(connection, VOUCHED_BOOT)
    return vouched is not None and vouched != clock.boot_id


def note(transaction: Transaction, clock: Clock) -> None:
    """Remember that the clock is right in this boot."""
    transaction.set_meta(VOUCHED_BOOT, clock.boot_id)


async def remember(journal: Journal, clock: Clock) -> None:
    """Note once a boot that the clock is trusted."""
    if clock.state() != "trusted":
        return
    if await journal.read(lambda connection: get_meta(connection, VOUCHED_BOOT)) != clock.boot_id:
        await journal.write(lambda transaction: note(transaction, clock))


def require_supervisor(connection: Connection, user: str) -> None:
    """Raise Refusal `role-forbidden` when a signed-in user is no supervisor."""
    row = connection.execute(
        "SELECT role FROM user WHERE name = ? AND disabled = 0", (user,)
    ).fetchone()
    if row is None or row[0] != SUPERVISOR:
        raise Refusal("role-forbidden")
