"""What waits when the line is paid by the byte: rules, bytes and a moment in, a holding out."""

from datetime import datetime

import pytest

from agent.sync.pressing import is_pressing
from agent.sync.thrift import Holding, Quiet, Rules, judge, office_day, quiet_hours
from records.moment import local, to_ms

MB = 1_000_000
NIGHT = Rules(quiet=(Quiet(21 * 60, 6 * 60),))
CAPPED = Rules(day_bytes_max=10 * MB)
BOTH = Rules(day_bytes_max=10 * MB, quiet=NIGHT.quiet)


def at(text: str) -> int:
    return to_ms(datetime.fromisoformat(f"2026-11-{text}+07:00"))


def until(held: Holding) -> str:
    assert held.until_ms is not None
    return local(held.until_ms).strftime("%d %H:%M")


@pytest.mark.parametrize(
    ("rules", "spent", "moment", "why", "documents", "rarely", "goes_on"),
    [
        (NIGHT, 0, "21T21:00:00", "quiet-hours", "wait", False, "22 06:00"),
        (NIGHT, 0, "22T05:59:59", "quiet-hours", "wait", False, "22 06:00"),
        (NIGHT, 90 * MB, "21T23:30:00", "quiet-hours", "wait", False, "22 06:00"),
        (CAPPED, 8 * MB, "21T10:00:00", "day-bytes", "urgent", False, "22 00:00"),
        (CAPPED, 10 * MB, "21T10:00:00", "day-bytes", "wait", True, "22 00:00"),
        (BOTH, 10 * MB, "21T10:00:00", "day-bytes", "wait", True, "22 06:00"),
        (BOTH, 10 * MB, "21T22:00:00", "day-bytes", "wait", True, "22 06:00"),
        (BOTH, 9 * MB, "22T03:00:00", "quiet-hours", "wait", False, "23 06:00"),
    ],
)
def test_what_waits_and_until_when(
    rules: Rules, spent: int, moment: str, why: str, documents: str, rarely: bool, goes_on: str
) -> None:
    held = judge(rules, spent, at(moment), asked=False)
    assert (held.why, held.documents, held.rarely, until(held)) == (why, documents, rarely, goes_on)
    assert judge(rules, spent, at(moment), asked=True) == Holding()


@pytest.mark.parametrize(
    ("rules", "spent", "moment"),
    [
        (Rules(), 900 * MB, "21T22:00:00"),
        (NIGHT, 900 * MB, "21T20:59:59"),
        (NIGHT, 0, "22T06:00:00"),
        (CAPPED, 8 * MB - 1, "21T10:00:00"),
    ],
)
def test_nothing_waits_without_a_reason(rules: Rules, spent: int, moment: str) -> None:
    assert judge(rules, spent, at(moment), asked=False) == Holding()


def test_quiet_spans_that_touch_are_one_and_the_wait_ends_on_the_minute() -> None:
    spans = quiet_hours("21:00-24:00, 00:00-06:00")
    assert spans == (Quiet(1260, 0), Quiet(0, 360))
    held = judge(Rules(quiet=spans), 0, at("21T23:59:30"), asked=False)
    assert held.quiet_ms == (6 * 60) * 60_000 + 30_000


@pytest.mark.parametrize("text", ["21-06", "21:00", "25:00-06:00", "21:00-24:01", "00:00-24:00"])
def test_hours_that_are_none_are_refused(text: str) -> None:
    assert quiet_hours(text) is None


def test_no_hours_are_none_and_a_day_begins_at_midnight_in_the_office() -> None:
    assert quiet_hours(" ") == ()
    assert [office_day(at("21T23:59:59")), office_day(at("22T00:00:00"))] == [
        "2026-11-21",
        "2026-11-22",
    ]


@pytest.mark.parametrize(
    ("event", "presses"),
    [
        (b'{"kind":"dossier.received","body":{"urgent":true}}', True),
        (b'{"kind":"dossier.received","body":{"summary":"\\"urgent\\":true"}}', False),
        (b'{"kind":"visit.checked_in","body":{"symptoms":["fever"]}}', True),
        (b'{"kind":"visit.checked_in","body":{"symptoms":[]}}', False),
        (b'{"kind":"dossier.forwarded","body":{"urgent":true}}', False),
        (b'{"kind":"dossier.received","body":7}', False),
    ],
)
def test_urgent_dossiers_and_visitors_with_symptoms_press(event: bytes, presses: bool) -> None:
    assert is_pressing(event) is presses
