"""A real journal on a real file, and a clock that a story moves by hand."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from agent.clock import ClockState
from agent.journal import Identity, Journal, NoViews
from wire.event import Event, body_of, format_time

KEY = bytes(range(32))
IDENTITY = Identity(
    device_id=b"d" * 32, journal=b"j" * 16, office_id=b"o" * 16, desk=b"k" * 16, desk_writer=b"w" * 32
)


class FakeClock:
    """A clock that stands still until somebody moves it."""

    def __init__(self, now_ms: int = 1_795_224_665_000) -> None:
        self.wall_ms, self.since_boot_ms = now_ms, 60_000
        self.believed: ClockState = "trusted"
        self.boot_id = b"boot"

    def now_ms(self) -> int:
        return self.wall_ms

    def mono_ms(self) -> int:
        return self.since_boot_ms

    def state(self) -> ClockState:
        return self.believed

    def advance(self, ms: int) -> None:
        self.wall_ms += ms
        self.since_boot_ms += ms


def note(text: str = "x") -> Event:
    """An event that no view knows."""
    return Event(kind="test.noted", at=format_time(1_795_224_665_000), actor="lan.nt", body=body_of({"text": text}))  # fmt: skip


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
async def journal(file: Path, clock: FakeClock) -> AsyncIterator[Journal]:
    opened = await Journal.open(file, KEY, identity=IDENTITY, projector=NoViews(), clock=clock)
    yield opened
    await opened.close()


Opener = Callable[[], Journal]
