"""C5 and C6: what an agent costs at rest and at work, how soon it is there, and its disk."""

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from agent.devices.framing import GAP_MS
from bench import workload
from bench.durable_answers import label, scanner, wait_for_scanner
from bench.figures import Figure, at_most, median
from bench.places import Place
from bench.plan import Plan
from bench.processes import PeakPss, Stopwatch, cpu_s, pss_mib

FEW = 1_000
REST_S = 5.0
SETTLED_S = 6.0
SCAN_S_MAX = 10.0
FLAT = 1.25
"""A start counts as flat in the journal's length if the longest takes this much of the shortest."""


@dataclass
class Started:
    """How long a start took: until the socket answers, and until a scan is shown; seconds."""

    answers_s: float
    scan_s: float


@dataclass
class Bench:
    """An office under measurement: its place, its scanner's far end, its work."""

    plan: Plan
    place: Place
    pty: int
    lines: Iterator[bytes]
    scans: int = 0

    def started(self, often: int) -> Started:
        """Stop and start the agent a few times; return the medians."""
        runs = []
        for _ in range(often):
            self.place.stop_agent()
            runs.append(self._start())
        return Started(median([r.answers_s for r in runs]), median([r.scan_s for r in runs]))

    def _start(self) -> Started:
        watch = Stopwatch()
        answers_s = self.place.start_agent()
        wait_for_scanner(self.place)
        time.sleep(GAP_MS / 1000)  # what comes in the first moment after opening is not believed
        self.scans += 1
        with self.place.door.listen() as events:
            shown = threading.Event()

            def listen() -> None:
                if "reading" in events:
                    shown.set()

            next(events)  # the status that every page gets first: now the page is listening
            threading.Thread(target=listen, name="page", daemon=True).start()
            os.write(self.pty, label(self.scans))
            if not shown.wait(SCAN_S_MAX):
                raise TimeoutError("the first scan was not shown")
        return Started(answers_s, watch.s)


def measure(plan: Plan) -> Iterator[Figure]:
    """Measure one agent from a near-empty journal to a long one."""
    lengths = [FEW, 10_000, 20_000 if plan.is_quick else 100_000]
    if plan.is_full:
        lengths.append(1_000_000)
    with Place(plan.folder / "agent", has_scanner=True) as place, scanner(place) as pty:
        bench = Bench(plan, place, pty, workload.command_lines(plan.seed))
        place.start_server(place.server_is_up)
        place.start_agent()
        place.fill(FEW, bench.lines)
        place.door.drain()
        yield from _at_rest(bench)
        place.server.stop()
        yield from _starts(bench, lengths)
        yield from _with_backlog(bench, lengths[-1] - FEW)
        yield _disk(bench)


def _at_rest(bench: Bench) -> Iterator[Figure]:
    seconds = bench.plan.often(30, 10)
    bench.plan.tell(f"agent: at rest for {seconds} s")
    time.sleep(REST_S)
    pid = bench.place.agent.pid
    before = cpu_s(pid)
    time.sleep(seconds)
    share = (cpu_s(pid) - before) / seconds * 100
    yield Figure(
        key="agent.pss-idle",
        title="agent at rest, memory (PSS)",
        unit="MiB",
        value=pss_mib(pid),
        goal=at_most(80),
        n="1",
        note=f"{FEW:,} events delivered, one scanner open, nobody signed in",
    )
    yield Figure(
        key="agent.cpu-idle",
        title="agent at rest, processor",
        unit="%",
        value=share,
        goal=at_most(0.5),
        n=f"{seconds} s",
        note="of one core; the kernel counts in steps of 10 ms",
    )


def _starts(bench: Bench, lengths: list[int]) -> Iterator[Figure]:
    often = bench.plan.often(3, 1)
    found: dict[int, Started] = {}
    recorded = FEW
    for length in lengths:
        bench.plan.tell(f"agent: starts with {length:,} events")
        bench.place.fill(length - recorded, bench.lines)
        recorded = length
        found[length] = bench.started(often)
    first, last = found[lengths[0]], found[lengths[-1]]
    starts = ", ".join(f"{length:,}: {found[length].answers_s:.2f} s" for length in lengths)
    yield Figure(
        key="agent.first-scan",
        title=f"ready for the first scan, {lengths[-1]:,} events waiting",
        unit="s",
        value=last.scan_s,
        goal=at_most(2),
        n=f"median of {often}",
        note="from exec until a scan at the counter is shown to a listening page",
    )
    yield Figure(
        key="agent.start-flat",
        title=f"start with {lengths[-1]:,} events ÷ with {lengths[0]:,}",
        unit="x",
        value=last.answers_s / first.answers_s,
        goal=at_most(FLAT),
        n=f"median of {often} each",
        note=f"from exec until the socket answers, by events in the journal: {starts}",
    )


def _with_backlog(bench: Bench, backlog: int) -> Iterator[Figure]:
    place = bench.place
    bench.plan.tell(f"agent: memory at a start with {backlog:,} events waiting, and draining them")
    place.stop_agent()
    place.start_agent()
    with PeakPss(place.agent.pid) as start:
        time.sleep(SETTLED_S)
    place.start_server(place.server_is_up)
    with PeakPss(place.agent.pid) as draining:
        took = place.door.drain(600)
    for key, title, peak, note in (
        ("start", "at a start with", start.mib, f"largest in the first {SETTLED_S:.0f} s"),
        (
            "draining",
            "draining",
            draining.mib,
            f"{backlog / took:,.0f} records/s over loopback with TLS",
        ),
    ):
        yield Figure(
            key=f"agent.pss-{key}",
            title=f"agent {title} {backlog:,} events, memory (peak PSS)",
            unit="MiB",
            value=peak,
            goal=at_most(120),
            n="1",
            note=f"{note}, looked at every 0.1 s",
        )


def _disk(bench: Bench) -> Figure:
    place = bench.place
    events = place.events()
    place.stop_agent()
    files = [file for file in place.database.parent.iterdir() if file.name.startswith("journal")]
    size, text = sum(file.stat().st_size for file in files), sum(map(len, events))
    return Figure(
        key="journal.cost",
        title="bytes on disk per byte of event",
        unit="x",
        value=size / text,
        goal=at_most(1.6),
        n=f"{len(events):,} events",
        note=(
            f"{size:,} B in {', '.join(sorted(file.name for file in files))} after a clean stop "
            f"(checkpointed), {text:,} B of event text; encrypted, with views and indices"
        ),
    )
