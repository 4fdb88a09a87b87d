"""The line one can see and cut: a relay, and a page that only its own button moves."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from provisioning.line_switch import Ends, LineSwitch
from provisioning.relay import Relay
from provisioning.sandbox.ports import HOST
from tests.ports import free_port

ENDS = Ends("Xã <Ứng> Hòa", "http://127.0.0.1:1", "Hà Nội", "http://127.0.0.1:2")


@asynccontextmanager
async def switched() -> AsyncIterator[tuple[LineSwitch, list[bool]]]:
    """A switch before an echoing province, and what it told."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1_000):
                writer.write(data)
                await writer.drain()
        writer.close()

    told: list[bool] = []
    province = await asyncio.start_server(echo, HOST, 0)
    target = province.sockets[0].getsockname()[1]
    async with LineSwitch(Relay(free_port(), target), free_port(), ENDS, told.append) as switch:
        yield switch, told
    province.close()


async def line(switch: LineSwitch) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(HOST, int(switch.province_url.rpartition(":")[2]))


async def answer(switch: LineSwitch, request: str) -> str:
    reader, writer = await asyncio.open_connection(HOST, switch.port)
    writer.write(request.replace("\n", "\r\n").encode())
    said = (await reader.read()).decode()
    writer.close()
    return said


def press(switch: LineSwitch, what: str, *, origin: str | None = "own", host: str = "") -> str:
    own = f"{HOST}:{switch.port}"
    lines = ["POST / HTTP/1.1", f"Host: {host or own}", f"Content-Length: {len(what) + 5}"]
    if origin is not None:
        lines.append(f"Origin: {f'http://{own}' if origin == 'own' else origin}")
    return "\n".join([*lines, "", f"line={what}"])


def page(switch: LineSwitch, *, lang: str = "vi", target: str = "/") -> str:
    return f"GET {target} HTTP/1.1\nHost: {HOST}:{switch.port}\nAccept-Language: {lang}\n\n"


async def test_it_carries_until_it_is_cut_and_again_when_it_is_joined() -> None:
    async with switched() as (switch, told):
        reader, writer = await line(switch)
        writer.write(b"xin chao")
        assert await reader.readexactly(8) == b"xin chao"

        switch.set_cut(True)
        with pytest.raises(ConnectionResetError):
            await reader.readexactly(1)
        reader, cut = await line(switch)
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)

        switch.set_cut(False)
        reader, again = await line(switch)
        again.write(b"!")
        assert await reader.readexactly(1) == b"!"
        assert told == [True, False]
        for end in (writer, cut, again):
            end.close()


async def test_a_dead_province_resets_the_office() -> None:
    async with Relay(free_port(), free_port()) as relay:
        reader, writer = await asyncio.open_connection(HOST, relay.port)
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        writer.close()


async def test_the_button_cuts_and_joins() -> None:
    async with switched() as (switch, told):
        first = await answer(switch, press(switch, "cut"))
        assert first.startswith("HTTP/1.1 303")
        assert switch.is_cut
        await answer(switch, press(switch, "cut"))
        await answer(switch, press(switch, "join"))
        assert told == [True, False], "pressed twice is cut once"


async def test_the_page_tells_the_state_in_the_readers_language() -> None:
    async with switched() as (switch, _):
        whole = await answer(switch, page(switch))
        assert "Đường truyền đang thông" in whole
        assert "Xã &lt;Ứng&gt; Hòa" in whole
        assert "default-src 'none'" in whole
        switch.set_cut(True)
        assert "The line is cut" in await answer(switch, page(switch, lang="en"))
        assert "text/css" in await answer(switch, page(switch, target="/line.css"))


@pytest.mark.parametrize("origin", [None, "null", "http://evil.example", "http://127.0.0.1"])
async def test_no_other_page_can_press_it(origin: str | None) -> None:
    async with switched() as (switch, told):
        said = await answer(switch, press(switch, "cut", origin=origin))
        assert said.startswith("HTTP/1.1 403")
        assert told == []


async def test_it_answers_to_its_own_name_alone() -> None:
    async with switched() as (switch, told):
        assert (await answer(switch, press(switch, "cut", host="evil.example"))).startswith(
            "HTTP/1.1 403"
        )
        assert told == []


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ("nonsense\n\n", 400),
        ("GET / HTTP/1.1\nHost: a\nHost: b\n\n", 400),
        ("GET / HTTP/1.1\nno header\n\n", 400),
        ("POST / HTTP/1.1\nHost: OWN\nContent-Length: 99999\n\n", 400),
        ("POST / HTTP/1.1\nHost: OWN\nContent-Length: -1\n\n", 400),
        ("POST / HTTP/1.1\nHost: OWN\nOrigin: http://OWN\nContent-Length: 1\n\nx", 400),
        ("DELETE / HTTP/1.1\nHost: OWN\n\n", 405),
        ("GET /other HTTP/1.1\nHost: OWN\n\n", 404),
        ("GET / HTTP/1.1\nX: " + "x" * 20_000 + "\n\n", 400),
    ],
)
async def test_what_is_no_request_of_the_page_is_refused(request_: str, status: int) -> None:
    async with switched() as (switch, told):
        said = await answer(switch, request_.replace("OWN", f"{HOST}:{switch.port}"))
        assert said.startswith(f"HTTP/1.1 {status}")
        assert told == []
