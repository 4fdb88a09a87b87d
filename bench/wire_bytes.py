"""C1, the wire: TCP payload both ways, with TLS, counted on the line between real processes."""

import contextlib
import random
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from bench import outbox, raw, workload
from bench.authority import Made
from bench.figures import Figure, at_most, skipped
from bench.places import Place
from bench.plan import ONLY_WHOLE, Plan
from tests.chaos.link import CLEAN, Fault, Link
from tests.ports import free_port
from wire.limits import IDLE_POLL_S

QUIET_S = 1.0
"""A line that carried nothing for this long has come to rest."""
LOOK_S = 0.05
RESETS = 20
RESETS_GOAL = at_most(1.15)
RESET_BYTES_MAX = 40_000
"""About what 1,000 records weigh: a reset strikes anywhere in them."""
REPLY_BYTES_MAX = 3_000
"""A handshake and an answer: some lose the reply to a request that arrived."""
AGAIN_S = 0.2
POLLS_AN_HOUR = 3600 / IDLE_POLL_S
ROUNDS_MAX = 40
"""More rounds than 20 resets can need: a line that strikes less often is a broken rig."""


@dataclass
class Office:
    """An office and the line to its province."""

    place: Place
    link: Link
    lines: Iterator[bytes]

    @property
    def total(self) -> int:
        """Bytes of TCP payload that have passed so far."""
        return self.link.up_bytes + self.link.down_bytes

    def rest(self) -> None:
        """Return when the line has come to rest."""
        seen, since = self.total, time.monotonic()
        while time.monotonic() - since < QUIET_S:
            time.sleep(LOOK_S)
            if self.total != seen:
                seen, since = self.total, time.monotonic()

    def cost(self, records: int) -> int:
        """Return what recording and delivering `records` puts on the open connection."""
        before = self.total
        if records:
            self.place.fill(records, self.lines)
            self.place.door.drain()
        else:
            self.place.door.sync(0)
        self.rest()
        return self.total - before


@contextmanager
def office(plan: Plan, name: str, queued: int) -> Iterator[Office]:
    """Give an office that has recorded `queued` events and never met its province."""
    port = free_port()
    with (
        Link(port) as link,
        Place(
            plan.folder / name, told_url=f"https://127.0.0.1:{link.port}", server_port=port
        ) as place,
    ):
        place.start_server(place.server_is_up)
        link.cut()
        place.start_agent()
        made = Office(place, link, workload.command_lines(plan.seed))
        place.fill(queued, made.lines)
        yield made


def first_contact(made: Office) -> int:
    """Let the line come back; return what it carried until it was at rest."""
    before = made.total
    made.link.restore()
    made.place.door.drain()
    made.rest()
    return made.total - before


def measure(plan: Plan) -> Iterator[Figure]:
    """Measure all of C1."""
    yield from _thousand(plan)
    yield _hundred(plan)
    yield _resets(plan, 1_000)
    if plan.is_quick:
        yield skipped(*_resets_names(10_000), ONLY_WHOLE, RESETS_GOAL)
    else:
        yield _resets(plan, 10_000)


def _thousand(plan: Plan) -> Iterator[Figure]:
    plan.tell("wire: 1,000 records at first contact, then small ones on the open connection")
    with office(plan, "wire", 1_000) as made:
        bytes_ = first_contact(made)
        events = made.place.events()
        yield _figure(
            "1000",
            "1,000 queued records, first contact",
            bytes_,
            45_000,
            raw.zstd_bytes(events),
            note=f"gzip -9 of the same events, no envelope: {raw.gzip_bytes(events):,} B; "
            f"{sum(map(len, events)) / len(events):.0f} B of JSON each",
        )
        for records, title, goal, often in (
            (100, "100 records, open connection", 9_000, 1),
            (10, "10 records, open connection", 1_600, 3),
            (1, "one more record, open connection", 900, 5),
        ):
            costs = [made.cost(records) for _ in range(often)]
            yield _figure(
                f"{records}-open",
                title,
                sum(costs) / often,
                goal,
                raw.zstd_bytes(made.place.events()[-records:]),
                n=f"mean of {often}" if often > 1 else "1",
            )
        polls = [made.cost(0) for _ in range(3)]
        yield from _baseline(plan, events, made.place.made)
    yield Figure(
        key="wire.idle-hour",
        title="idle, per hour",
        unit="B",
        value=sum(polls) / len(polls) * POLLS_AN_HOUR,
        goal=at_most(2_048),
        n=f"mean of {len(polls)} polls",
        note=f"computed: {POLLS_AN_HOUR:.0f} polls an hour, each as measured here",
    )


