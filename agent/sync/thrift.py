"""What an office that pays for its line holds back, and until when: values in, values out.

Two rules of `agent.toml`, `[sync]` (docs/protocol.md section 7 leaves both to policy):

- **Quiet hours** hold documents and polls back. Records go on: an office writes few at night.
- **A daily cap of bytes.** From `DOCUMENTS_PART` of it on ordinary documents wait, so that records
  have the rest of the day; at the cap all documents wait and ordinary records go once in
  `RARE_MS`, with the receipts and the province's word that such an exchange brings.

Pressing records (`agent.sync.pressing`) go at once whatever was spent, and for `ASKED_MS` after a
person asked nothing is held at all. A day is the office's: bytes count anew at midnight in Vietnam.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from records import moment

MINUTE_MS: Final = 60_000
DAY_MINUTES: Final = 24 * 60
DAY_MS: Final = DAY_MINUTES * MINUTE_MS
OFFICE_OFFSET_MS: Final = 7 * 60 * MINUTE_MS
"""Office time (`records.calendar.OFFICE_ZONE`) is seven hours ahead of UTC all year."""
DOCUMENTS_PART: Final = 0.8
"""A day's records of a busy office are about a tenth of a scan: a fifth of any cap is plenty."""
RARE_MS: Final = 3_600_000
"""At the cap the province hears of ordinary records this often: an office that is silent for
longer counts there as late."""
ASKED_MS: Final = 15 * MINUTE_MS
"""Long enough for a scan on a slow line; whoever wants more asks again."""

Why = Literal["quiet-hours", "day-bytes"]
Documents = Literal["go", "urgent", "wait"]

_SPAN: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")


class Quiet(NamedTuple):
    """Quiet from one minute of the office's day to another, that one not included.

    Where `ends` is not after `begins` it lies on the next day.
    """

    begins: int
    ends: int

    @property
    def lasts(self) -> int:
        """Minutes in all, more than none."""
        return (self.ends - self.begins - 1) % DAY_MINUTES + 1

    def left(self, minute: int) -> int:
        """Minutes from this one of the day until the end; 0 outside."""
        since = (minute - self.begins) % DAY_MINUTES
        return max(self.lasts - since, 0)


def quiet_hours(text: str) -> tuple[Quiet, ...] | None:
    """Read `21:00-06:00, 11:30-13:00`; "" is none at all.

    Returns None for what is no such list, and for one that leaves no minute of a day.
    """
    found: list[Quiet] = []
    for part in text.split(",") if text.strip() else ():
        span = _SPAN.fullmatch(part.strip())
        if span is None:
            return None
        hour, minute, end_hour, end_minute = (int(group) for group in span.groups())
        if end_hour * 60 + end_minute > DAY_MINUTES:
            return None
        found.append(Quiet(hour * 60 + minute, (end_hour * 60 + end_minute) % DAY_MINUTES))
    always = all(any(span.left(minute) for span in found) for minute in range(DAY_MINUTES))
    return None if always else tuple(found)


@dataclass(frozen=True, slots=True)
class Rules:
    """What the technician wrote; `day_bytes_max` 0 is no cap."""

    day_bytes_max: int = 0
    quiet: tuple[Quiet, ...] = ()


@dataclass(frozen=True, slots=True)
class Holding:
    """What waits now.

    `rarely`: ordinary records go once in `RARE_MS`. `quiet_ms`: no polls for so long yet.
    `until_ms`: when documents go again by themselves, milliseconds since 1970; None: they go now.
    """

    why: Why | None = None
    documents: Documents = "go"
    rarely: bool = False
    quiet_ms: int = 0
    until_ms: int | None = None


def judge(rules: Rules, spent_bytes: int, now_ms: int, *, asked: bool) -> Holding:
    """Return what waits at `now_ms`, after so many bytes of this day.

    `asked`: a person wanted everything sent within the last `ASKED_MS`.
    """
    if asked:
        return Holding()
    cap = rules.day_bytes_max
    capped = 0 < cap <= spent_bytes
    nearly = cap > 0 and spent_bytes >= cap * DOCUMENTS_PART
    quiet_ms = _quiet_ms(rules, now_ms)
    if not (nearly or quiet_ms):
        return Holding()
    return Holding(
        why="day-bytes" if capped or not quiet_ms else "quiet-hours",
        documents="wait" if capped or quiet_ms else "urgent",
        rarely=capped,
        quiet_ms=quiet_ms,
        until_ms=_goes_on_ms(rules, now_ms, nearly=nearly),
    )


def office_day(now_ms: int) -> str:
    """Return the day whose bytes are counted at this moment, `2026-11-28`."""
    return moment.office_day(now_ms).isoformat()


def _quiet_ms(rules: Rules, now_ms: int) -> int:
    """Return how long it stays quiet from now on, over spans that follow one another."""
    ends_ms = now_ms
    for _ in range(len(rules.quiet) + 1):
        minute = (ends_ms + OFFICE_OFFSET_MS) % DAY_MS // MINUTE_MS
        left = max((span.left(minute) for span in rules.quiet), default=0)
        if left == 0:
            break
        ends_ms = ends_ms // MINUTE_MS * MINUTE_MS + left * MINUTE_MS
    return ends_ms - now_ms


def _goes_on_ms(rules: Rules, now_ms: int, *, nearly: bool) -> int:
    """Return when neither rule holds a document any more, as far as can be known now."""
    loud_ms = now_ms + _quiet_ms(rules, now_ms)
    midnight_ms = (now_ms + OFFICE_OFFSET_MS) // DAY_MS * DAY_MS + DAY_MS - OFFICE_OFFSET_MS
    if not nearly or loud_ms >= midnight_ms:
        return loud_ms
    return midnight_ms + _quiet_ms(rules, midnight_ms)
