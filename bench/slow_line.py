"""C2, a slow line: 64 kbit/s with 600 ms there and back, between two network namespaces."""

import contextlib
import http.client
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial

import msgspec

from bench import outbox, workload
from bench.figures import Figure, Goal, at_most, median, skipped
from bench.places import Place, answers
from bench.plan import ONLY_WHOLE, Plan
from bench.processes import Stopwatch
from tests.chaos.netem import FAR_ADDRESS, Conditions, Netem, in_namespace, why_not

RATE_BIT_S = 64_000
DELAY_MS = 300.0
LOSS = 0.02
RECORDS = 1_000
DARK_S = 20.0
RECORD_AFTER_S = 5.0
LOOK_S = 0.02
PATIENCE_S = 120.0
RAW_PORT = 9_099
DRAIN = "1,000 records at 64 kbit/s, 600 ms"
DRAIN_LOSS = "1,000 records at 64 kbit/s, 600 ms, 2 % loss"
SILENT = "first record at the province, line was silent for 20 s"
ANNOUNCED = "first record at the province, interface was down for 20 s"


@dataclass
class Slow:
    """A province and an office with a slow line between them."""

    line: Netem
    place: Place
    lines: Iterator[bytes]

    def start_server(self) -> None:
        """Start the province at its end of the line."""
        self.place.start_server(lambda: in_namespace(self.line.far, self._is_up))

    def _is_up(self) -> bool:
        return answers(self.place.url, self.place.made.ca_file)

    @property
    def payload(self) -> tuple[int, int]:
        """Bytes of TCP payload delivered so far, up and down."""
        return self.line.up.payload_bytes, self.line.down.payload_bytes


def measure(plan: Plan) -> Iterator[Figure]:
    """Measure all of C2."""
    why = why_not()
    if why is not None:
        titles = (("drain", DRAIN, at_most(7)), ("drain-loss", DRAIN_LOSS, at_most(8.5)))
        returns = (("return", SILENT, at_most(3)), ("return-announced", ANNOUNCED, at_most(3)))
        yield from (_skipped(*each, why) for each in (*titles, *returns))
        return
    with slow(plan) as made:
        yield drained(plan, made, "drain", DRAIN, 0.0, at_most(7), 1)
        yield drained(plan, made, "drain-loss", DRAIN_LOSS, LOSS, at_most(8.5), plan.often(3, 1))
        for key, loss, often in (("drain", 0.0, 1), ("drain-loss", LOSS, plan.often(3, 1))):
            yield baseline(plan, made, key, loss, often)
        made.line.conditions.loss = 0.0
        often = plan.often(2, 1)
        yield returned(plan, made, "return", SILENT, _silent, often)
        if plan.is_quick:
            yield _skipped("return-announced", ANNOUNCED, at_most(3), ONLY_WHOLE)
        else:
            yield returned(plan, made, "return-announced", ANNOUNCED, _announced, often)


def _skipped(key: str, title: str, goal: Goal, why: str) -> Figure:
    return skipped(f"line.{key}", title, "s", why, goal)


@contextmanager
def slow(plan: Plan) -> Iterator[Slow]:
    """Give a province and an office, both not started, and the line between them."""
    with Netem(Conditions(RATE_BIT_S, DELAY_MS), seed=plan.seed) as line:

        def wrap(role: str, argv: Sequence[str]) -> Sequence[str]:
            return line.command(line.far if role == "server" else line.near, argv)

        with Place(plan.folder / "slow", host=FAR_ADDRESS, wrap=wrap) as place:
            place.start_agent()
            yield Slow(line, place, workload.command_lines(plan.seed))


def drained(
    plan: Plan, made: Slow, key: str, title: str, loss: float, goal: Goal, often: int
) -> Figure:
    """Queue records while the province is away; measure from 'sync now' to the last receipt."""
    times, raws, moved = [], [], []
    for number in range(often):
        plan.tell(f"line: {title} ({number + 1} of {often})")
        made.place.server.stop()
        made.place.fill(RECORDS, made.lines)
        made.start_server()
        made.line.conditions.loss = loss
        before = made.payload
        times.append(made.place.door.drain(round(PATIENCE_S)))
        up, down = (now - then for now, then in zip(made.payload, before, strict=True))
        moved.append(up + down)
        raws.append(raw_transfer(made.line, up, down))
    return Figure(
        key=f"line.{key}",
        title=title,
        unit="s",
        value=median(times),
        goal=goal,
        raw=median(raws),
        raw_title="as many bytes through a TCP socket on the same line, there and back",
        n=f"median of {often}" if often > 1 else "1",
        note=(
            f"cold connection with TLS; {median([float(b) for b in moved]):,.0f} B of TCP payload; "
            f"{made.line.congestion_control}; runs: {', '.join(f'{s:.1f}' for s in times)} s"
        ),
    )


