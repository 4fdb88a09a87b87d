"""The moment a command is decided at, and office time.

Every time a person reads, and every day a rule counts, is Vietnamese time whatever the zone of the
machine; between programs a moment is an integer of milliseconds since 1970-01-01T00:00Z.
"""

from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Literal

from msgspec import Struct

from records.calendar import OFFICE_ZONE

ClockState = Literal["trusted", "unsynced", "suspect"]


def local(at_ms: int) -> datetime:
    """Return a moment in office time, cut to the second as events write it."""
    return _at_second(at_ms // 1000)


@lru_cache(maxsize=64)
def _at_second(second: int) -> datetime:
    return datetime.fromtimestamp(second, OFFICE_ZONE)


def to_ms(at: datetime) -> int:
    """Return an aware datetime as milliseconds since 1970, exactly."""
    since = at.astimezone(UTC) - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000


def office_day(at_ms: int) -> date:
    """Return the day a moment belongs to in office time."""
    return local(at_ms).date()


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Moment(Struct, frozen=True):
    """Now, as the machine's clock has it, and how far that clock is to be trusted.

    `fresh_boot`: the clock was right in an earlier boot of the machine and nobody has vouched for
    it since this one began.
    """

    now_ms: int
    clock_state: ClockState = "trusted"
    fresh_boot: bool = False

    @property
    def is_doubtful(self) -> bool:
        """Whether a person has to confirm the clock before anything bears its date for ever."""
        return self.clock_state == "suspect" or (self.fresh_boot and self.clock_state != "trusted")

    @property
    def local(self) -> datetime:
        """Now in office time, to the second."""
        return local(self.now_ms)

    @property
    def today(self) -> date:
        """Today in office time."""
        return self.local.date()
