"""C4, many offices at once: a province's power comes back and everybody calls.

Scaled down: fewer offices than the 3,321 communes, each with a real backlog of two days, played
from one process that keeps `Retry-After` as an agent does.
"""

import asyncio
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bench import workload
from bench.figures import Figure, at_most, percentile
from bench.plan import Plan
from bench.processes import Stopwatch, cpu_s
from bench.provinces import Line, Province, Sealed, judge, province, sealed

COMMUNES = 3_321
A_DAY = 120
DAYS = 2
PATIENCE_S = 180
BUSY = frozenset({429, 503})


@dataclass
class Tally:
    """What all offices saw: seconds of each answer, refusals, and those refused for good.

    in_s: seconds from an office's first try to the answer that its records are in, waiting and
    all tries between included; one who was refused for good has none.
    """

    answered_s: list[float] = field(default_factory=list)
    in_s: list[float] = field(default_factory=list)
    busy: int = 0
    lost: int = 0


def measure(plan: Plan) -> Iterator[Figure]:
    """Let many offices come back at once."""
    count = plan.often(200, 60)
    plan.tell(f"offices: {count} devices enrolled and their messages sealed")
    with province(plan.folder / "offices", count) as made:
        events = workload.events(plan.seed, A_DAY * DAYS)
        messages = [sealed(device, events, len(events))[0] for device in made.devices]
        plan.tell(f"offices: {count} come back at once")
        before, watch = cpu_s(made.server.pid), Stopwatch()
        tally = asyncio.run(_all_at_once(made, messages, plan.seed))
        took, busy = watch.s, cpu_s(made.server.pid) - before
    note = (
        f"scaled down: {count} of {COMMUNES:,} offices, {len(events)} events each, all within the "
        f"same second; {tally.busy} times told to come again later, {tally.lost} refused for good; "
        f"everything in after {took:.1f} s, {busy:.1f} s of the server's processor time, so "
        f"{COMMUNES:,} offices would take about {busy / count * COMMUNES:,.0f} s of one core"
    )
    yield Figure(
        key="offices.p95",
        title=f"{count} offices at once, p95 answer",
        unit="s",
        value=percentile(tally.answered_s, 0.95),
        goal=at_most(5),
        n=f"{len(tally.answered_s)} answers",
        note=f"{note}; those told to come again are answers too",
    )
    yield Figure(
        key="offices.p95-in",
        title=f"{count} offices at once, p95 from the first try until all is in",
        unit="s",
        value=percentile(tally.in_s, 0.95),
        goal=at_most(5),
        n=f"{len(tally.in_s)} offices",
    )
    yield Figure(
        key="offices.lost",
        title=f"{count} offices at once, refused for good",
        unit="",
        value=float(tally.lost),
        goal=at_most(0),
        n=f"{count} offices",
    )


async def _all_at_once(made: Province, messages: Sequence[Sealed], seed: int) -> Tally:
    tally, chance = Tally(), random.Random(seed)
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        for each in messages:
            group.create_task(_come_back(made, each, tally, chance))
    return tally


async def _come_back(made: Province, each: Sealed, tally: Tally, chance: random.Random) -> None:
    line, first_try = Line(made), Stopwatch()
    while True:
        watch = Stopwatch()
        status, retry_s, body = await line.post(each.message)
        tally.answered_s.append(watch.s)
        if status not in BUSY:
            break
        tally.busy += 1
        await asyncio.sleep(max(retry_s, 1) * chance.uniform(1, 1.1))
    await line.close()
    if status != 200:
        tally.lost += 1
        return
    tally.in_s.append(first_try.s)
    judge(each, body)