def baseline(plan: Plan, made: Slow, key: str, loss: float, often: int) -> Figure:
    """Let the rival drain as many of the same records over the same line, cold as well."""
    line, tls = made.line, made.place.made
    suffix = ", 2 % loss" if loss else ""
    title = f"baseline: {RECORDS:,} records{suffix}, {outbox.TITLE}"
    events = made.place.events()[-RECORDS:]
    times = []
    line.conditions.loss = loss
    for number in range(often):
        plan.tell(f"line: {title} ({number + 1} of {often})")
        folder = plan.folder / f"outbox-{key}-{number}"
        folder.mkdir()
        waiting = outbox.Outbox(folder / "outbox.db")
        waiting.fill(events)
        with (
            contextlib.closing(waiting),
            outbox.receiver(folder / "r.db", tls, partial(_far, line)),
        ):
            address = f"https://{FAR_ADDRESS}:{RAW_PORT}"
            watch = Stopwatch()
            in_namespace(line.near, partial(waiting.drain, address, tls.ca_file))
            times.append(watch.s)
    return Figure(
        key=f"line.{key}-outbox",
        title=title,
        unit="s",
        value=median(times),
        n=f"median of {often}" if often > 1 else "1",
        note=f"runs: {', '.join(f'{s:.1f}' for s in times)} s",
    )


def _far(line: Netem) -> socket.socket:
    return in_namespace(line.far, lambda: socket.create_server((FAR_ADDRESS, RAW_PORT)))


def raw_transfer(line: Netem, up: int, down: int) -> float:
    """Return the seconds that connect, `up` bytes there and `down` bytes back take."""
    server = in_namespace(line.far, lambda: socket.create_server((FAR_ADDRESS, RAW_PORT)))
    with server:

        def serve() -> None:
            peer, _ = server.accept()
            with peer:
                _take(peer, up)
                peer.sendall(bytes(down))

        thread = threading.Thread(target=serve, name="raw far end")
        thread.start()
        watch = Stopwatch()
        address = (FAR_ADDRESS, RAW_PORT)
        client = in_namespace(
            line.near, lambda: socket.create_connection(address, timeout=PATIENCE_S)
        )
        with client:
            client.sendall(bytes(up))
            _take(client, down)
        took = watch.s
        thread.join()
    return took


def _take(sock: socket.socket, count: int) -> None:
    while count > 0:
        data = sock.recv(min(count, 1 << 16))
        if not data:
            raise ConnectionError("the raw transfer broke off")
        count -= len(data)


@contextmanager
def _silent(line: Netem) -> Iterator[None]:
    """Swallow every packet: the modem is on, the tower is dark, nobody is told."""
    line.conditions.is_down = True
    yield
    line.conditions.is_down = False


@contextmanager
def _announced(line: Netem) -> Iterator[None]:
    """Take the interface down and up, as a modem that lost its carrier does."""
    words = ["ip", "link", "set", "line"]
    subprocess.run(line.command(line.near, [*words, "down"]), check=True)
    yield
    subprocess.run(line.command(line.near, [*words, "up"]), check=True)


def returned(
    plan: Plan,
    made: Slow,
    key: str,
    title: str,
    dark: Callable[[Netem], AbstractContextManager[None]],
    often: int,
) -> Figure:
    """Record one event while the line is away; measure from its return to the feed."""
    times = []
    for number in range(often):
        plan.tell(f"line: {title} ({number + 1} of {often})")
        made.place.door.drain()
        feed = Feed(made.place)
        in_namespace(made.line.far, feed.read_to_end)
        with dark(made.line):
            time.sleep(RECORD_AFTER_S)
            made.place.fill(1, made.lines)
            time.sleep(DARK_S - RECORD_AFTER_S)
        watch = Stopwatch()
        in_namespace(made.line.far, feed.wait_for_more)
        times.append(watch.s)
    return Figure(
        key=f"line.{key}",
        title=title,
        unit="s",
        value=median(times),
        goal=at_most(3),
        n=f"median of {often}" if often > 1 else "1",
        note=f"runs: {', '.join(f'{s:.1f}' for s in times)} s",
    )


class Feed:
    """The province's event feed, read as an integrator beside it does."""

    def __init__(self, place: Place) -> None:
        context = ssl.create_default_context(cafile=str(place.made.ca_file))
        self._http = http.client.HTTPSConnection(
            place.host, place.server_port, timeout=PATIENCE_S, context=context
        )
        self._headers = {"Authorization": f"Bearer {place.facts['feed_token']}"}
        self._after = ""

    def read_to_end(self) -> None:
        """Read what is there."""
        while self._page():
            pass

    def wait_for_more(self) -> None:
        """Return as soon as there is another event. Raises TimeoutError."""
        watch = Stopwatch()
        while not self._page():
            if watch.s > PATIENCE_S:
                raise TimeoutError("the record did not come")
            time.sleep(LOOK_S)

    def _page(self) -> bool:
        after = f"&after={self._after}" if self._after else ""
        self._http.request("GET", f"/v1/events?limit=500{after}", headers=self._headers)
        answer = self._http.getresponse()
        lines = [line for line in answer.read().split(b"\n") if line]
        if answer.status != http.client.OK:
            raise ConnectionError(f"feed: {answer.status} {lines}")
        if lines:
            self._after = msgspec.json.decode(lines[-1])["cursor"]
        return bool(lines)
