"""`POST /api/commands`: one command as JSON, or a stream of them as NDJSON, answered as it comes.

A raw ASGI application, because the framework reads a body to its end before it answers. Lines are
gathered into batches while the batch before is made durable, and a batch is one group commit:
what is awaited is awaited once a batch. Answers keep the order of the lines; a blank line has
none. A line that cannot be done is answered with its number, and its neighbours are done.
When the journal itself fails in mid-stream the connection is cut: what was not answered is
unknown, and is sent again with the same `key`.
"""

import asyncio
from collections.abc import Iterator
from itertools import repeat
from typing import Any, Final

import msgspec
from litestar import asgi
from litestar.handlers import ASGIRouteHandler
from litestar.types import Receive, Scope, Send

from agent.result import Result, result_json
from agent.service import Service
from agent.web.access import caller_of, header
from agent.web.answers import send_problem
from agent.web.limits import (
    BATCH_BYTES_MAX,
    BATCH_LINES_MAX,
    BATCHES_IN_FLIGHT_MAX,
    PASSED_OVER_BYTES_MAX,
)
from agent.web.ndjson import Line, LineSplitter
from agent.web.texts import lang_of
from records.limits import COMMAND_BYTES_MAX
from wire.problems import ProblemDocument, Refusal
from wire.texts import Lang

JSON_TYPE: Final = "application/json"
NDJSON_TYPE: Final = "application/x-ndjson"
_encoder = msgspec.json.Encoder()


class Refused(msgspec.Struct, frozen=True):
    """Answer to a line that was not done: its number and the problem document."""

    ok: bool
    line: int
    problem: ProblemDocument


def commands_route(service: Service) -> ASGIRouteHandler:
    """Return the route."""

    @asgi("/api/commands", opt={"method": "POST"}, copy_scope=False)
    async def commands(scope: Scope, receive: Receive, send: Send) -> None:
        lang = lang_of(scope)
        try:
            kind = _content_type(scope)
            actor = caller_of(scope).actor
            if kind == NDJSON_TYPE:
                stream = CommandStream(service, actor, lang)
                await stream.run(receive, send)
                return
            body = await _whole_body(scope, receive)
            if body is None:
                return
            key = header(scope, b"idempotency-key")
            result = await service.submit_line(body, actor, key)
        except Refusal as refusal:
            await send_problem(refusal, lang, send)
            return
        await _start(send, JSON_TYPE)
        answer = result_json(result, lang)
        await send({"type": "http.response.body", "body": answer, "more_body": False})

    return commands


class CommandStream:
    """One NDJSON conversation: reads lines, submits batches, sends answers in order."""

    def __init__(self, service: Service, actor: str | None, lang: Lang) -> None:
        self._service = service
        self._actor = actor
        self._lang = lang
        self._lines: list[Line] = []
        self._ended = False
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._slots = asyncio.Semaphore(BATCHES_IN_FLIGHT_MAX)
        self._batches: asyncio.Queue[asyncio.Task[bytes] | None] = asyncio.Queue()

    async def run(self, receive: Receive, send: Send) -> None:
        """Converse until the other side has ended and everything is answered."""
        await _start(send, NDJSON_TYPE)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._read(receive), name="commands-read")
            tasks.create_task(self._submit(tasks), name="commands-submit")
            while (batch := await self._batches.get()) is not None:
                answers = await batch
                await send({"type": "http.response.body", "body": answers, "more_body": True})
                self._slots.release()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _read(self, receive: Receive) -> None:
        """Gather lines; stop reading, and with it the sender, while enough of them wait."""
        splitter = LineSplitter(COMMAND_BYTES_MAX)
        while not self._ended:
            await self._room.wait()
            message = await receive()
            if message["type"] == "http.request":
                self._lines += splitter.feed(message["body"])
                if not message["more_body"]:
                    self._lines += splitter.finish()
                    self._ended = True
            else:
                self._ended = True  # gone in mid-line: an unfinished line was never said
            if len(self._lines) >= BATCH_LINES_MAX:
                self._room.clear()
            self._news.set()

    async def _submit(self, tasks: asyncio.TaskGroup) -> None:
        """Make batches of what waits, a few at a time; they start in the order of their lines."""
        while True:
            await self._news.wait()
            if self._lines:
                await self._slots.acquire()
                batch, self._lines = _cut(self._lines)
                if len(self._lines) < BATCH_LINES_MAX:
                    self._room.set()
                self._batches.put_nowait(tasks.create_task(self._done(batch), name="commands"))
            elif self._ended:
                self._batches.put_nowait(None)
                return
            else:
                self._news.clear()

    async def _done(self, batch: list[Line]) -> bytes:
        """Submit one batch; returns its answers as lines, once all of them are durable."""
        items = [(line.data, self._actor) for line in batch if line.data is not None]
        answers: Iterator[Result | Refusal]
        try:
            answers = iter(await self._service.submit_many(items) if items else ())
        except Refusal as refusal:  # the journal takes nothing now: that is every line's answer
            answers = repeat(refusal)
        return b"".join(self._answer(line, answers) for line in batch)

    def _answer(self, line: Line, answers: Iterator[Result | Refusal]) -> bytes:
        answer = Refusal("too-large") if line.data is None else next(answers)
        if isinstance(answer, Refusal):
            refused = Refused(False, line.number, answer.document(self._lang))
            return _encoder.encode(refused) + b"\n"
        return result_json(answer, self._lang) + b"\n"


def _cut(lines: list[Line]) -> tuple[list[Line], list[Line]]:
    """Cut off the next batch: so many lines, or so many bytes, but one line at least."""
    room = BATCH_BYTES_MAX
    for count, line in enumerate(lines[:BATCH_LINES_MAX]):
        room -= len(line.data or b"")
        if room < 0 and count:
            return lines[:count], lines[count:]
    return lines[:BATCH_LINES_MAX], lines[BATCH_LINES_MAX:]


def _content_type(scope: Scope) -> str:
    kind = (header(scope, b"content-type") or "").partition(";")[0].strip().lower()
    if kind not in {JSON_TYPE, NDJSON_TYPE}:
        raise Refusal("media-type-unknown")
    return kind


async def _whole_body(scope: Scope, receive: Receive) -> bytes | None:
    """Read one command, None when its sender went away in the middle of it.

    What is too large is read to its end, up to a bound, and dropped: then it is refused.
    """
    said = header(scope, b"content-length")
    if said is not None and said.isdigit() and int(said) > PASSED_OVER_BYTES_MAX:
        raise Refusal("too-large")
    chunks: list[bytes] = []
    total = 0
    while True:
        message: Any = await receive()
        if message["type"] == "http.disconnect":
            return None
        total += len(message["body"])
        if total > COMMAND_BYTES_MAX:
            chunks.clear()
        else:
            chunks.append(message["body"])
        # Whoever is still sending would see a broken pipe instead of the answer.
        if total > COMMAND_BYTES_MAX and (
            total > PASSED_OVER_BYTES_MAX or not message["more_body"]
        ):
            raise Refusal("too-large")
        if not message["more_body"]:
            return b"".join(chunks)


async def _start(send: Send, media_type: str) -> None:
    headers = [(b"content-type", media_type.encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
