"""A province of one office for the sync tests: real keys, real messages, real TCP.

It stores what it is sent, answers as docs/protocol.md says, and can be told to misbehave for the
next request or for all. That it answers as the real server does is shown by
`test_either_province.py`, whose stories both must tell.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self

import msgspec

from agent.journal import Identity
from agent.keys import Enrolment
from wire import chain, message, plaintext, short_plaintext, statements
from wire.block import pack, unpack
from wire.chain import Head
from wire.event import Event, body_of
from wire.event import encode as encode_event
from wire.keys import SealingKey, SigningKey
from wire.plaintext import Down, Up
from wire.short import SessionKeys, is_short, parse_short
from wire.short_plaintext import Standing
from wire.statements import DeviceRecord, Province, Receipt, Revoked

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/vnd.commune.exchange+cose\r\n"


def ok(body: bytes) -> bytes:
    return HEAD + b"content-length: %d\r\n\r\n" % len(body) + body


def http(status: str, body: bytes = b"", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", *(f"{k.replace('_', '-')}: {v}" for k, v in headers.items())]
    return "\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode() + body


def problem(status: str, code: str, **headers: str) -> bytes:
    body = b'{"type":"urn:commune:problem:%s","code":"%s"}' % (code.encode(), code.encode())
    return http(status, body, content_type="application/problem+json", **headers)


def desk_event(number: int) -> bytes:
    return encode_event(
        Event(
            kind="notice.published",
            at="2026-11-21T08:31:05+07:00",
            actor="province",
            body=body_of(
                {"title": f"Thông báo {number}", "text": "", "until": None, "lobby": True}
            ),
        )
    )


@dataclass
class Desk:
    """The desk journal as the province wrote it."""

    head: Head
    events: list[bytes] = field(default_factory=list)
    heads: list[Head] = field(default_factory=list)

    def append(self, event: bytes) -> None:
        self.head = chain.extend(self.head, event)
        self.events.append(event)
        self.heads.append(self.head)


class FakeProvince:
    """Keys, what was received, and the answer to one message."""

    def __init__(self) -> None:
        self.signing = SigningKey(secrets.token_bytes(32))
        self.sealing = SealingKey(secrets.token_bytes(32))
        self.device = SigningKey(secrets.token_bytes(32))
        self.device_sealing = SealingKey(secrets.token_bytes(32))
        self.office, self.journal, self.desk_id = (secrets.token_bytes(16) for _ in range(3))
        self.device_id = self.device.key_id
        self.genesis = chain.genesis(self.device_id, self.journal)
        self.events: list[bytes] = []
        self.heads: list[Head] = [self.genesis]
        self.desk = Desk(chain.genesis(self.signing.key_id, self.desk_id))
        self.ups: list[Up] = []
        self.messages: list[bytes] = []
        self.change: Callable[[Down], Down] = lambda down: down
        self.turns: list[bytes] = []
        self.opens_sessions = False
        self.sessions: dict[bytes, SessionKeys] = {}
        self.standing = Standing(self.office, self.journal, self.desk_id, bytes(8))

    @property
    def held(self) -> Head:
        return self.heads[-1]

    def enrolment(self) -> Enrolment:
        record = DeviceRecord(
            device_id=self.device_id,
            device_key=self.device.public,
            sealing_key=self.device_sealing.public,
            office_id=self.office,
            role="office",
            predecessors=(),
            desk_writer_key=self.signing.public,
            desk=self.desk_id,
            serial=1,
            time_ms=1,
        )
        root = SigningKey(secrets.token_bytes(32))
        keys = self.signing.public, self.sealing.public
        return Enrolment(
            Identity(self.device_id, self.journal, self.office, self.desk_id, self.signing.key_id),
            self.device,
            self.device_sealing,
            record,
            statements.sign(record, self.signing),
            Province(1, "Tỉnh thử", ("http://127.0.0.1",), *keys, 1, root.public),
        )

    def open(self, body: bytes) -> Up:
        if is_short(body):
            return self._open_short(body)
        envelope = message.parse_full(body)
        message.verify_full(envelope, self.device.verify_key)
        return plaintext.decode_up(message.decrypt_full(envelope, self.sealing, "up"))

    def _open_short(self, body: bytes) -> Up:
        envelope = parse_short(body)
        text = self.sessions[envelope.kid].open_up(envelope, device_id=self.device_id)
        return short_plaintext.decode_short_up(text, self.standing)

    def knows(self, body: bytes) -> bool:
        """Whether a short message is of a session that stands."""
        return not is_short(body) or parse_short(body).kid in self.sessions

    def answer(self, body: bytes) -> bytes:
        """Store what is new and answer."""
        up = self.open(body)
        self.ups.append(up)
        self.messages.append(body)
        verdict = self._store(up)
        down = self.change(self.down(body, up, verdict))
        if is_short(body):
            return self.seal_short(down, body)
        if self.opens_sessions and up.session is not None:
            self.sessions = {SessionKeys(up.session).kid: SessionKeys(up.session)}
            self.standing = self.standing._replace(boot=up.boot)
            down = msgspec.structs.replace(down, session="ok")
        return self.seal(down)

    def seal_short(self, down: Down, request: bytes) -> bytes:
        """Return a short answer to `request`."""
        return self.sessions[parse_short(request).kid].seal_down(
            short_plaintext.encode_short_down(down),
            device_id=self.device_id,
            request_hash=message.request_hash(request),
            iv=secrets.token_bytes(12),
        )

    def down(self, body: bytes, up: Up, verdict: Any = "ok") -> Down:
        self.turns.append(secrets.token_bytes(8))
        receipt = Receipt(
            self.device_id, self.journal, *self.held, self.desk_id, *up.cursor, time_ms=1
        )
        proves = verdict == "ok" and (up.prove or not is_short(body))
        news = self.desk.events[up.cursor.seq :]
        return Down(
            re=message.request_hash(body),
            office=self.office,
            journal=self.journal,
            receipt=self.held,
            verdict=verdict,
            have=self.held.seq if verdict == "gap" else None,
            turn=self.turns[-1],
            statement=statements.sign(receipt, self.signing) if proves else None,
            events=pack(up.cursor.seq + 1, up.cursor.hash, news) if news else None,
            desk=self.desk_id,
            desk_head=self.desk.head,
            now=1_764_000_000_000,
            codecs=(0, 1),
            next_after=0,
        )

    def revocation(self) -> bytes:
        return statements.sign(Revoked(self.device_id, 2, 1), self.signing)

    def seal(self, down: Down, signer: SigningKey | None = None) -> bytes:
        return message.seal_full(
            plaintext.encode_down(down),
            sender=signer or self.signing,
            receiver=self.device_sealing.public_key,
            direction="down",
        )

    def _store(self, up: Up) -> str:
        if up.events is None:
            return "ok"
        chained = unpack(up.events)
        if up.events.first > self.held.seq + 1:
            return "gap"
        if self.heads[up.events.first - 1].hash != up.events.prev:
            return "fork"
        for item in chained:
            if item.seq <= self.held.seq:
                if self.heads[item.seq].hash != item.hash:
                    return "fork"
                continue
            assert item.event is not None
            self.events.append(item.event)
            self.heads.append(Head(item.seq, item.hash))
        return "ok"

    def forget(self, held: int) -> None:
        """Be restored from an older copy."""
        del self.events[held:]
        del self.heads[held + 1 :]


Script = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


class Loopback:
    """A real HTTP/1.1 server on loopback whose every byte a test can choose."""

    def __init__(self, province: FakeProvince) -> None:
        self.province = province
        self.scripts: deque[Script | bytes] = deque()
        self.always: Script | bytes | None = None
        self.heads: list[bytes] = []
        self.connections = 0
        self.asked = asyncio.Event()
        self.port = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def up(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def cut(self) -> None:
        """Take the line away: no listener, every connection reset."""
        if self._server is not None:
            self._server.close()
            for writer in list(self._open):
                writer.transport.abort()
            await self._server.wait_closed()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        try:
            while True:
                await self._one(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._open.discard(writer)
            writer.transport.abort()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode().lower().split("\r\n")
        [length] = [int(line.split(":")[1]) for line in lines if line.startswith("content-length")]
        body = await reader.readexactly(length)
        self.heads.append(head)
        self.asked.set()
        script = self.scripts.popleft() if self.scripts else self.always
        if script is None and self.province.knows(body):
            script = ok(self.province.answer(body))
        elif script is None:
            script = problem("409 Conflict", "session-unknown")
        if isinstance(script, bytes):
            writer.write(script)
            await writer.drain()
        else:
            await script(body, writer)
