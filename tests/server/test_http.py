"""The doors, over a real socket: what an answer carries and how a bad request ends."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace

import pytest
import uvicorn

from server.admission import IN_FLIGHT_MAX
from server.context import ServerContext
from server.enrolment import issue_ticket
from server.main import uvicorn_config
from server.offices import add_office
from server.rates import Rates
from tests.server.province import Device, FakeClock, Seen, make_config, new_device, open_province
from tests.server.test_enrolment import request_of
from wire.keys import SigningKey
from wire.limits import MESSAGE_BYTES_MAX
from wire.message import MEDIA_TYPE


class Door:
    """Speaks HTTP as a device does: three header lines and a body."""

    def __init__(self, port: int, ctx: ServerContext) -> None:
        self.port = port
        self.ctx = ctx

    async def post(
        self, path: str, body: bytes, kind: str = MEDIA_TYPE, extra: str = ""
    ) -> tuple[int, dict[str, str], bytes]:
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {len(body)}\r\n{extra}\r\n"
        )
        return await self.raw(head.encode() + body)

    async def raw(self, request: bytes) -> tuple[int, dict[str, str], bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(request)
            await writer.drain()
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            lines = head.split("\r\n")
            headers = dict(line.split(": ", 1) for line in lines[1:] if line)
            length = int(headers.get("content-length", "0"))
            return int(lines[0].split()[1]), headers, await reader.readexactly(length)
        finally:
            writer.close()
            await writer.wait_closed()


@asynccontextmanager
async def served(ctx: ServerContext, *, receive_bytes: int = 0) -> AsyncIterator[Door]:
    """Serve on a free port; a connection waits until the server takes it.

    `receive_bytes`: how much the kernel keeps of what the server has not read, 0 for the usual.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        if receive_bytes:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        server = uvicorn.Server(uvicorn_config(ctx))
        task = asyncio.create_task(server.serve([listener]), name="server")
        try:
            yield Door(listener.getsockname()[1], ctx)
        finally:
            server.should_exit = True
            await task


@pytest.fixture
async def door(ctx: ServerContext) -> AsyncIterator[Door]:
    async with served(ctx) as opened:
        yield opened


@pytest.fixture
async def device(ctx: ServerContext) -> Device:
    return await new_device(ctx)


async def test_an_answer_carries_status_type_and_length_only(door: Door, device: Device) -> None:
    device.note()
    request = device.seal(device.up())
    status, headers, body = await door.post("/v1/exchange", request)
    assert (status, set(headers)) == (200, {"content-type", "content-length"})
    assert headers["content-type"] == MEDIA_TYPE
    assert device.open(body, request).receipt == device.head


async def test_a_stranger_is_refused_without_a_header_more(door: Door, device: Device) -> None:
    stranger = replace(device, signing=SigningKey.from_seed(bytes(32)))
    status, headers, body = await door.post("/v1/exchange", stranger.seal(stranger.up()))
    assert (status, json.loads(body)["code"]) == (401, "sender-unknown")
    assert set(headers) == {"content-type", "content-length"}


async def test_enrolment_over_the_wire(door: Door, ctx: ServerContext) -> None:
    paper = await issue_ticket(ctx, await add_office(ctx, "H26.107", "Xã Ứng Hòa"))
    ticket_id, request = request_of(ctx, paper, 5)
    status, headers, _ = await door.post(f"/v1/enrolments?ticket={ticket_id.hex()}", request)
    assert (status, headers["content-type"]) == (200, MEDIA_TYPE)


