"""A province in a folder and devices that speak to it, for the server's tests."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from provisioning.rotation import Rotated, Wanted, rotate
from server.admission import Admission
from server.config import Config
from server.context import Projector, ServerContext
from server.enrolment import enrol, issue_ticket
from server.exchange import exchange
from server.keys import load
from server.main import open_database, per_minute
from server.offices import add_office
from server.rates import Rates
from server.stored import StoredEvent
from wire import enrolment, message, plaintext
from wire.block import pack, unpack
from wire.box import box
from wire.chain import Head, extend, genesis
from wire.event import Event, body_of, decode, encode, format_time
from wire.keys import SealingKey, SealingPublicKey, SigningKey, VerifyKey, key_id
from wire.plaintext import Down, Fetch, Problem, Up
from wire.statements import DeviceRecord, Province, sign, verify
from wire.turns import NO_TURN

NOW_MS = 1_795_222_800_000  # 2026-11-21 08:00 in Viet Nam


NOWHERE = Head(0, bytes(32))


class FakeClock:
    """A clock that stands until it is moved."""

    def __init__(self, now_ms: int = NOW_MS) -> None:
        self.ms = now_ms

    def __call__(self) -> int:
        return self.ms


class Seen:
    """A projector that remembers what it was given."""

    def __init__(self) -> None:
        self.events: list[StoredEvent] = []

    async def __call__(
        self, _conn: object, _office_id: bytes, events: Sequence[StoredEvent], /
    ) -> list[Problem]:
        self.events += events
        return []


def make_keys(folder: Path, seed: int = 1) -> None:
    """Write a province's keys into `folder`, as provisioning does."""
    folder.mkdir(parents=True)
    rng = Random(seed)
    root = SigningKey.from_seed(rng.randbytes(32))
    for name in ("signing", "sealing", "turn", "database"):
        path = folder / f"{name}.key"
        path.write_bytes(rng.randbytes(32))
        path.chmod(0o600)
    province = Province(
        n=1,
        name="Hà Nội",
        urls=("http://127.0.0.1:8700",),
        signing_key=SigningKey.from_seed((folder / "signing.key").read_bytes()).public,
        sealing_key=SealingKey.from_seed((folder / "sealing.key").read_bytes()).public,
        valid_from_ms=0,
        root_key=root.public,
    )
    (folder / "province.cose").write_bytes(sign(province, root))


def rotate_keys(folder: Path, seed: int = 1, **wanted: Any) -> Rotated:
    """Give the province with these keys its next statement, as an operator does."""
    root = folder.parent / "root.key"
    if not root.exists():
        root.write_bytes(Random(seed).randbytes(32))
        root.chmod(0o600)
    return rotate(folder.parent, root, Wanted(**wanted), now_ms=NOW_MS, random_bytes=os.urandom)


def make_config(folder: Path, database: str | None = None) -> Config:
    """Return settings for a province in `folder`, its keys made if they are not there."""
    keys = folder / "keys"
    if not keys.exists():
        make_keys(keys)
    (folder / "data").mkdir(exist_ok=True)
    return Config(
        file=folder / "server.toml",
        host="127.0.0.1",
        port=0,
        public_url="http://127.0.0.1:8700",
        database=database or f"sqlite:///{folder / 'data' / 'province.db'}",
        data_dir=folder / "data",
        keys_dir=keys,
        blobs="blobs",
        late_after_s=3_600,
        silent_after_s=86_400,
        tls_cert=None,
        tls_key=None,
    )


async def open_province(
    config: Config, clock: FakeClock, project: Projector, *, migrating: bool = True
) -> ServerContext:
    """Return a context whose time stands still and whose chance repeats."""
    return ServerContext(
        config=config,
        store=await open_database(config, migrating=migrating),
        keys=load(config.keys_dir),
        project=project,
        now_ms=clock,
        random_bytes=os.urandom,
        jitter=Random(7),
        admission=Admission(),
        senders=Rates(burst=100_000, per_s=1_000.0),
        tickets=per_minute(5),
        addresses=per_minute(60),
    )


