"""What a figure says of itself, and how it is shown."""

from pathlib import Path

import pytest

from bench.figures import (
    Figure,
    at_least,
    at_least_of_raw,
    at_most,
    broken,
    median,
    percentile,
    skipped,
)
from bench.machine import Machine, Run
from bench.tables import BEGIN, END, markdown, number, row, write

MACHINE = Machine(
    cpu="a processor",
    cores=2,
    memory_mib=2048,
    kernel="6.1",
    python="3.11",
    disk="ext4 on /dev/sda",
    fsyncs_s=300,
    load=0.5,
)
RUN = Run(command="python -m bench", at="2026-11-22 08:00+07:00", seed=7, machine=MACHINE)


def figure(value: float | None, **more: object) -> Figure:
    return Figure(key="a.b", title="a figure", unit="B", value=value, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("made", "verdict"),
    [
        (figure(10, goal=at_most(10)), "pass"),
        (figure(11, goal=at_most(10)), "miss"),
        (figure(10, goal=at_least(10)), "pass"),
        (figure(9, goal=at_least(10)), "miss"),
        (figure(50, raw=100, goal=at_least_of_raw(0.5)), "pass"),
        (figure(49, raw=100, goal=at_least_of_raw(0.5)), "miss"),
        (figure(49, goal=at_least_of_raw(0.5)), "skipped"),
        (figure(10), "open"),
        (skipped("a.b", "a figure", "B", "needs root", at_most(1)), "skipped"),
        (broken("a.b", "a figure", ValueError("no line")), "broken"),
    ],
)
def test_a_figure_is_judged_by_its_goal(made: Figure, verdict: str) -> None:
    assert made.verdict == verdict


def test_the_ratio_is_ours_over_raw() -> None:
    assert figure(300, raw=100).ratio == 3
    assert figure(300).ratio is None
    assert figure(None, raw=100).ratio is None


def test_programs_get_every_member_and_null_for_what_is_not_known() -> None:
    document = figure(3, goal=at_most(2)).document()
    assert document["verdict"] == "miss"
    assert document["goal"] == {"limit": 2, "at_most": True, "of_raw": False}
    assert document["raw"] is None
    assert document["missing"] is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0.4567, "0.46"),
        (12.34, "12.3"),
        (5, "5"),
        (1234.5, "1,234"),
        (45_000, "45,000"),
    ],
)
def test_numbers_show_the_digits_that_tell(value: float | None, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("share", "value"), [(0.5, 50), (0.95, 95), (0.99, 99), (1.0, 100), (0.001, 1)]
)
def test_a_percentile_is_one_of_the_values(share: float, value: float) -> None:
    assert percentile([float(n) for n in range(100, 0, -1)], share) == value


def test_the_median_of_two_is_the_lower_one() -> None:
    assert median([2.0, 1.0]) == 1.0


def test_no_values_have_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_a_skipped_figure_says_why_in_its_row() -> None:
    cells = row(skipped("a.b", "a figure", "B", "needs root", at_most(7)))
    assert cells[:5] == ("a figure", "–", "≤ 7", "skipped", "needs root")


def test_the_page_keeps_everything_around_its_figures(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# Page\n\n{BEGIN}\nold\n{END}\n\nafter\n")
    write(page, markdown(RUN, [figure(3, goal=at_most(2), note="a remark")]))
    text = page.read_text()
    assert text.startswith("# Page\n")
    assert text.endswith(f"{END}\n\nafter\n")
    assert "old" not in text
    assert "| a figure | 3 B | ≤ 2 | MISS |" in text
    assert "- a figure: a remark" in text
    assert "0 pass, 1 miss, 0 skipped, 0 broken." in text


def test_a_page_without_a_place_for_figures_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing")
    with pytest.raises(ValueError, match="no place"):
        write(page, "figures")
    assert page.read_text() == "nothing"
