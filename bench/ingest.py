"""C4, drain and ingest: how fast an office empties itself, and how fast a province takes it in."""

import asyncio
from collections.abc import Iterator, Sequence

from bench import postgresql, raw, workload
from bench.figures import Figure, at_least, skipped
from bench.places import Place
from bench.plan import Plan
from bench.processes import Stopwatch, cpu_s, family_cpu_s
from bench.provinces import Line, Province, Sealed, judge, province, sealed

A_MESSAGE = 1_000
RAW_SECONDS = 3.0
DRAINED = 10_000
GOAL = at_least(5_000)


def measure(plan: Plan) -> Iterator[Figure]:
    """Measure drain and ingest, on SQLite and on PostgreSQL."""
    yield _drained(plan)
    events = workload.events(plan.seed, plan.often(20_000, 8_000))
    with province(plan.folder / "sqlite", 1) as made:
        limit = raw.insert_rate(raw.SQLITE, plan.folder / "raw.db", events, A_MESSAGE, RAW_SECONDS)
        title = f"stdlib sqlite3, one table, WAL + FULL, {A_MESSAGE} a commit"
        yield from _taken_in(plan, made, events, "SQLite", limit, title)
    why = postgresql.why_not()
    if why is not None:
        yield _skipped("PostgreSQL", why)
        return
    with postgresql.cluster(plan.folder) as cluster:
        database = asyncio.run(postgresql.fresh(cluster.address, "province"))
        limit = asyncio.run(postgresql.insert_rate(cluster.address, events, A_MESSAGE))
        title = f"asyncpg executemany, one table, {A_MESSAGE} a commit"
        with province(plan.folder / "postgresql", 1, database) as made:
            yield from _taken_in(plan, made, events, "PostgreSQL", limit, title, cluster.pid)


def _skipped(name: str, why: str) -> Figure:
    key, title = f"ingest.{name.lower()}-core", f"province ingest on {name}, per core"
    return skipped(key, title, "events/s", why, GOAL)


def _drained(plan: Plan) -> Figure:
    plan.tell(f"ingest: {DRAINED:,} records drained over loopback")
    with Place(plan.folder / "drain") as place:
        place.start_agent()
        place.fill(DRAINED, workload.command_lines(plan.seed))
        place.start_server(place.server_is_up)
        took = place.door.drain()
        events = place.events()
        limit = raw.insert_rate(raw.SQLITE, plan.folder / "raw.db", events, A_MESSAGE, RAW_SECONDS)
    return Figure(
        key="ingest.drain",
        title="drain of 10,000 over loopback",
        unit="records/s",
        value=DRAINED / took,
        goal=GOAL,
        raw=limit,
        raw_title=f"stdlib sqlite3, one table, WAL + FULL, {A_MESSAGE} a commit",
        n="1",
        note=(
            f"{took:.2f} s from 'sync now' to the last receipt applied: packing, sealing, TLS, "
            "chain, projections and both databases"
        ),
    )


def _taken_in(
    plan: Plan,
    made: Province,
    events: Sequence[bytes],
    name: str,
    limit: float,
    title: str,
    database_pid: int | None = None,
) -> Iterator[Figure]:
    """Post all events; `database_pid` names a database whose processes work for the server too."""
    plan.tell(f"ingest: {len(events):,} events into {name}")
    messages = sealed(made.devices[0], events, A_MESSAGE)
    before = _busy_s(made, database_pid)
    watch = Stopwatch()
    answers = asyncio.run(_post_all(made, messages))
    took, after = watch.s, _busy_s(made, database_pid)
    own, database = (now - then for now, then in zip(after, before, strict=True))
    busy = own + database
    for each, answer in zip(messages, answers, strict=True):
        judge(each, answer)
    note = (
        f"one device, one message after the other; {len(events) / took:,.0f} events/s by the "
        f"clock, {own:.2f} s of the server's processor time"
        + (f" and {database:.2f} s of the database's own" if database_pid else "")
    )
    yield Figure(
        key=f"ingest.{name.lower()}-core",
        title=f"province ingest on {name}, per core",
        unit="events/s",
        value=len(events) / busy,
        goal=GOAL,
        raw=limit,
        raw_title=title,
        n=f"{len(events):,} in messages of {A_MESSAGE:,}",
        note=note,
    )


def _busy_s(made: Province, database_pid: int | None) -> tuple[float, float]:
    """Return the processor time used so far by the server, and by a database beside it."""
    return cpu_s(made.server.pid), family_cpu_s(database_pid) if database_pid else 0.0


async def _post_all(made: Province, messages: Sequence[Sealed]) -> list[bytes]:
    line = Line(made)
    answers = []
    for each in messages:
        status, _, body = await line.post(each.message)
        if status != 200:
            raise ValueError(f"{status} {body[:300]!r}")
        answers.append(body)
    await line.close()
    return answers
