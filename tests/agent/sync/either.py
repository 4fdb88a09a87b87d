"""The fake province and the real server behind one face, for the stories that both must tell.

An interposer stands between office and province, so what they said is read from the line itself,
with the keys of both ends.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec
import uvicorn

from agent.keys import Enrolment
from agent.sync.first import adopt_first_answer
from server.context import ServerContext
from server.enrolment import revoke
from server.main import create_app
from server.publishing import publish
from server.store.positions import read_feed
from server.store.tables import session
from tests.agent.sync.conftest import Station
from tests.agent.sync.province import FakeProvince, Loopback, desk_event
from tests.agent.sync.test_real_province import Province, enrol, real_time
from tests.chaos.false_province import Interposer
from tests.server.province import Seen, make_config, open_province
from wire import message, plaintext, short_plaintext
from wire.keys import SealingKey, VerifyKey
from wire.plaintext import Down, Up
from wire.short import SessionKeys, is_short, parse_short
from wire.short_plaintext import Standing

EVENTS_MAX = 10_000
NOTICE = '{"title":"Nghỉ lễ","text":"Cả ngày","until":"2026-12-31","lobby":true}'.encode()


class Either(Protocol):
    """What a story may ask of a province, whichever it is."""

    port: int
    sealing: SealingKey
    signed_by: VerifyKey

    async def begin(self, folder: Path) -> tuple[Enrolment, bytes | None]:
        """Enrol the office; give its keys, and the answer that enrolled it if there was one."""

    async def held(self) -> list[bytes]:
        """The bytes of the events it has, in their order."""

    async def publish(self) -> None:
        """Let the desk say something."""

    async def revoke(self) -> None:
        """Strike the office's device off."""

    async def remember(self) -> None:
        """Make a copy of everything, to go back to."""

    async def go_back(self) -> None:
        """Be restored from that copy."""

    async def forget_sessions(self) -> None:
        """Lose every session of short messages."""


class Fake:
    """The province that most stories of sync are told with."""

    def __init__(self) -> None:
        self.province = FakeProvince()
        self.province.opens_sessions = True
        self.sealing = self.province.sealing
        self.signed_by = self.province.signing.verify_key
        self.port = 0
        self._kept = 0

    async def up(self, _folder: Path, ends: AsyncExitStack) -> None:
        line = await Loopback(self.province).up()
        ends.push_async_callback(line.cut)
        self.port = line.port

    async def begin(self, _folder: Path) -> tuple[Enrolment, bytes | None]:
        return self.province.enrolment(), None

    async def held(self) -> list[bytes]:
        return list(self.province.events)

    async def publish(self) -> None:
        self.province.desk.append(desk_event(1))

    async def revoke(self) -> None:
        struck = self.province.revocation()
        self.province.change = lambda down: msgspec.structs.replace(
            down, verdict="revoked", statement=struck
        )

    async def remember(self) -> None:
        self._kept = len(self.province.events)

    async def go_back(self) -> None:
        self.province.forget(self._kept)

    async def forget_sessions(self) -> None:
        self.province.sessions.clear()