@dataclass
class DeskCopy:
    """A device's copy of one desk journal: its heads, the first before any event, and events."""

    heads: list[Head]
    events: list[bytes] = field(default_factory=list)


@dataclass
class Device:
    """An office's agent, as far as the province can tell."""

    ctx: ServerContext
    signing: SigningKey
    sealing: SealingKey
    journal: bytes
    office: bytes = bytes(16)
    record: DeviceRecord | None = None
    record_cose: bytes = b""
    events: list[bytes] = field(default_factory=list)
    heads: list[Head] = field(default_factory=list)
    desk_events: list[bytes] = field(default_factory=list)
    desk_head: Head = NOWHERE
    desks: dict[bytes, DeskCopy] = field(default_factory=dict)
    proof: bytes | None = None
    turn: bytes = NO_TURN
    box: bytes = bytes(24)
    clock: str = "trusted"
    now: int = NOW_MS
    boot: bytes = bytes(8)

    @property
    def device_id(self) -> bytes:
        return self.signing.key_id

    @property
    def head(self) -> Head:
        return self.heads[-1] if self.heads else genesis(self.device_id, self.journal)

    def write(self, raw: bytes) -> None:
        """Append the bytes of an event."""
        self.heads.append(extend(self.head, raw))
        self.events.append(raw)

    def note(self, text: str = "Đã lau sàn", **members: object) -> None:
        """Append a small event of a kind that is known."""
        body = body_of({"kind": "disinfection", "note": text})
        event = Event(kind="office.noted", at=format_time(self.now), actor="lan.nt", body=body)
        self.write(encode(replace_members(event, members)))

    def place(self, seq: int) -> Head:
        """Return the head at `seq`."""
        return self.heads[seq - 1] if seq else genesis(self.device_id, self.journal)

    def up(self, first: int = 1, last: int | None = None, **members: object) -> Up:
        """Return what a message with events first..last says."""
        last = len(self.events) if last is None else last
        events = None
        if first <= last:
            prev = self.place(first - 1).hash
            events = pack(first, prev, self.events[first - 1 : last])
        assert self.record is not None
        values: dict[str, object] = {
            "office": self.office,
            "journal": self.journal,
            "head": self.head,
            "events": events,
            "desk": self.record.desk,
            "cursor": self.desk_head,
            "turn": self.turn,
            "box": self.box,
            "boot": self.boot,
            "now": self.now,
            "clock": self.clock,
            "budget": 1 << 20,
            "codecs": (0, 1),
        }
        return Up(**(values | members))  # type: ignore[arg-type]

    def seal(self, up: Up, *, record: bytes | None = None) -> bytes:
        """Return the full message."""
        return message.seal_full(
            plaintext.encode_up(up),
            sender=self.signing,
            receiver=SealingPublicKey(self.ctx.keys.sealing[0].public),
            direction="up",
            device_record=record,
        )

    def open(self, answer: bytes, request: bytes) -> Down:
        """Return what an answer says, after the checks every device makes."""
        envelope = message.parse_full(answer)
        message.verify_full(envelope, VerifyKey(self.ctx.keys.signing.public))
        down = plaintext.decode_down(message.decrypt_full(envelope, self.sealing, "down"))
        assert down.re == sha256(request).digest()
        return down

    async def send(self, up: Up) -> Down:
        """Seal, exchange, open, and remember what the answer changes."""
        request = self.seal(up)
        down = self.open(await exchange(request, self.ctx), request)
        self.learn(down)
        return down

    async def sync(self, first: int = 1, last: int | None = None, **members: object) -> Down:
        """Send events first..last and take the answer."""
        return await self.send(self.up(first, last, **members))

    def learn(self, down: Down) -> None:
        """Keep the turn, follow the province to a new desk and append the desk events."""
        if not down.stale:
            self.turn = down.turn
        if down.events is None:
            return
        if down.device is not None:
            self._follow(verify(down.device, DeviceRecord, VerifyKey(self.signers[0])), down)
        copy = self.copy
        if down.events.prev == self.desk_head.hash:
            for item in unpack(down.events):
                assert item.event is not None
                self.desk_events.append(item.event)
                self.desk_head = Head(item.seq, item.hash)
                copy.events.append(item.event)
                copy.heads.append(self.desk_head)
        if down.statement is not None and not down.desk_lost and not down.stale:
            self.proof = down.statement

    @property
    def signers(self) -> tuple[bytes, ...]:
        """The province's public signing keys."""
        return self.ctx.keys.signers

    @property
    def copy(self) -> DeskCopy:
        """The copy of the desk journal it is in."""
        assert self.record is not None
        return self.desks.setdefault(self.record.desk, DeskCopy([self.desk_head]))

    def _follow(self, record: DeviceRecord, down: Down) -> None:
        if self.record is None or record.desk == self.record.desk or down.events is None:
            return
        first = decode(unpack(down.events)[0].event or b"")
        after = json.loads(bytes(first.body))["after"]
        here = [self.record.desk.hex(), self.desk_head.seq, self.desk_head.hash.hex()]
        assert (first.kind, after) == ("desk.opened", here)
        self.record, self.record_cose = record, down.device or b""
        self.desk_head = genesis(key_id(record.desk_writer_key), record.desk)

    def back(self, down: Down, most: int = 1000) -> dict[str, Any]:
        """Return the members of a message that gives back what an answer says is lost."""
        copy = self.desks[down.desk]
        agreed = next((head.seq for head in down.desk_lost if head in copy.heads), 0)
        events = copy.events[agreed : agreed + most]
        block = pack(agreed + 1, copy.heads[agreed].hash, events)
        return {"returned": block, "proof": self.proof}

    async def settle(self, **members: Any) -> Down:
        """Exchange until the province is whole again; return the last answer."""
        down = await self.sync(**members)
        for _ in range(20):
            if down.stale:
                down = await self.send(self.up(turn=down.turn, was=self.turn))
            elif down.desk_lost:
                down = await self.sync(**self.back(down))
            elif down.device is None:
                return down
            else:
                down = await self.sync()
        raise AssertionError("the province does not come to rest")


