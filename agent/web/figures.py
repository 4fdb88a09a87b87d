"""Which figures of the status stand in `/metrics`."""

from collections.abc import Sequence
from typing import get_args

from agent.status import Status
from agent.web.metrics import Counter, Gauge, gauge, states
from agent.web.texts import TEXTS
from records.sync_report import ClockState, DiskState

LINES = tuple(sorted(key.partition(".")[2] for key in TEXTS if key.startswith("line-name.")))


def families(status: Status) -> Sequence[Gauge | Counter]:
    """Return the metric families; names end in their unit."""
    exchange, today = status.exchange, status.today
    return (
        gauge("commune_journal_head_events", "Events in the office journal.", status.head),
        gauge("commune_journal_delivered_events", "Of them proven delivered.", status.delivered),
        gauge("commune_backlog_events", "Events waiting for the province.", status.backlog),
        states("commune_line_state", "State of the line.", "state", LINES, status.line),
        states(
            "commune_clock_state", "Trust in the clock.", "state",
            get_args(ClockState), status.clock.state,
        ),
        states(
            "commune_disk_state", "Room on the disk.", "state",
            get_args(DiskState), status.disk.state,
        ),
        gauge("commune_disk_free_bytes", "Room left on the disk.", status.disk.free_bytes),
        gauge("commune_journal_bytes", "Size of the journal's file.", status.disk.journal_bytes),
        gauge("commune_exchanges_24h", "Exchanges of the last 24 hours.", exchange.count_24h),
        gauge("commune_exchange_up_24h_bytes", "Sent in 24 hours.", exchange.bytes_up_24h),
        gauge("commune_exchange_down_24h_bytes", "Received in 24 hours.", exchange.bytes_down_24h),
        gauge("commune_today_received", "Dossiers received today.", today.received),
        gauge("commune_today_returned", "Results returned today.", today.returned),
        gauge("commune_dossiers_due", "Open dossiers due today.", today.due),
        gauge("commune_dossiers_overdue", "Open dossiers overdue.", today.overdue),
        gauge("commune_people_inside", "People inside now.", today.inside),
        gauge("commune_problems_open", "Problems open.", status.problems_open),
        gauge("commune_conflicts_open", "Conflicts open.", status.conflicts_open),
    )  # fmt: skip
