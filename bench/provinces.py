"""A province without offices' machines: the real server, and devices played by this process.

The devices are enrolled through the real rules while no server runs; what they will send is sealed
before the measurement begins, so that only the server works while the clock runs.
"""

import asyncio
import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench import authority
from bench.places import LOG_CHARS, LOOK_S, READY_S, NotUp, answers
from server.config import Config
from server.enrolment import issue_ticket
from server.main import per_minute
from server.offices import add_office
from tests.e2e.world import BIN, Program
from tests.ports import free_port
from tests.server.province import Device, FakeClock, Seen, make_config, open_province, use_ticket
from wire.message import MEDIA_TYPE
from wire.statements import HeadStatement, sign


@dataclass(frozen=True, slots=True)
class Sealed:
    """A message ready to go, and what it takes to judge the answer."""

    device: Device
    message: bytes
    last_seq: int


class RealClock(FakeClock):
    """The clock of the server's tests, going: milliseconds since the epoch."""

    def __call__(self) -> int:
        """Return the time."""
        return time.time_ns() // 1_000_000


@dataclass
class Province:
    """A running server and its devices."""

    server: Program
    port: int
    trust: ssl.SSLContext
    devices: Sequence[Device]


@contextmanager
def province(folder: Path, offices: int, database: str | None = None) -> Iterator[Province]:
    """Give a province on SQLite, or on the `database` of that address, with enrolled devices."""
    folder.mkdir()
    config = make_config(folder, database)
    devices = asyncio.run(_enrolled(config, offices))
    made = authority.make(folder / "tls")
    port = free_port()
    toml = folder / "server.toml"
    toml.write_text(
        f'listen = "127.0.0.1:{port}"\npublic_url = "https://127.0.0.1:{port}"\n'
        f'database = "{database or "sqlite:///data/province.db"}"\n'
        'data_dir = "data"\nkeys_dir = "keys"\n'
        f'tls_cert = "{made.cert_file}"\ntls_key = "{made.key_file}"\n'
    )
    argv = [str(BIN / "commune-server"), "--config", str(toml), "run"]
    server = Program(argv, folder / "server.log", port)
    server.start()
    try:
        _await(server, f"https://127.0.0.1:{port}", made.ca_file)
        trust = ssl.create_default_context(cafile=str(made.ca_file))
        yield Province(server, port, trust, devices)
    finally:
        server.kill()


def sealed(device: Device, events: Sequence[bytes], a_message: int) -> list[Sealed]:
    """Record events at a device and seal them, so many a message."""
    for event in events:
        device.write(event)
    statement = sign(HeadStatement(device.journal, *device.head), device.signing)
    now_ms = time.time_ns() // 1_000_000
    ready = []
    for first in range(1, len(events) + 1, a_message):
        last = min(first + a_message - 1, len(events))
        up = device.up(first, last, statement=statement, now=now_ms)
        ready.append(Sealed(device, device.seal(up), last))
    return ready


def judge(each: Sealed, answer: bytes) -> None:
    """Raise ValueError unless the answer's receipt covers the message."""
    down = each.device.open(answer, each.message)
    if down.verdict != "ok" or down.receipt.seq < each.last_seq:
        raise ValueError(f"{down.verdict}, receipt {down.receipt.seq} of {each.last_seq}")


class Line:
    """One device's connection to the server; TLS, kept open."""

    def __init__(self, to: Province) -> None:
        self._to = to
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def post(self, message: bytes) -> tuple[int, int, bytes]:
        """Post a message; return status, Retry-After in seconds (0: none) and body."""
        if self._writer is None or self._reader is None:
            self._reader, self._writer = await asyncio.open_connection(
                "127.0.0.1", self._to.port, ssl=self._to.trust
            )
        head = (
            "POST /v1/exchange HTTP/1.1\r\nHost: province\r\n"
            f"Content-Type: {MEDIA_TYPE}\r\nContent-Length: {len(message)}\r\n\r\n"
        )
        self._writer.write(head.encode() + message)
        await self._writer.drain()
        lines = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
        body = await self._reader.readexactly(int(fields["content-length"]))
        return int(lines[0].split()[1]), int(fields.get("retry-after", 0)), body

    async def close(self) -> None:
        """Close the connection."""
        if self._writer is not None:
            self._writer.close()


async def _enrolled(config: Config, offices: int) -> list[Device]:
    clock = RealClock()
    context = await open_province(config, clock, Seen())
    # All of them come from this one address, which the door would not let happen.
    context = replace(context, addresses=per_minute(60 * offices))
    try:
        devices = []
        for number in range(offices):
            office = await add_office(context, f"H26.{1_000 + number}", f"Xã số {number + 1}")
            ticket = await issue_ticket(context, office, automatic=True)
            devices.append(await use_ticket(context, ticket, seed=number + 2))
        return devices
    finally:
        await context.store.close()


def _await(server: Program, url: str, ca_file: Path) -> None:
    until = time.monotonic() + READY_S
    while time.monotonic() < until and server.process and server.process.poll() is None:
        if answers(url, ca_file):
            return
        time.sleep(LOOK_S)
    raise NotUp(server.log.read_text(errors="replace")[-LOG_CHARS:])