async def test_health_is_the_databases(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    request = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
    assert (await door.raw(request))[0] == 200

    def gone(*_args: object) -> None:
        raise OSError("disk")

    monkeypatch.setattr(type(door.ctx.store), "read", gone)
    assert (await door.raw(request))[0] == 503


async def test_the_province_names_itself(door: Door, ctx: ServerContext) -> None:
    status, _, body = await door.raw(b"GET /v1/province HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (status, body) == (200, ctx.keys.province)


@pytest.mark.parametrize(
    ("path", "body", "kind", "status", "code"),
    [
        ("/v1/exchange", b"", MEDIA_TYPE, 400, "message-malformed"),
        ("/v1/exchange", b"{}", "application/json", 415, "media-type-unknown"),
        ("/v1/exchange", bytes(MESSAGE_BYTES_MAX + 1), MEDIA_TYPE, 413, "too-large"),
        ("/v1/enrolments?ticket=zz", b"", MEDIA_TYPE, 404, "ticket-unknown"),
        ("/v1/enrolments", b"", MEDIA_TYPE, 404, "ticket-unknown"),
        ("/v1/enrolments?ticket=0000000000000000", b"", MEDIA_TYPE, 404, "ticket-unknown"),
        ("/v1/enrolments?ticket=00", bytes(20_000), MEDIA_TYPE, 413, "too-large"),
        ("/v1/enrolments?ticket=00", b"", "text/plain", 415, "media-type-unknown"),
        ("/v1/exchange", bytes(4 << 20), MEDIA_TYPE, 413, "too-large"),
    ],
)
async def test_a_bad_request_ends_in_a_problem_document(
    door: Door, path: str, body: bytes, kind: str, status: int, code: str
) -> None:
    found, headers, answer = await door.post(path, body, kind)
    document = json.loads(answer)
    assert (found, document["status"], document["code"]) == (status, status, code)
    assert set(headers) == {"content-type", "content-length"}
    assert headers["content-type"] == "application/problem+json"
    assert document["type"] == f"urn:commune:problem:{code}"
    assert document["title"]


async def test_a_body_without_an_end_is_cut_off(door: Door) -> None:
    head = f"POST /v1/exchange HTTP/1.1\r\nHost: a\r\nContent-Type: {MEDIA_TYPE}\r\n"
    chunk = b"100000\r\n" + bytes(0x100000) + b"\r\n"
    request = head.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 4
    status, _, body = await door.raw(request)
    assert (status, json.loads(body)["code"]) == (413, "too-large")


async def test_a_stranger_and_a_forger_are_told_apart(door: Door, device: Device) -> None:
    device.note()
    message = bytearray(device.seal(device.up()))
    message[-1] ^= 1
    status, _, body = await door.post("/v1/exchange", bytes(message))
    assert (status, json.loads(body)["code"]) == (401, "signature-wrong")
    device.signing = type(device.signing).from_seed(b"s" * 32)
    status, _, body = await door.post("/v1/exchange", device.seal(device.up()))
    assert (status, json.loads(body)["code"]) == (401, "sender-unknown")


async def test_problems_are_told_in_the_readers_language(door: Door) -> None:
    _, _, vi = await door.post("/v1/exchange", b"")
    _, _, en = await door.post("/v1/exchange", b"", extra="Accept-Language: en\r\n")
    assert json.loads(vi)["title"] != json.loads(en)["title"]


@pytest.fixture
async def strict(
    config: object, clock: FakeClock, seen: Seen, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ServerContext]:
    own = make_config(tmp_path_factory.mktemp("strict"))
    context = await open_province(own, clock, seen)
    yield replace(context, senders=Rates(burst=1, per_s=0.1))
    await context.store.close()


async def test_who_asks_too_often_is_told_when_to_come_back(
    strict: ServerContext, clock: FakeClock
) -> None:
    device = await new_device(strict)
    async with served(strict) as door:
        request = device.seal(device.up())
        assert (await door.post("/v1/exchange", request))[0] == 200
        status, headers, body = await door.post("/v1/exchange", request)
        assert (status, headers["retry-after"]) == (429, "10")
        assert set(headers) == {"content-type", "content-length", "retry-after"}
        assert json.loads(body)["code"] == "rate-limited"


async def test_those_beyond_the_limit_are_sent_away_for_a_while(door: Door, device: Device) -> None:
    device.note()
    with ExitStack() as inside:
        for _ in range(IN_FLIGHT_MAX):
            inside.enter_context(door.ctx.admission.enter())
        status, headers, body = await door.post("/v1/exchange", device.seal(device.up()))
        assert (status, json.loads(body)["code"]) == (503, "busy")
        assert 15 <= int(headers["retry-after"]) < 30
    assert (await door.post("/v1/exchange", device.seal(device.up())))[0] == 200


async def test_an_unknown_path_is_a_problem_document_too(door: Door) -> None:
    status, headers, body = await door.raw(b"GET /v1/nothing HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (status, json.loads(body)["code"]) == (404, "not-found")
    assert headers["content-type"] == "application/problem+json"
    status, _, body = await door.raw(b"GET /v1/exchange HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (status, json.loads(body)["code"]) == (405, "method-not-allowed")


async def test_a_database_that_does_not_answer_is_busy(
    door: Door, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    await door.ctx.store.close()

    def gone(*_args: object) -> None:
        raise OSError("disk")

    monkeypatch.setattr(type(door.ctx.store), "read", gone)
    device.note()
    status, headers, body = await door.post("/v1/exchange", device.seal(device.up()))
    assert (status, json.loads(body)["code"]) == (503, "busy")
    assert 15 <= int(headers["retry-after"]) <= 30
