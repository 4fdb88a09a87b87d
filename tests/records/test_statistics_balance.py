"""Whatever happened in an office, its rows balance and its periods join."""

import contextlib
import random
from datetime import date, datetime, timedelta
from typing import Any, get_args

from hypothesis import given
from hypothesis import strategies as st

from records.calendar import OFFICE_ZONE
from records.desk_events import State
from records.statistics import (
    COLUMNS,
    GROUPS,
    Group,
)
from tests.records.office import Office
from tests.records.test_statistics import (
    RESOLVE,
    balanced,
    do,
    figures,
    mark,
    progress,
    report,
)
from wire.problems import Refusal

MOVES: dict[str, dict[str, Any]] = {
    "dossier.request_supplement": {"papers": ["Giấy chứng sinh"], "reason": "Thiếu"},
    "dossier.supplement": {"documents": []},
    "dossier.forward": {"to": "Địa chính", "holder": "office"},
    "dossier.resolve": RESOLVE,
    "dossier.refuse": {"reason": "x"},
    "dossier.stop": {"reason": "x"},
    "dossier.withdraw": {"reason": "x"},
    "dossier.extend": {"due_at": "2026-12-30T17:00:00+07:00", "reason": "x"},
    "dossier.return": {"by": "direct"},
    "dossier.return by post": {"by": "postal"},
    "dossier.forward to the province": {"to": "Sở", "holder": "province"},
    "dossier.pay": {"name": "Lệ phí", "amount_vnd": 1_000, "by": "cash"},
}


STATES = get_args(State)


STANDS = {"carried_in", "pending_in_time", "pending_late", "waiting_for_papers"}


FLOWS = [name for name in COLUMNS[4:] if name not in STANDS]


def random_office(chance: random.Random) -> Office:
    """A month and a half of work, of the province too; now and then the clock is set back."""
    office = Office("2026-11-02T08:00:00+07:00")
    for _ in range(chance.randrange(1, 40)):
        office.wait(hours=chance.choice([0, 1, 3, 24, 70, -5]))
        if not office.dossiers or chance.random() < 0.3:
            office.receive(chance.choice(["1.001193", "1.000001"]))
            continue
        number = chance.randrange(len(office.dossiers)) + 1
        subject = list(office.dossiers)[number - 1]
        told = chance.random()
        if told < 0.25:
            progress(office, chance.choice(STATES), subject)
        elif told < 0.3:
            mark(office, subject, chance.choice(["delivered", "came_back", "lost"]))
        else:
            move = chance.choice(list(MOVES))
            with contextlib.suppress(Refusal):
                do(office, move.partition(" ")[0], number, **MOVES[move])
    office.wait(hours=5)
    return office


@given(st.integers(0, 2**32), st.integers(0, 60), st.integers(0, 60))
def test_every_row_and_the_totals_balance(seed: int, start: int, days: int) -> None:
    office = random_office(random.Random(seed))
    first = date(2026, 10, 25) + timedelta(days=start)
    groups: tuple[Group, ...] = (*GROUPS, "month")
    found = report(
        office, str(first), str(first + timedelta(days=days)), group=groups, now="2027-03-01T08:00"
    )
    assert all(balanced(row) for row in (*found.rows, found.totals))


@given(st.integers(0, 2**32), st.integers(1, 50))
def test_what_one_period_leaves_the_next_takes_up(seed: int, cut: int) -> None:
    office = random_office(random.Random(seed))
    middle = date(2026, 11, 1) + timedelta(days=cut)
    later = "2027-03-01T08:00"
    before = report(office, "2026-10-01", str(middle - timedelta(days=1)), now=later).totals
    after = report(office, str(middle), "2027-02-28", now=later).totals
    whole = report(office, "2026-10-01", "2027-02-28", now=later).totals
    left = before.pending_in_time + before.pending_late + before.waiting_for_papers
    assert left == after.carried_in
    for name in FLOWS:
        assert getattr(before, name) + getattr(after, name) == getattr(whole, name), name


@given(st.integers(0, 2**32))
def test_grouping_moves_nothing(seed: int) -> None:
    office = random_office(random.Random(seed))
    found = report(office, "2026-11-01", "2026-12-31", group=GROUPS)
    for name in COLUMNS[4:]:
        assert sum(getattr(row, name) for row in found.rows) == getattr(found.totals, name)


def test_the_period_ends_now_when_it_is_not_over() -> None:
    office = Office()
    office.receive()
    today = datetime.fromtimestamp(office.now_ms / 1000, OFFICE_ZONE).date()
    found = report(office, str(today), "2030-12-31")
    assert figures(found.totals) == {"received": 1, "pending_in_time": 1}
