"""`python -m tests.simulation --seeds 10000`: run many worlds, keep the seeds that broke."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.simulation.story import Outcome, run


@click.command()
@click.option("--seeds", default=50, show_default=True, help="How many worlds.")
@click.option("--first", default=1, show_default=True, help="The first of their seeds.")
@click.option("--seed", type=int, help="Only this one, telling everything that happens.")
@click.option("--jobs", default=os.cpu_count(), show_default=True, help="Processes.")
@click.option("--with", "with_", multiple=True, help="A happening that is off by default.")
def main(seeds: int, first: int, seed: int | None, jobs: int, with_: tuple[str, ...]) -> None:
    """Let worlds happen from seeds; exit with 1 if any promise was broken."""
    switched_on = frozenset(with_)
    if seed is not None:
        outcome = run(seed, switched_on=switched_on)
        for happening in outcome.trace:
            click.echo(happening)
        sys.exit(_tell([outcome], switched_on))
    began_s = time.monotonic()
    outcomes = list(_all(range(first, first + seeds), jobs, switched_on))
    code = _tell(outcomes, switched_on)
    took_s = time.monotonic() - began_s
    counts = sum((outcome.counts for outcome in outcomes), Counter[str]())
    click.echo(f"{seeds} seeds from {first} in {took_s:.0f} s: {dict(counts)}")
    sys.exit(code)


def _all(seeds: range, jobs: int, switched_on: frozenset[str]) -> Iterator[Outcome]:
    columns = (TextColumn("seeds"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with ProcessPoolExecutor(jobs) as pool, Progress(*columns) as progress:
        bar = progress.add_task("seeds", total=len(seeds))
        for outcome in pool.map(_quietly, seeds, [switched_on] * len(seeds), chunksize=4):
            progress.advance(bar)
            if outcome.broken:
                progress.console.print(f"seed {outcome.seed}: {outcome.broken}", markup=False)
            yield outcome


def _quietly(seed: int, switched_on: frozenset[str]) -> Outcome:
    """Run one seed; whatever ends it is its outcome, and a whole trace is not handed over."""
    try:
        outcome = run(seed, switched_on=switched_on)
    except Exception as error:
        return Outcome(seed, f"{type(error).__name__}: {error}", [])
    return Outcome(seed, outcome.broken, [], outcome.counts)


def _tell(outcomes: list[Outcome], switched_on: frozenset[str]) -> int:
    broken = [outcome for outcome in outcomes if outcome.broken]
    options = "".join(f" --with '{name}'" for name in sorted(switched_on))
    for outcome in broken:
        click.echo(f"seed {outcome.seed} broke: {outcome.broken}")
        click.echo(f"  again: .venv/bin/python -m tests.simulation --seed {outcome.seed}{options}")
    return 1 if broken else 0


if __name__ == "__main__":
    main()
