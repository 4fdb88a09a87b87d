"""`GET /api/stream`: server-sent events for pages (WHATWG HTML, section 9.2).

Events: `status` (the whole status, at once and whenever it changes), `reading`, `problem`, and
`locked` when the session has idled out. A page that falls behind loses the oldest messages, never
the newest; comments keep the connection known to be alive on both sides.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final, cast

import msgspec
from litestar import asgi
from litestar.handlers import ASGIRouteHandler
from litestar.types import Receive, Scope, Send

from agent.web.access import caller_of, session_token
from agent.web.answers import send_problem
from agent.web.door import STATE_STOP
from agent.web.limits import STREAM_CLIENTS_MAX, STREAM_KEEP_ALIVE_S, STREAM_QUEUE_MAX
from agent.web.parts import Parts
from agent.web.texts import lang_of
from wire.problems import Refusal

EVENT_STREAM: Final = b"text/event-stream; charset=utf-8"
ALIVE: Final = b":\n\n"
_encoder = msgspec.json.Encoder()


def event(name: str, value: Any) -> bytes:
    """Encode one event; JSON has no line breaks of its own."""
    return b"event: " + name.encode() + b"\ndata: " + _encoder.encode(value) + b"\n\n"


def stream_route(parts: Parts, keep_alive_s: float = STREAM_KEEP_ALIVE_S) -> ASGIRouteHandler:
    """Return the route."""
    clients = 0

    @asgi("/api/stream", opt={"method": "GET", "background": True}, copy_scope=False)
    async def stream(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal clients
        if clients >= STREAM_CLIENTS_MAX:
            await send_problem(Refusal("busy"), lang_of(scope), send)
            return
        clients += 1
        try:
            await _Listener(parts, scope, keep_alive_s).run(receive, send)
        finally:
            clients -= 1

    return stream


class _Listener:
    """One page that listens."""

    def __init__(self, parts: Parts, scope: Scope, keep_alive_s: float) -> None:
        self._parts = parts
        self._keep_alive_s = keep_alive_s
        self._stop = cast("asyncio.Event", scope["state"][STATE_STOP])
        self._token = None if caller_of(scope).through_socket else session_token(scope)
        self._queue: asyncio.Queue[Callable[[], bytes] | None] = asyncio.Queue(STREAM_QUEUE_MAX)

    async def run(self, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", EVENT_STREAM), (b"x-accel-buffering", b"no")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        async with asyncio.TaskGroup() as tasks:
            sources = [
                tasks.create_task(self._statuses(), name="stream-status"),
                tasks.create_task(self._readings(), name="stream-readings"),
                tasks.create_task(self._problems(), name="stream-problems"),
                tasks.create_task(self._until_gone(receive), name="stream-gone"),
                tasks.create_task(self._until_stop(), name="stream-stop"),
            ]
            await self._send_all(send)
            for source in sources:
                source.cancel()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_all(self, send: Send) -> None:
        while True:
            try:
                async with asyncio.timeout(self._keep_alive_s):
                    made = await self._queue.get()
            except TimeoutError:
                if self._locked():
                    await _body(send, event("locked", {}))
                    return
                await _body(send, ALIVE)
                continue
            if made is None:
                return
            await _body(send, made())

    def _locked(self) -> bool:
        parts = self._parts
        return self._token is not None and (
            parts.sessions.find(self._token, parts.clock.mono_ms(), use=False) is None
        )

    def _put(self, made: Callable[[], bytes] | None) -> None:
        if self._queue.full():
            self._queue.get_nowait()
        self._queue.put_nowait(made)

    async def _statuses(self) -> None:
        async for status in self._parts.board.subscribe():
            self._put(lambda status=status: event("status", status))  # type: ignore[misc]

    async def _readings(self) -> None:
        with self._parts.readings.subscribers.queue() as queue:
            while True:
                shape = (await queue.get()).shape(None)
                self._put(lambda shape=shape: event("reading", shape))  # type: ignore[misc]

    async def _problems(self) -> None:
        with self._parts.problems.queue() as queue:
            while True:
                problem = await queue.get()
                self._put(lambda problem=problem: event("problem", problem))  # type: ignore[misc]

    async def _until_gone(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._put(None)

    async def _until_stop(self) -> None:
        await self._stop.wait()
        self._put(None)


async def _body(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})