def replace_members(event: Event, members: dict[str, object]) -> Event:
    return msgspec.structs.replace(event, **members)


async def new_device(
    ctx: ServerContext,
    *,
    seed: int = 2,
    code: str = "H26.107",
    automatic: bool = True,
) -> Device:
    """Enrol a device through a real ticket and return it with the first desk events."""
    office_id = await add_office(ctx, code, "Xã Ứng Hòa")
    ticket = await issue_ticket(ctx, office_id, automatic=automatic)
    return await use_ticket(ctx, ticket, seed=seed)


async def use_ticket(ctx: ServerContext, ticket: bytes, *, seed: int = 2) -> Device:
    """Enrol a device with this ticket."""
    rng = Random(seed)
    device = Device(
        ctx,
        SigningKey.from_seed(rng.randbytes(32)),
        SealingKey.from_seed(rng.randbytes(32)),
        rng.randbytes(16),
    )
    device.box = box(device.device_id, f"machine-{seed}", f"disk-{seed}", f"net-{seed}")
    checked = enrolment.check_ticket(ticket, ctx.keys.province, ctx.now_ms())
    keys = enrolment.DeviceKeys(device.signing, device.sealing)
    request = enrolment.build_request(
        checked, keys, box=device.box, journal=device.journal, name="máy số 1"
    )
    answer = await enrol(ctx, checked.ticket.ticket_id, request, "127.0.0.1")
    accepted = enrolment.accept_answer(
        answer, request=request, checked=checked, keys=keys, journal=device.journal
    )
    device.record = accepted.record
    device.record_cose = accepted.down.device or b""
    device.office = accepted.record.office_id
    device.desk_head = genesis(key_id(accepted.record.desk_writer_key), accepted.record.desk)
    device.learn(accepted.down)
    return device


def restored(device: Device, ctx: ServerContext) -> Device:
    """Return the same device speaking to another (restored, restarted) server."""
    return replace(device, ctx=ctx)


__all__ = [
    "Device",
    "FakeClock",
    "Fetch",
    "Seen",
    "make_config",
    "new_device",
    "open_province",
    "restored",
    "use_ticket",
]
