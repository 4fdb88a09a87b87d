"""The device session: what is drawn is what happens."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.devices.session import (
    BACKOFF_FIRST_MS,
    BACKOFF_MAX_MS,
    TRANSITIONS,
    Happening,
    Session,
    State,
)

DRAWING = Path(__file__).resolve().parents[3] / "docs/state-machines/device-session.mmd"


def test_the_drawing_and_the_table_agree() -> None:
    drawn = re.findall(r"^\s*(\w+) --> (\w+): (.+)$", DRAWING.read_text(), re.MULTILINE)
    table = {(old.value, new.value, by.value) for (old, by), new in TRANSITIONS.items()}
    assert set(drawn) == table


def test_what_is_not_drawn_is_a_fault() -> None:
    with pytest.raises(ValueError, match="opened cannot happen in state closed"):
        Session().after(Happening.OPENED)


def test_failures_are_forgotten_once_the_device_is_ready() -> None:
    session = Session().after(Happening.START)
    for _ in range(5):
        session = session.after(Happening.OPEN_FAILED).after(Happening.RETRY)
    assert session.failures == 5
    assert session.after(Happening.OPENED).failures == 0


@given(st.integers(0, 60), st.floats(0, 1, exclude_max=True))
def test_the_wait_is_never_a_busy_loop_and_never_past_its_cap(failures: int, chance: float) -> None:
    wait = Session(State.LOST, failures).wait_ms(lambda: chance)
    assert BACKOFF_FIRST_MS // 2 <= wait <= BACKOFF_MAX_MS
