"""Small requests to the sandbox's own programs: is it up, and what does it say."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from provisioning.sandbox.children import Child, last_lines
from provisioning.sandbox.ports import HOST

READY_S_MAX: Final = 60
"""A program that is not up by then will not come; slow machines need some seconds."""
ASK_AGAIN_S: Final = 0.03
ANSWER_S_MAX: Final = 30
HEAD_BYTES_MAX: Final = 64 << 10
BODY_BYTES_MAX: Final = 8 << 20


class NotUp(Exception):  # noqa: N818 - a finding, told as it is
    """A program did not come up; `last_lines` of its log say why."""

    def __init__(self, child: Child) -> None:
        self.name = child.name
        self.log = child.log
        self.last_lines = last_lines(child.log)
        super().__init__(child.name)


class Place(Struct, frozen=True):
    """Where a program listens: a TCP port on this machine, or a Unix socket."""

    port: int = 0
    socket: Path | None = None


class Answer(Struct, frozen=True):
    """Status and body of an answer."""

    status: int
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON. Raises msgspec.DecodeError."""
        return msgspec.json.decode(self.body)


async def until_up(child: Child, place: Place, target: str) -> None:
    """Return when the program answers `target` well. Raises NotUp, at once when it died.

    Another program's readiness cannot be awaited, only asked for.
    """
    try:
        async with asyncio.timeout(READY_S_MAX):
            while not await _is_up(place, target):
                if child.deaths:
                    raise NotUp(child)
                await asyncio.sleep(ASK_AGAIN_S)
    except TimeoutError:
        raise NotUp(child) from None


async def _is_up(place: Place, target: str) -> bool:
    with contextlib.suppress(OSError, EOFError, ValueError):
        return (await ask(place, "GET", target)).status == 200
    return False


async def ask(
    place: Place,
    method: str,
    target: str,
    body: bytes = b"",
    *,
    headers: dict[str, str] | None = None,
) -> Answer:
    """Ask once, on a connection of its own.

    Raises OSError (TimeoutError too), EOFError or ValueError when no answer comes.
    """
    async with asyncio.timeout(ANSWER_S_MAX):
        reader, writer = await _connect(place)
        try:
            writer.write(_request(place, method, target, body, headers or {}))
            await writer.drain()
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            chunked = b"\r\ntransfer-encoding: chunked\r\n" in head
            content = await (_chunks(reader) if chunked else _rest(reader))
        finally:
            writer.close()
    return Answer(int(head.split(b" ", 2)[1]), content)


async def _rest(reader: asyncio.StreamReader) -> bytes:
    content = b""
    while more := await reader.read(BODY_BYTES_MAX):
        content += more
    return content


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    content = b""
    while size := int((await reader.readline()).strip(), 16):
        content += (await reader.readexactly(size + 2))[:-2]
    return content


async def _connect(place: Place) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if place.socket is not None:
        return await asyncio.open_unix_connection(str(place.socket), limit=HEAD_BYTES_MAX)
    return await asyncio.open_connection(HOST, place.port, limit=HEAD_BYTES_MAX)


def _request(place: Place, method: str, target: str, body: bytes, headers: dict[str, str]) -> bytes:
    host = "agent" if place.socket is not None else f"{HOST}:{place.port}"
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body or method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body
