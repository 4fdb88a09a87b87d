"""How every world begins: a province with its tables and devices that have enrolled.

Made once a process and copied: the migrations alone take longer than a whole story.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

from agent.keys import Enrolment, read_enrolment
from server.admission import Admission
from server.config import Config
from server.context import ServerContext
from server.enrolment import enrol, issue_ticket
from server.keys import load
from server.main import open_database, per_minute
from server.offices import add_office
from server.projections import project
from server.rates import Rates
from server.store.engine import Store
from tests.server.province import make_config
from tests.simulation import clock
from tests.simulation.clock import START_MS
from tests.simulation.inline import without_threads
from wire import enrolment as wire_enrolment
from wire.box import box
from wire.keys import SealingKey, SigningKey

DATABASE = "province.db"
OFFICES = (("H26.101", "Xã Ứng Hòa"), ("H26.102", "Xã Vân Đình"))


@dataclass(frozen=True)
class Enrolled:
    """One device as its technician leaves it."""

    enrolment: Enrolment
    answer: bytes
    box: bytes
    machine: str

    def box_on(self, machine: str) -> bytes:
        """Return the box that these keys show on a machine."""
        return box_of(self.enrolment.identity.device_id, machine)


@dataclass(frozen=True)
class Template:
    """A province's keys and database, and its devices."""

    files: Mapping[str, bytes]
    database: bytes
    devices: tuple[Enrolled, ...]


def box_of(device_id: bytes, machine: str) -> bytes:
    """Return the box of a device on a machine."""
    return box(device_id, f"{machine} id", f"{machine} disk", f"{machine} net")


def context_of(config: Config, store: Store, random: Random, *, now_ms: object) -> ServerContext:
    """Return a province's context whose time and chance are simulated."""
    return ServerContext(
        config=config,
        store=store,
        keys=load(config.keys_dir),
        project=project,
        now_ms=now_ms,  # type: ignore[arg-type]
        random_bytes=random.randbytes,
        jitter=random,
        admission=Admission(),
        senders=Rates(burst=300, per_s=20.0),
        tickets=per_minute(100),
        addresses=per_minute(100),
    )


@functools.cache
def template(devices: int) -> Template:
    """Return a world with so many devices, one after the other in the offices."""
    with tempfile.TemporaryDirectory() as folder, without_threads():
        return clock.run(lambda _loop: _made(Path(folder), devices))


async def _made(folder: Path, count: int) -> Template:
    random = Random(count)
    config = make_config(folder / "province")
    store = await open_database(config, migrating=True)
    ctx = context_of(config, store, random, now_ms=lambda: START_MS)
    offices = [await add_office(ctx, *each) for each in OFFICES[:count]]
    devices = [
        await _enrolled(ctx, offices[number % len(offices)], random, folder / f"{number}", number)
        for number in range(count)
    ]
    await store.close()
    keys = {path.name: path.read_bytes() for path in sorted(config.keys_dir.iterdir())}
    return Template(keys, (config.data_dir / DATABASE).read_bytes(), tuple(devices))


async def _enrolled(
    ctx: ServerContext, office: bytes, random: Random, folder: Path, number: int
) -> Enrolled:
    ticket = await issue_ticket(ctx, office, automatic=True)
    checked = wire_enrolment.check_ticket(ticket, ctx.keys.province, ctx.now_ms())
    seeds = {"device.key": random.randbytes(32), "sealing.key": random.randbytes(32)}
    signing = SigningKey.from_seed(seeds["device.key"])
    keys = wire_enrolment.DeviceKeys(signing, SealingKey.from_seed(seeds["sealing.key"]))
    journal, machine = random.randbytes(16), f"machine {number}"
    request = wire_enrolment.build_request(
        checked, keys, box=box_of(signing.key_id, machine), journal=journal, name=machine
    )
    answer = await enrol(ctx, checked.ticket.ticket_id, request, "127.0.0.1")
    accepted = wire_enrolment.accept_answer(
        answer, request=request, checked=checked, keys=keys, journal=journal
    )
    record = accepted.down.device or b""
    files = {
        **seeds,
        "journal.id": journal,
        "device.cose": record,
        "province.cose": ctx.keys.province,
    }
    enrolment = _read_back(folder, files)
    if enrolment is None:
        raise RuntimeError("not enrolled")
    return Enrolled(enrolment, answer, box_of(signing.key_id, machine), machine)


def _read_back(folder: Path, files: Mapping[str, bytes]) -> Enrolment | None:
    folder.mkdir(mode=0o700)
    for name, data in files.items():
        (folder / name).write_bytes(data)
        (folder / name).chmod(0o600)
    return read_enrolment(folder)
