"""The line between office and province as something one can see and cut: a page with one button.

The page is for this machine alone: it answers only to its own name, and a cut is taken only from
a page of its own, so that no other page in the same browser can press the button.
"""

import asyncio
from collections.abc import Callable, Mapping
from html import escape
from importlib import resources
from string import Template
from types import TracebackType
from typing import Final, Self
from urllib.parse import parse_qs

from msgspec import Struct

from provisioning.relay import Relay
from provisioning.sandbox.ports import HOST
from wire.texts import Lang, Text, accept_language, load

HEAD_BYTES_MAX: Final = 16 << 10
FORM_BYTES_MAX: Final = 1_024
REQUEST_S_MAX: Final = 10
POLICY: Final = (
    "default-src 'none'; style-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
PROTECTION: Final = (
    f"Content-Security-Policy: {POLICY}",
    "X-Content-Type-Options: nosniff",
    "Referrer-Policy: same-origin",
    "Cache-Control: no-store",
)


class Ends(Struct, frozen=True):
    """What lies at both ends of the line, with the addresses of their pages."""

    office: str
    office_url: str
    province: str
    province_url: str


class _Request(Struct, frozen=True):
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


class _Answer(Struct, frozen=True):
    status: str
    body: bytes = b""
    kind: str = "text/plain; charset=utf-8"
    extra: tuple[str, ...] = ()


class LineSwitch:
    """A relay and the page that cuts it, while it is entered.

    `told` is called after each change with whether the line is cut now.
    """

    def __init__(self, relay: Relay, port: int, ends: Ends, told: Callable[[bool], None]) -> None:
        self.port = port
        self._relay = relay
        self._ends = ends
        self._told = told
        self._texts = load("provisioning")
        files = resources.files("provisioning") / "web"
        self._page = Template((files / "line.html").read_text("utf-8"))
        self._style = (files / "line.css").read_bytes()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        await self._relay.__aenter__()
        self._server = await asyncio.start_server(
            self._serve, HOST, self.port, limit=HEAD_BYTES_MAX
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.close()
        await self._relay.__aexit__(kind, error, trace)

    @property
    def url(self) -> str:
        """The page."""
        return f"http://{HOST}:{self.port}"

    @property
    def province_url(self) -> str:
        """The province's address as the office is told it: through the line."""
        return f"http://{HOST}:{self._relay.port}"

    @property
    def is_cut(self) -> bool:
        """Tell whether the line is cut."""
        return self._relay.is_cut

    def set_cut(self, is_cut: bool) -> None:
        """Cut the line or join it again; nothing happens when it is so already."""
        if is_cut == self._relay.is_cut:
            return
        if is_cut:
            self._relay.cut()
        else:
            self._relay.restore()
        self._told(is_cut)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_S_MAX):
                answer = self._answer(await _read(reader))
                writer.write(_written(answer))
                await writer.drain()
        except ValueError:
            writer.write(_written(_Answer("400 Bad Request")))
        except (TimeoutError, OSError, EOFError):
            # A browser opens connections it never uses, and closes them when it likes.
            return
        finally:
            writer.close()

    def _answer(self, request: _Request) -> _Answer:
        own = {f"{HOST}:{self.port}", f"localhost:{self.port}"}
        host = request.headers.get("host", "")
        if host not in own:
            return _Answer("403 Forbidden")
        match request.method, request.target:
            case "GET", "/":
                lang = accept_language(request.headers.get("accept-language"))
                return _Answer("200 OK", self._render(lang), "text/html; charset=utf-8")
            case "GET", "/line.css":
                return _Answer("200 OK", self._style, "text/css; charset=utf-8")
            case "POST", "/":
                return self._press(request, f"http://{host}")
            case _, "/" | "/line.css":
                return _Answer("405 Method Not Allowed", extra=("Allow: GET, POST",))
        return _Answer("404 Not Found")

    def _press(self, request: _Request, origin: str) -> _Answer:
        if request.headers.get("origin") != origin:
            return _Answer("403 Forbidden")
        match parse_qs(request.body.decode("ascii")).get("line"):
            case ["cut"]:
                self.set_cut(True)
            case ["join"]:
                self.set_cut(False)
            case _:
                return _Answer("400 Bad Request")
        # The page is asked for anew, so that reloading it presses nothing.
        return _Answer("303 See Other", extra=("Location: /",))

    def _render(self, lang: Lang) -> bytes:
        state = "cut" if self.is_cut else "whole"
        ends = self._ends
        links = ((ends.office_url, ends.office), (ends.province_url, ends.province))
        words: dict[str, str] = {
            name: escape(self._text(f"line-switch.{name}").pick(lang))
            for name in ("title", "explanation")
        }
        counted = self._text("line-switch.bytes").format(
            up=self._relay.up_bytes, down=self._relay.down_bytes
        )
        page = self._page.substitute(
            words,
            lang=lang,
            state=state,
            wanted="join" if self.is_cut else "cut",
            office=escape(ends.office),
            province=escape(ends.province),
            state_text=escape(self._text(f"line-switch.state-{state}").pick(lang)),
            button=escape(self._text(f"line-switch.button-{state}").pick(lang)),
            links=" ".join(f'<a href="{escape(url)}">{escape(name)}</a>' for url, name in links),
            bytes=escape(counted.pick(lang)),
        )
        return page.encode()

    def _text(self, key: str) -> Text:
        return self._texts[key]


async def _read(reader: asyncio.StreamReader) -> _Request:
    """Read one small request. Raises ValueError when it is none, EOFError when nothing comes."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
    except asyncio.LimitOverrunError as error:
        raise ValueError("too large") from error
    first, *lines = head.rstrip("\r\n").split("\r\n")
    method, target, _ = first.split(" ")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or name.lower() in headers:
            raise ValueError("a header line that is none, or stands twice")
        headers[name.lower()] = value.strip()
    length = int(headers.get("content-length", "0"))
    if not 0 <= length <= FORM_BYTES_MAX:
        raise ValueError("too large")
    return _Request(method, target, headers, await reader.readexactly(length))


def _written(answer: _Answer) -> bytes:
    lines = [
        f"HTTP/1.1 {answer.status}",
        f"Content-Type: {answer.kind}",
        f"Content-Length: {len(answer.body)}",
        "Connection: close",
        *PROTECTION,
        *answer.extra,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + answer.body
