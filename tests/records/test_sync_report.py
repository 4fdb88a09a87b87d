"""What a sync report shows of its days."""

from records.sync_report import day_reports
from wire.digests import DayRow


def test_a_day_is_shown_as_it_was_counted() -> None:
    row = DayRow("2026-11-20", "dossier.received", "direct", 12, bytes(range(8)))
    (shown,) = day_reports([row])
    assert (shown.day, shown.kind, shown.channel, shown.count) == tuple(row[:4])
    assert shown.digest == "0001020304050607"
