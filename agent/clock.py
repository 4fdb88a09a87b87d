"""What time it is, and how far that can be believed (docs/protocol.md section 3, `clock`).

The kernel knows whether something disciplines its clock: `adjtimex` reports STA_UNSYNC until
a time daemon has set it, and again some hours after the last one spoke. An office without a line
would so lose trust in a good clock within a day; but once a clock was right, a crystal keeps it
within a minute for a month. The rules are plain:

* a wall clock earlier than this program was written, or later than 2100, is `suspect`;
* one the kernel calls synchronised is `trusted`, and so is one that was, or that the province's
  time confirmed, in this run of the daemon at most 30 days ago, and that has not stepped since;
* one that moved against the monotonic clock by more than a minute between two looks is `suspect`
  until it is synchronised or confirmed;
* any other is `unsynced`.
"""

import ctypes
import hashlib
import time
from pathlib import Path
from typing import Literal, Protocol

ClockState = Literal["trusted", "unsynced", "suspect"]

BOOT_ID_FILE = Path("/proc/sys/kernel/random/boot_id")
EARLIEST_MS = 1_767_225_600_000
"""2026-01-01: no clock of a working box shows an earlier time than the program's first year."""
LATEST_MS = 4_102_444_800_000
"""2100-01-01: a later year is a broken clock chip, not the future."""
STEP_MS_MAX = 60_000
"""A wall clock drifts seconds a day against the monotonic one; a minute at once was set by hand."""
READING_MS_MAX = 5
"""Two clocks are not read in the same millisecond: a smaller difference is no step."""
VOUCHED_MS_MAX = 30 * 24 * 3600 * 1000
"""20 ppm of drift are 52 s in 30 days."""
STA_UNSYNC = 0x0040
TIME_ERROR = 5


class Clock(Protocol):
    """The wall clock, the clock since boot, and how far the first is believed."""

    def now_ms(self) -> int:
        """Milliseconds since 1970 as the machine believes."""
        ...

    def mono_ms(self) -> int:
        """Milliseconds since boot, counting sleep; never steps back."""
        ...

    def state(self) -> ClockState:
        """How far `now_ms` is believed."""
        ...

    @property
    def boot_id(self) -> bytes:
        """What the kernel calls this boot; another one after each start of the machine."""
        ...


def boot_mark(clock: Clock, device_id: bytes) -> bytes:
    """The 8 bytes by which a message or an event names its boot (docs/protocol.md section 3)."""
    return hashlib.sha256(clock.boot_id + device_id).digest()[:8]


class BootTimes:
    """Times since boot as events carry them: of the second that `at` shows.

    `at` is cut to the second, so the millisecond at which an event was written would say nothing
    that can be used; it would only cost some three bytes of each event on the line.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset_ms: int | None = None

    def of(self, now_ms: int) -> int:
        """Milliseconds from boot to the beginning of the second in which the wall clock is."""
        offset_ms = self._clock.mono_ms() - self._clock.now_ms()
        if self._offset_ms is None or abs(offset_ms - self._offset_ms) > READING_MS_MAX:
            self._offset_ms = offset_ms
        return max(now_ms // 1000 * 1000 + self._offset_ms, 0)


class Timex(ctypes.Structure):
    """`struct timex` of <sys/timex.h>; only `status` is read."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


def kernel_synchronised() -> bool:
    """Whether the kernel says that its clock is disciplined. Raises OSError if it will not say."""
    libc = ctypes.CDLL(None, use_errno=True)
    timex = Timex()
    answer = libc.adjtimex(ctypes.byref(timex))
    if answer < 0:
        raise OSError(ctypes.get_errno(), "adjtimex")
    return answer != TIME_ERROR and not timex.status & STA_UNSYNC


class Judge:
    """The rules of this module's docstring, without reading any clock."""

    def __init__(self) -> None:
        self._last: tuple[int, int] | None = None
        self._stepped = False
        self._vouched_mono_ms: int | None = None

    def vouch(self, now_ms: int, mono_ms: int) -> None:
        """Somebody who knows the time says that the wall clock is right now."""
        self._last = (now_ms, mono_ms)
        self._stepped = False
        self._vouched_mono_ms = mono_ms

    def state(self, now_ms: int, mono_ms: int, *, synchronised: bool) -> ClockState:
        """Judge one look at the clocks; looks are remembered to notice a step."""
        if self._last is not None:
            moved = (now_ms - self._last[0]) - (mono_ms - self._last[1])
            self._stepped = self._stepped or abs(moved) > STEP_MS_MAX
        self._last = (now_ms, mono_ms)
        if not EARLIEST_MS <= now_ms < LATEST_MS:
            return "suspect"
        if synchronised:
            self.vouch(now_ms, mono_ms)
        if self._stepped:
            return "suspect"
        vouched = self._vouched_mono_ms
        fresh = vouched is not None and mono_ms - vouched <= VOUCHED_MS_MAX
        return "trusted" if fresh else "unsynced"


class SystemClock:
    """The machine's own clocks."""

    def __init__(self) -> None:
        self._boot_id = BOOT_ID_FILE.read_text(encoding="ascii").strip().encode("ascii")
        self._judge = Judge()

    def now_ms(self) -> int:
        """Milliseconds since 1970 as the machine believes."""
        return time.time_ns() // 1_000_000

    def mono_ms(self) -> int:
        """Milliseconds since boot, counting sleep."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000

    def state(self) -> ClockState:
        """How far `now_ms` is believed, asked of the kernel now."""
        return self._judge.state(self.now_ms(), self.mono_ms(), synchronised=kernel_synchronised())

    def vouch(self, offset_ms: int) -> None:
        """Take the province's word: it has just answered, its time differs by `offset_ms`."""
        if abs(offset_ms) <= STEP_MS_MAX:
            self.confirm()

    def confirm(self) -> None:
        """Take a person's word that the clock is right now."""
        self._judge.vouch(self.now_ms(), self.mono_ms())

    @property
    def boot_id(self) -> bytes:
        """The kernel's random id of this boot, as its 36 characters."""
        return self._boot_id
