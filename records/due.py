"""The due time of a dossier: calculated once, stored in its event, printed, never recomputed.

Rules (docs/domain, "Due time"; Decree 61/2018 with TT 01/2018 art. 12 and its successors):

* a filing on a day off, or at or after the cut-off (15:00:00 is late), belongs to the next
  working day;
* `working_days` 0: that working day at closing time, the end of its last hours;
* `working_days` n >= 1: closing time of the n-th working day after it (the day of filing is not
  counted);
* `working_days` None: the law names no time; the clerk gives one.

All functions are pure and take any time zone; answers are office time, +07:00.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Final, Literal

from records.calendar import OFFICE_ZONE, Calendar

WORKING_DAYS_MAX: Final = 1000
"""Four years: no procedure is published with more, and it bounds a hostile catalogue row."""

Lateness = Literal["early", "on_time", "late"]


def filing_day(filed: datetime, calendar: Calendar) -> date:
    """Give the working day to which a filing at `filed` (aware) belongs."""
    local = _local(filed)
    if local.time() >= calendar.cutoff:
        return calendar.next_working(local.date())
    return calendar.working_on_or_after(local.date())


def due_time(filed: datetime, working_days: int | None, calendar: Calendar) -> datetime | None:
    """Give the moment a result is due, or None where the catalogue has no time.

    Raises ValueError when `filed` has no zone or `working_days` lies outside 0..1000.
    """
    if working_days is None:
        return None
    if not 0 <= working_days <= WORKING_DAYS_MAX:
        msg = f"working_days must lie within 0..{WORKING_DAYS_MAX}, not {working_days}"
        raise ValueError(msg)
    start = filing_day(filed, calendar)
    return calendar.closing(calendar.add_working_days(start, working_days))


def lateness(due: datetime, resolved: datetime) -> Lateness:
    """Compare office dates: resolved on an earlier one is early, on the same one on time."""
    due_day, resolved_day = _local(due).date(), _local(resolved).date()
    if resolved_day < due_day:
        return "early"
    return "on_time" if resolved_day == due_day else "late"


def is_overdue(due: datetime | None, now: datetime) -> bool:
    """Tell whether a dossier still pending at `now` is late: its due date has passed."""
    return due is not None and lateness(due, now) == "late"


def falls_on_day_off(due: datetime, calendar: Calendar) -> bool:
    """Tell whether a printed due date is a day off by a calendar that came later.

    The date stays; the dossier goes on the list of people to call.
    """
    return not calendar.is_working(_local(due).date())


def notice_deadline(due: datetime, calendar: Calendar) -> datetime:
    """Give the last moment that is a whole working day before `due`.

    An apology with a new date (form 04) goes out by then; an extension after it is marked late.
    """
    local = _local(due)
    return datetime.combine(calendar.previous_working(local.date()), local.time(), OFFICE_ZONE)


def is_short_notice(now: datetime, due: datetime, calendar: Calendar) -> bool:
    """Tell whether less than a working day is left before `due`."""
    return _local(now) > notice_deadline(due, calendar)


def _local(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        msg = "a moment needs its zone"
        raise ValueError(msg)
    return moment.astimezone(OFFICE_ZONE)
