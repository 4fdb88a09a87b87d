"""What the daemon does by the clock: status, day's end, old answers, the watchdog."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any, Final

from agent import confirmed, memory
from agent.clock import Clock, SystemClock
from agent.day_end import end_days
from agent.figures import Figures, Reading, disk_report, orders_shown
from agent.journal import Journal, Transaction, database, succession
from agent.noticed import Noticed
from agent.notify import Notifier
from agent.reserve import Reserve
from agent.service import Service
from agent.status import StatusBoard, sentence
from agent.views.projector import Views
from wire.problems import Refusal

STATUS_S_MAX: Final = 30.0
"""Ages on the page are never older than this."""
STATUS_PAUSE_S: Final = 0.25
"""After a change the status is read anew, but no more often than this."""
DAY_END_S: Final = 300.0
PRUNE_S: Final = 3600.0
REOPEN_S_MIN: Final = 0.5
REOPEN_S_MAX: Final = 10.0
"""A journal whose disk failed is looked at again soon, then after twice as long, up to this."""
REST_S: Final = 20.0
"""Nothing was recorded for so long: memory that only speed needs is given back."""
RESERVE: Final = "disk-reserve"
"""Id of the problem that the disk's reserve is given up."""
RESERVE_S: Final = 5.0
EXCHANGES_KEPT_MS: Final = 35 * 24 * 3600 * 1000
ALIVE_S_MAX: Final = 10.0


async def follow_status(
    board: StatusBoard, figures: Figures, journal: Journal, clock: SystemClock
) -> None:
    """Keep the board true: after each change and exchange, and now and then for what ages.

    A province that has just answered, and whose time is ours, vouches for the clock.
    """
    last_ok: str | None = None
    first = True
    while True:
        seen, news = journal.marks, board.line_news
        reading = await refresh(board, figures, journal)
        answered = reading.exchange.last_ok_at
        if answered != last_ok and not first and reading.offset_ms is not None:
            clock.vouch(reading.offset_ms)
        last_ok, first = answered, False
        with contextlib.suppress(Refusal):  # a full disk: noted once there is room
            await confirmed.remember(journal, clock)
        board.touch()
        await asyncio.sleep(STATUS_PAUSE_S)
        await first_of(journal.wait_change(seen), news.wait(), within_s=STATUS_S_MAX)


async def first_of(*awaited: Coroutine[Any, Any, object], within_s: float) -> None:
    """Wait until one of `awaited` has come, or the time is over; the others are given up."""
    tasks = [asyncio.create_task(one, name="status news") for one in awaited]
    try:
        await asyncio.wait(tasks, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


async def refresh(board: StatusBoard, figures: Figures, journal: Journal) -> Reading:
    """Read the figures once and put them on the board."""
    reading = await figures.read()
    identity = journal.identity
    report = figures.report(reading, identity) if identity is not None else None
    board.update(
        generated_at=figures.now(),
        backlog_oldest_age_s=reading.backlog.oldest_age_s,
        blobs=reading.blobs,
        exchange=figures.exchange(reading),
        clock=figures.clock(reading),
        disk=disk_report(journal.path),
        numbers=reading.numbers,
        backup_age_s=reading.backup_age_s,
        power_losses=reading.power_losses,
        conflicts_open=reading.conflicts_open,
        problems_open=reading.problems_open,
        lease_warnings=reading.lease_warnings,
        policies=tuple(order.order for order in reading.orders),
        catalogue=reading.catalogue,
        devices=figures.devices(),
        today=reading.today,
        orders=orders_shown(reading.orders),
        name=reading.name or board.snapshot().name,
    )
    if report is not None:
        board.update(
            office_id=report.office_id,
            device=report.device,
            journal=report.journal,
            days_digest=report.days_digest,
        )
    return reading


async def tell_systemd(board: StatusBoard, notifier: Notifier) -> None:
    """Keep systemd's STATUS line true."""
    async for status in board.subscribe():
        notifier.status(sentence(status))


async def end_day_visits(journal: Journal, views: Views, service: Service, clock: Clock) -> None:
    """End forgotten visits, every few minutes."""
    while True:
        with contextlib.suppress(Refusal):  # the disk refuses: the status says so; later again
            while await end_days(journal, views, service, clock):
                pass
        await asyncio.sleep(DAY_END_S)


async def forget_old(journal: Journal, service: Service, clock: Clock) -> None:
    """Forget answers, exchanges and notices that are over."""

    def job(transaction: Transaction) -> None:
        transaction.conn.execute(
            "DELETE FROM exchange WHERE at_ms < ?", (transaction.now_ms - EXCHANGES_KEPT_MS,)
        )
        succession.forget_notice(transaction)

    while True:
        if clock.state() == "trusted":
            with contextlib.suppress(Refusal):
                await journal.write(job)
                while await service.prune():
                    pass
        await asyncio.sleep(PRUNE_S)


async def look_over(journal: Journal) -> None:
    """Read every page of a large file once, beside the work; a smaller one was read at opening.

    Raises Refusal `journal-damaged`: nothing more may be built on it, the daemon ends.
    """
    if journal.path.stat().st_size > database.LOOK_BYTES_MAX:
        await journal.read_apart(database.look_over)


async def mend(journal: Journal, touch: Callable[[], None]) -> None:
    """After the disk failed: close, open, look again, until it is sound."""
    while True:
        await journal.wait_broken()
        touch()
        wait_s = REOPEN_S_MIN
        while journal.broken is not None:
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, REOPEN_S_MAX)
            with contextlib.suppress(Refusal):
                await journal.reopen()
        touch()


async def keep_reserve(reserve: Reserve, noticed: Noticed, touch: Callable[[], None]) -> None:
    """Make the reserve again when there is room, and let people see while it is given up."""
    while True:
        held = await asyncio.to_thread(reserve.make)
        if held == any(item.id == RESERVE for item in noticed.items()):
            if held:
                noticed.over(RESERVE)
            else:
                noticed.add(RESERVE, "disk-full", stays=True)
            touch()
        await asyncio.sleep(RESERVE_S)


async def rest(journal: Journal) -> None:
    """Give memory back whenever nothing was recorded or delivered for a while."""
    while True:
        seen = journal.marks
        try:
            async with asyncio.timeout(REST_S):
                await journal.wait_change(seen)
        except TimeoutError:
            await journal.rest()
            memory.trim()
            await journal.wait_change(seen)


def _nothing(_transaction: Transaction) -> None:
    """A job that only goes there and back."""


async def watch(journal: Journal, notifier: Notifier) -> None:
    """Tell systemd's watchdog that the loop turns and the writer's thread answers."""
    while notifier.watchdog_s:
        try:
            async with asyncio.timeout(ALIVE_S_MAX):
                await journal.write(_nothing)
        except (TimeoutError, Refusal):
            pass  # no sign of life: systemd decides
        else:
            notifier.alive()
        await asyncio.sleep(notifier.watchdog_s / 3)
