"""C3, durable answers: what one producer gets at the Unix socket, and how soon a scan is shown."""

import os
import threading
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from bench import raw, workload
from bench.door import Streamed
from bench.figures import Figure, at_least, at_least_of_raw, at_most, median, percentile
from bench.places import Place
from bench.plan import Plan

RAW_SECONDS = 3.0
SCANS_APART_S = 0.02
SCAN_S_MAX = 10.0
WARM_UP = 500
MS = 1_000


def measure(plan: Plan) -> Iterator[Figure]:
    """Measure all of C3, with the line down: nothing but recording goes on."""
    with (
        Place(plan.folder / "door", told_url="https://127.0.0.1:9", has_scanner=True) as place,
        scanner(place) as pty,
    ):
        place.start_agent()
        lines = workload.command_lines(plan.seed)
        place.fill(WARM_UP, lines)
        yield from _streamed(plan, place, lines)
        yield from _sequential(plan, place, lines)
        yield _scan_to_screen(plan, place, pty)


def _streamed(plan: Plan, place: Place, lines: Iterator[bytes]) -> list[Figure]:
    count, rounds = plan.often(10_000, 5_000), plan.often(3, 2)
    plan.tell(f"durable: {rounds} x {count:,} records streamed")
    runs = [_stream(place, lines, count) for _ in range(rounds)]
    best = sorted(runs, key=lambda run: run.took_s)[len(runs) // 2]
    rate = best.answers / best.took_s
    events = place.events()[-count:]
    batch = round(best.answers_a_write)
    file = plan.folder / "raw.db"
    limit = median(
        [raw.insert_rate(raw.SQLITE, file, events, batch, RAW_SECONDS) for _ in range(rounds)]
    )
    cipherless = raw.insert_rate(raw.SQLCIPHER, file, events, batch, RAW_SECONDS)
    with_keys = _stream(place, _keyed(lines), count)
    streamed = Figure(
        key="durable.streamed",
        title="records durable, streamed",
        unit="records/s",
        value=rate,
        goal=at_least(10_000),
        raw=limit,
        raw_title=f"stdlib sqlite3, one table, WAL + FULL, {batch} a commit",
        n=f"median of {rounds} x {count:,}",
        note=(
            f"NDJSON over the Unix socket, one producer; with an idempotency key on each record "
            f"{with_keys.answers / with_keys.took_s:,.0f}/s; sqlcipher3 without a key inserts "
            f"{cipherless:,.0f}/s in the same batches"
        ),
    )
    against = msgspec.structs.replace(
        streamed,
        key="durable.streamed-of-raw",
        title="the same against raw SQLite",
        goal=at_least_of_raw(0.5),
        note="",
    )
    return [streamed, against]


def _stream(place: Place, lines: Iterator[bytes], count: int) -> Streamed:
    before = place.head()
    taken = [next(lines) for _ in range(count)]
    streamed = place.door.stream(taken)
    if place.head() - before != count:
        raise ValueError(f"{count} commands made {place.head() - before} events")
    return streamed


def _keyed(lines: Iterator[bytes]) -> Iterator[bytes]:
    for number, line in enumerate(lines):
        yield b'{"key":"bench-%d",%b' % (number, line[1:])


def _sequential(plan: Plan, place: Place, lines: Iterator[bytes]) -> list[Figure]:
    count = plan.often(1_000, 400)
    plan.tell(f"durable: {count:,} records one after the other, twice")
    in_stream = place.door.one_by_one([next(lines) for _ in range(count)])
    events = place.events()[-count:]
    single = []
    for line in [next(lines) for _ in range(count)]:
        began = time.perf_counter()
        place.door.command(line)
        single.append(time.perf_counter() - began)
    commits = raw.commit_times(plan.folder / "raw.db", events)
    fsyncs = raw.fsync_times(plan.folder / "raw", events)
    return [
        Figure(
            key="durable.sequential",
            title="records durable, each after the answer to the one before",
            unit="records/s",
            value=count / sum(in_stream),
            goal=at_least_of_raw(0.5),
            raw=count / sum(commits),
            raw_title="stdlib sqlite3, one a commit",
            n=f"{count:,}",
            note=f"append and fdatasync of the same bytes: {count / sum(fsyncs):,.0f}/s",
        ),
        *(
            Figure(
                key=f"durable.single-p{share * 100:.0f}",
                title=f"a single command, p{share * 100:.0f}",
                unit="ms",
                value=percentile(single, share) * MS,
                goal=at_most(10) if share > 0.5 else None,
                raw=percentile(commits, share) * MS,
                raw_title="one commit of stdlib sqlite3",
                n=f"{count:,}",
            )
            for share in (0.5, 0.99)
        ),
    ]


@contextmanager
def scanner(place: Place) -> Iterator[int]:
    """Give the far end of a counter's scanner, plugged in where the settings look for it."""
    far, near = os.openpty()
    tty.setraw(near)
    port = place.home / "dev" / "counter-1"
    port.parent.mkdir(exist_ok=True)
    port.unlink(missing_ok=True)
    port.symlink_to(os.ttyname(near))
    try:
        yield far
    finally:
        os.close(far)
        os.close(near)


def label(number: int) -> bytes:
    """Return what a scanner sends for a label: a dossier's code, CR behind it."""
    return b"H26.107-261121-%04d\r" % number


def wait_for_scanner(place: Place) -> None:
    """Return when the counter's scanner is open. Raises TimeoutError."""
    until = time.monotonic() + SCAN_S_MAX
    while time.monotonic() < until:
        devices = place.door.get("/api/devices")
        listed = devices["items"] if isinstance(devices, dict) else devices
        if any(item["name"] == "counter-1" and item["state"] == "ready" for item in listed):
            return
        time.sleep(0.005)
    raise TimeoutError("the scanner is not open")


def _scan_to_screen(plan: Plan, place: Place, pty: int) -> Figure:
    count = plan.often(300, 100)
    plan.tell(f"durable: {count} scans to the page")
    wait_for_scanner(place)
    shown = threading.Semaphore(0)
    took = []
    with place.door.listen() as events:

        def listen() -> None:
            for name in events:
                if name == "reading":
                    shown.release()

        next(events)  # the status that every page gets first: now the page is listening
        threading.Thread(target=listen, name="page", daemon=True).start()
        for number in range(1, count + 1):
            began = time.perf_counter()
            os.write(pty, label(number))
            if not shown.acquire(timeout=SCAN_S_MAX):
                raise TimeoutError(f"scan {number} was not shown")
            took.append(time.perf_counter() - began)
            time.sleep(SCANS_APART_S)
    return Figure(
        key="durable.scan-p99",
        title="scan to screen, p99",
        unit="ms",
        value=percentile(took, 0.99) * MS,
        goal=at_most(100),
        n=f"{count}",
        note=(
            f"from the write at the scanner's end of a pseudo-terminal to the event 'reading' at "
            f"the listening page, without the browser's drawing; p50 {median(took) * MS:.1f} ms"
        ),
    )