class Real:
    """The server, in this process, on SQLite."""

    def __init__(self) -> None:
        self.port = 0

    async def up(self, folder: Path, ends: AsyncExitStack) -> None:
        self._folder, self._copy = folder / "server", folder / "copy"
        await self._start()
        self.sealing = self._ctx.keys.sealing[0]
        self.signed_by = self._ctx.keys.signing.verify_key
        ends.push_async_callback(self._stop)

    async def begin(self, folder: Path) -> tuple[Enrolment, bytes | None]:
        here = Province(self._ctx, self._seen, f"http://127.0.0.1:{self.port}")
        enrolled, answer = await enrol(here, folder / "keys")
        self._device_id = enrolled.identity.device_id
        return enrolled, answer

    async def held(self) -> list[bytes]:
        async with self._ctx.store.read() as conn:
            return [event.event or b"" for event in await read_feed(conn, 0, EVENTS_MAX)]

    async def publish(self) -> None:
        await publish(self._ctx, None, [("notice.published", NOTICE)])

    async def revoke(self) -> None:
        await revoke(self._ctx, self._device_id)

    async def remember(self) -> None:
        await self._stop()
        shutil.copytree(self._folder, self._copy)
        await self._start()

    async def go_back(self) -> None:
        await self._stop()
        shutil.rmtree(self._folder)
        shutil.copytree(self._copy, self._folder)
        await self._start()

    async def forget_sessions(self) -> None:
        async with self._ctx.store.write() as conn:
            await conn.execute(session.delete())

    async def _start(self) -> None:
        self._seen = Seen()
        self._folder.mkdir(exist_ok=True)
        self._ctx: ServerContext = await open_province(
            make_config(self._folder),
            real_time,  # type: ignore[arg-type]
            self._seen,
        )
        listener = socket.create_server(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        config = uvicorn.Config(create_app(self._ctx), log_config=None, lifespan="on")
        self._server = uvicorn.Server(config)
        self._serving = asyncio.create_task(self._server.serve(sockets=[listener]))

    async def _stop(self) -> None:
        self._server.should_exit = True
        await self._serving


class Exchange(NamedTuple):
    """One message and its answer, opened; `down` is None for a refusal in HTTP's words."""

    body: bytes
    up: Up
    down: Down | None


class Heard:
    """What office and province said to each other on the line."""

    def __init__(self, interposer: Interposer, sealing: SealingKey, enrolled: Enrolment) -> None:
        self._interposer, self._sealing, self._enrolled = interposer, sealing, enrolled

    def exchanges(self) -> list[Exchange]:
        """Open everything that passed, oldest first."""
        found: list[Exchange] = []
        sessions: dict[bytes, tuple[SessionKeys, Standing]] = {}
        for body, answer in list(self._interposer.genuine):
            if is_short(body):
                keys, standing = sessions[parse_short(body).kid]
                up = self._short_up(body, keys, standing)
            else:
                envelope = message.parse_full(body)
                up = plaintext.decode_up(message.decrypt_full(envelope, self._sealing, "up"))
            if up.session is not None:
                keys = SessionKeys(up.session)
                sessions[keys.kid] = (keys, Standing(up.office, up.journal, up.desk, up.boot))
            down = None
            if answer.status == 200 and is_short(body):
                down = self._short_down(answer.body, body, *sessions[parse_short(body).kid])
            elif answer.status == 200:
                envelope = message.parse_full(answer.body)
                opened = message.decrypt_full(envelope, self._enrolled.sealing_key, "down")
                down = plaintext.decode_down(opened)
            found.append(Exchange(body, up, down))
        return found

    def _short_up(self, body: bytes, keys: SessionKeys, standing: Standing) -> Up:
        device_id = self._enrolled.identity.device_id
        text = keys.open_up(parse_short(body), device_id=device_id)
        return short_plaintext.decode_short_up(text, standing)

    def _short_down(self, body: bytes, asked: bytes, keys: SessionKeys, standing: Standing) -> Down:
        re = message.request_hash(asked)
        device_id = self._enrolled.identity.device_id
        text = keys.open_down(parse_short(body), device_id=device_id, request_hash=re)
        return short_plaintext.decode_short_down(text, standing, re)


class Scene(NamedTuple):
    """An office, its province, and everything they said."""

    office: Station
    province: Either
    heard: Heard


async def adopt(office: Station, enrolled: Enrolment, answer: bytes | None) -> None:
    """Take what the answer to the enrolment brought, as the daemon does at its first start."""
    if answer is not None:
        assert await adopt_first_answer(office.journal, enrolled, answer)
        assert not await adopt_first_answer(office.journal, enrolled, answer), "once is enough"
