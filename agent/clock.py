"""What time it is, and how far that can be believed (docs/protocol.md section 3, `clock`).

The kernel knows whether something disciplines its clock: `adjtimex` reports STA_UNSYNC until
a time daemon has set it, and again when none has spoken for long. The rules are plain:

* a wall clock earlier than this program was written, or later than 2100, is `suspect`;
* a wall clock that moved against the monotonic one by more than a minute since it was last
  asked, without the kernel calling itself synchronised, is `suspect` until it is synchronised;
* else a clock the kernel calls unsynchronised is `unsynced`;
* else it is `trusted`.
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

    def state(self, now_ms: int, mono_ms: int, *, synchronised: bool) -> ClockState:
        """Judge one look at the clocks; looks are remembered to notice a step."""
        if self._last is not None:
            moved = (now_ms - self._last[0]) - (mono_ms - self._last[1])
            self._stepped = self._stepped or abs(moved) > STEP_MS_MAX
        self._last = (now_ms, mono_ms)
        if synchronised:
            self._stepped = False
        if not EARLIEST_MS <= now_ms < LATEST_MS or self._stepped:
            return "suspect"
        return "trusted" if synchronised else "unsynced"


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

    @property
    def boot_id(self) -> bytes:
        """The kernel's random id of this boot, as its 36 characters."""
        return self._boot_id