def _baseline(plan: Plan, events: Sequence[bytes], made: Made) -> Iterator[Figure]:
    """Send the same events as the rival would, and some more; count what the same line carries."""
    plan.tell(f"wire: the same by {outbox.TITLE}")
    folder = plan.folder / "outbox"
    folder.mkdir()
    waiting = outbox.Outbox(folder / "outbox.db")
    with (
        contextlib.closing(waiting),
        outbox.receiver(folder / "received.db", made, _loopback) as port,
        Link(port) as link,
    ):
        for count in (1_000, 10):
            before = link.up_bytes + link.down_bytes
            waiting.fill(events[:count])
            waiting.drain(link.url.replace("http:", "https:"), made.ca_file)
            yield Figure(
                key=f"wire.{count}-outbox",
                title=f"baseline: {count:,} records, {outbox.TITLE}",
                unit="B",
                value=link.up_bytes + link.down_bytes - before,
                n="1",
                note="TLS handshake included; not sealed, not signed, no receipt",
            )


def _loopback() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


def _hundred(plan: Plan) -> Figure:
    plan.tell("wire: 100 records at first contact")
    with office(plan, "wire100", 100) as made:
        bytes_ = first_contact(made)
        limit = raw.zstd_bytes(made.place.events())
    return _figure("100", "100 queued records, first contact", bytes_, 10_500, limit)


def _resets(plan: Plan, records: int) -> Figure:
    """Deliver through faulty connections; 'sync now' is pressed after each so that none waits.

    Once all is delivered as many records are made again, until all resets have struck; the clean
    line then carries as many rounds. Raises RuntimeError when the rig does not strike.
    """
    plan.tell(f"wire: {records:,} records and more through {RESETS} resets")
    rounds = 1
    with office(plan, f"resets{records}", records) as made:
        made.link.fail_with(_faults(made.link, plan.seed))
        faulty = _contact(made)
        while made.link.struck < RESETS:
            if rounds == ROUNDS_MAX:
                raise RuntimeError(f"only {made.link.struck} resets in {rounds} rounds")
            rounds += 1
            faulty += _round(made, records)
        struck = made.link.struck
    with office(plan, f"clean{records}", records) as made:
        clean = _contact(made)
        clean += sum(_round(made, records) for _ in range(rounds - 1))
    key, title, unit = _resets_names(records)
    return Figure(
        key=key,
        title=title,
        unit=unit,
        value=faulty / clean,
        goal=RESETS_GOAL,
        n=f"{struck} resets in {rounds} rounds",
        note=(
            f"{faulty:,} B against {clean:,} B; each new connection is reset within "
            f"{RESET_BYTES_MAX:,} B upwards or within {REPLY_BYTES_MAX:,} B of what comes back, "
            f"and {records:,} more records are made whenever all is delivered, until {RESETS} "
            "resets have struck; the clean line carries the same rounds"
        ),
    )


def _contact(made: Office) -> int:
    """Let the line come back and press until all is delivered; return what it carried."""
    before = made.total
    made.link.restore()
    return _pressed(made, before)


def _round(made: Office, records: int) -> int:
    """Record more and press until all is delivered; return what the line carried."""
    before = made.total
    made.place.fill(records, made.lines)
    return _pressed(made, before)


def _pressed(made: Office, before: int) -> int:
    while made.place.door.sync(0)["backlog"]:
        time.sleep(AGAIN_S)
    made.rest()
    return made.total - before


def _resets_names(records: int) -> tuple[str, str, str]:
    return f"wire.resets-{records}", f"{records:,} records through resets ÷ clean", "x"


def _faults(link: Link, seed: int) -> Callable[[], Fault]:
    chance = random.Random(seed)

    def next_fault() -> Fault:
        if link.struck >= RESETS:
            return CLEAN
        if chance.random() < 0.5:
            return Fault(reset_after=chance.randint(1, RESET_BYTES_MAX))
        return Fault(reply_bytes=chance.randint(1, REPLY_BYTES_MAX))

    return next_fault


def _figure(
    key: str, title: str, value: float, goal: float, limit: float, *, n: str = "", note: str = ""
) -> Figure:
    return Figure(
        key=f"wire.{key}",
        title=title,
        unit="B",
        value=value,
        goal=at_most(goal),
        raw=limit,
        raw_title="zstd -19 with D1, no envelope",
        n=n or "1",
        note=note,
    )
