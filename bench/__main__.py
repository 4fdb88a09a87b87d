"""The command line of the benchmark."""

import shutil
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from bench import (
    durable_answers,
    ingest,
    machine,
    offices,
    running_agent,
    slow_line,
    tables,
    wire_bytes,
)
from bench.figures import FAILED, Figure, broken
from bench.machine import Run
from bench.plan import Group, Plan

SEED = 20261121
PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"
GROUPS = (
    Group("wire", "C1, bytes on the wire", wire_bytes.measure, 110, 65),
    Group("line", "C2, a slow line", slow_line.measure, 240, 85),
    Group("durable", "C3, durable answers", durable_answers.measure, 45, 25),
    Group("ingest", "C4, drain and ingest", ingest.measure, 30, 15),
    Group("offices", "C4, many offices at once", offices.measure, 30, 8),
    Group("agent", "C5 and C6, the agent at rest and at work", running_agent.measure, 150, 45),
)


@click.command(help="Measure the programs as they run, with the raw limits beside them.")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.option("--quick", is_flag=True, help="Fewer repetitions, smaller backlogs: 3 to 4 minutes.")
@click.option("--full", is_flag=True, help="Also a journal of a million events.")
@click.option("--write", "writes", is_flag=True, help="Put the table into docs/benchmarks.md.")
@click.option("--seed", default=SEED, show_default=True, help="Seed of the made-up work.")
@click.option(
    "--dir",
    "disk",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=Path("/var/tmp"),
    show_default=True,
    help="Where databases are made: the disk that is measured.",
)
def main(
    names: Sequence[str],
    *,
    as_json: bool,
    quick: bool,
    full: bool,
    writes: bool,
    seed: int,
    disk: Path,
) -> None:
    """Measure what is named, or everything; exit 1 when a goal was missed or something broke."""
    groups = _chosen(names)
    command = " ".join(["python -m bench", *sys.argv[1:]])
    folder = Path(tempfile.mkdtemp(prefix="cb-", dir=disk))
    plan = Plan(folder, seed, is_quick=quick, is_full=full)
    try:
        look = machine.look(folder)
        run = Run(command=command, at=machine.now(), seed=seed, machine=look)
        figures = measure(groups, plan)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    run = msgspec.structs.replace(run, took_s=plan.age_s)
    if as_json:
        document = {"run": run.document(), "figures": [figure.document() for figure in figures]}
        click.echo(msgspec.json.format(msgspec.json.encode(document)))
    else:
        tables.show(run, figures)
    if writes:
        tables.write(PAGE, tables.markdown(run, figures))
    raise SystemExit(any(figure.verdict in FAILED for figure in figures))


def measure(groups: Sequence[Group], plan: Plan) -> list[Figure]:
    """Measure group after group; one that breaks is named and the others go on."""
    left_s = sum(plan.often(group.usual_s, group.quick_s) for group in groups)
    figures: list[Figure] = []
    for group in groups:
        plan.tell(f"{group.title}; about {left_s} s to go")
        left_s -= plan.often(group.usual_s, group.quick_s)
        try:
            for figure in group.measure(plan):
                figures.append(figure)  # noqa: PERF402 - those before a break count
        except Exception as error:  # noqa: BLE001 - whatever broke, the table says so
            traceback.print_exc()
            figures.append(broken(group.name, group.title, error))
    return figures


def _chosen(names: Sequence[str]) -> Sequence[Group]:
    known = {group.name: group for group in GROUPS}
    if unknown := set(names) - set(known):
        raise click.BadParameter(f"{', '.join(sorted(unknown))}: choose from {', '.join(known)}")
    return [group for group in GROUPS if not names or group.name in names]


if __name__ == "__main__":
    main()
