"""Figures as people read them: a table on the terminal, and one for the page of figures."""

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.figures import Figure, Goal, Verdict
from bench.machine import Run

BEGIN = "<!-- figures: written by `make bench ARGS=--write` -->"
END = "<!-- /figures -->"
HEADINGS = ("Figure", "Ours", "Goal", "", "Raw limit, same run", "Ours ÷ raw", "N")
SIGNS = {"pass": "pass", "miss": "MISS", "open": "", "skipped": "skipped", "broken": "BROKEN"}


def number(value: float | None) -> str:
    """Write a number with three digits that tell, thousands apart."""
    if value is None:
        return "–"
    size = abs(value)
    if size >= 100 or value == round(value):
        return f"{value:,.0f}"
    return f"{value:,.1f}" if size >= 10 else f"{value:.2f}"


def with_unit(value: float | None, unit: str) -> str:
    """Write a number and its unit."""
    return number(value) if value is None else f"{number(value)} {unit}".strip()


def goal_of(figure: Figure) -> str:
    """Write the bound."""
    goal: Goal | None = figure.goal
    if goal is None:
        return ""
    sign = "≤" if goal.at_most else "≥"
    return f"{sign} {number(goal.limit)}{' of raw' if goal.of_raw else ''}"


def row(figure: Figure) -> tuple[str, ...]:
    """Return the cells of one figure."""
    if figure.missing:
        return (figure.title, "–", goal_of(figure), SIGNS[figure.verdict], figure.missing, "", "")
    raw = ""
    if figure.raw is not None:
        raw = f"{with_unit(figure.raw, figure.unit)} ({figure.raw_title})"
    ratio = "" if figure.ratio is None else number(figure.ratio)
    ours = with_unit(figure.value, figure.unit)
    return (figure.title, ours, goal_of(figure), SIGNS[figure.verdict], raw, ratio, figure.n)


def show(run: Run, figures: Sequence[Figure]) -> None:
    """Print the table, what the run was, and the notes."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in HEADINGS:
        right = heading in {"Ours", "Goal", "Ours ÷ raw"}
        table.add_column(heading, justify="right" if right else "left", overflow="fold")
    for figure in figures:
        style = {"miss": "bold red", "pass": "green", "skipped": "dim", "broken": "bold red"}.get(
            figure.verdict, ""
        )
        cells = [Text(cell) for cell in row(figure)]
        cells[3].stylize(style)
        table.add_row(*cells)
    width = None if sys.stdout.isatty() else 170
    console = Console(file=sys.stdout, width=width, highlight=False)
    console.print(table)
    for line in (*run.lines(), *notes(figures), summary(figures)):
        console.print(Text(line))


def notes(figures: Sequence[Figure]) -> list[str]:
    """Return a line for each figure that needs a word."""
    return [f"{figure.title}: {figure.note}" for figure in figures if figure.note]


def summary(figures: Sequence[Figure]) -> str:
    """Count what held and what did not."""
    verdicts = [figure.verdict for figure in figures]
    counted: tuple[Verdict, ...] = ("pass", "miss", "skipped", "broken")
    return ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in counted)


def markdown(run: Run, figures: Sequence[Figure]) -> str:
    """Return the part of docs/benchmarks.md that stands between its marks."""
    lines = [f"`{run.command}`", ""]
    lines += [f"- {line}" for line in run.lines()]
    lines += ["", _line(HEADINGS), _line(["---"] * len(HEADINGS))]
    lines += [_line(row(figure)) for figure in figures]
    remarks = notes(figures)
    if remarks:
        lines += ["", *(f"- {remark}" for remark in remarks)]
    lines += ["", f"{summary(figures)}."]
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def write(page: Path, text: str) -> None:
    """Put `text` between the marks of the page. Raises ValueError when they are not there."""
    source = page.read_text("utf-8")
    before, begin, rest = source.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} has no place for figures")
    page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", "utf-8")
