"""What the daemon's log says of its days: one line when something changes, none while it stays."""

import structlog
from msgspec import Struct

from agent.status import Status, StatusBoard

_log = structlog.get_logger("agent")


class Remark(Struct, frozen=True):
    """What of a status is worth a line when it changes; no counts, they are in `/metrics`."""

    line: str
    line_error: str | None
    line_held: bool
    recording: bool
    clock: str
    disk: str


def remark(status: Status) -> Remark:
    """Return what the log would say of a status."""
    return Remark(
        status.line,
        status.line_error,
        status.line_held,
        status.recording,
        status.clock.state,
        status.disk.state,
    )


async def follow(board: StatusBoard) -> None:
    """Write a line for each change of the line, the clock, the disk or the journal's health."""
    before: Remark | None = None
    async for status in board.subscribe():
        now = remark(status)
        if now == before:
            continue
        good = now.recording and now.disk == "ok"
        write = _log.info if good else _log.error
        write(
            "status",
            line=now.line,
            line_error=now.line_error,
            line_held=now.line_held,
            recording=now.recording,
            clock=now.clock,
            disk=now.disk,
            head=status.head,
            backlog=status.backlog,
        )
        before = now
