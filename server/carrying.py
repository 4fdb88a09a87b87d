"""What offices sent by stick: the very messages of the line, taken in and answered in kind.

Whatever order they lie in, they are taken in by device and number, so that later events never
meet a gap that the same stick closes. Only content decides (docs/protocol.md section 8).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from msgspec import Struct

from carrier import names, reading
from carrier.writing import Carried
from server import devices
from server.context import ServerContext
from server.exchange import exchange
from server.rates import Rates
from server.request import open_request, parse
from wire.keys import VerifyKey
from wire.message import parse_full, request_hash
from wire.problems import Malformed, Refusal

ADDRESS = "stick"
BURST = 1_000_000  # whoever holds the stick holds the server too: nobody is to be slowed down


class Refused(Struct, frozen=True):
    """A file that was not taken, and the code of why."""

    file: str
    code: str


class TakenIn(Struct, frozen=True):
    """What came from a stick and what was answered."""

    ok: bool
    messages: int
    blobs: int
    bytes: int
    refused: tuple[Refused, ...]
    safe_to_remove: bool


class _Message(Struct, frozen=True, order=True):
    """A message of a stick, in the order in which it is taken in."""

    sender: bytes
    journal: bytes
    first: int
    file: str
    body: bytes


async def import_stick(
    ctx: ServerContext, stick: Path, progress: Callable[[int], None] = lambda _done: None
) -> TakenIn:
    """Take in every message of a stick and write the answers beside them.

    A file that cannot be taken is named and hinders no other. Raises Refusal: `carrier-missing`,
    `carrier-crowded`, `carrier-full`, `carrier-gone`, `carrier-failed`; what was taken in by then
    stays, and taking it in again changes nothing.
    """
    unhurried = replace(ctx, senders=Rates(burst=BURST, per_s=BURST), carried=True)
    messages, refused = await _read_all(unhurried, reading.find(stick, names.is_message))
    answers: list[tuple[bytes, bytes]] = []
    for number, each in enumerate(messages, 1):
        try:
            answers.append((each.body, await exchange(each.body, unhurried, ADDRESS)))
        except Refusal as refusal:
            refused.append(Refused(each.file, refusal.code))
        progress(number)
    if answers:
        await asyncio.to_thread(_write_answers, stick, answers)
    return TakenIn(
        ok=not refused,
        messages=len(answers),
        blobs=0,
        bytes=sum(len(request) for request, _ in answers),
        refused=tuple(sorted(refused, key=lambda each: each.file)),
        safe_to_remove=True,
    )


async def _read_all(
    ctx: ServerContext, files: Sequence[Path]
) -> tuple[list[_Message], list[Refused]]:
    messages, refused = [], []
    for path in files:
        try:
            body = await asyncio.to_thread(reading.read, path)
            messages.append(await _placed(ctx, path.name, body))
        except Refusal as refusal:
            refused.append(Refused(path.name, refusal.code))
    return sorted(messages), refused


async def _placed(ctx: ServerContext, file: str, body: bytes) -> _Message:
    """Say where in the order a message belongs; what cannot be opened yet comes last."""
    envelope = parse(body)
    async with ctx.store.read() as conn:
        sender = await devices.find(conn, envelope.sender_kid)
    if sender is None:
        return _Message(b"\xff", b"", 0, file, body)  # the exchange says why it is refused
    key = VerifyKey(sender.device_key)
    request = await asyncio.to_thread(open_request, body, envelope, key, ctx.keys)
    events = request.up.events
    first = events.first if events is not None else request.up.head.seq + 1
    return _Message(envelope.sender_kid, request.up.journal, first, file, body)


def _write_answers(stick: Path, answers: Sequence[tuple[bytes, bytes]]) -> None:
    carried = Carried(stick)
    for request, answer in answers:
        carried.write(_answer_name(carried, request, answer), answer)
    carried.settle()


def _answer_name(carried: Carried, request: bytes, answer: bytes) -> str:
    """Return the answer's name: another letter where that name is an answer to somebody else."""
    receiver = parse_full(answer).receiver_kid
    for name in names.answer_names(request_hash(request)):
        if not carried.has(name) or _receiver(carried.folder / name) in (receiver, None):
            return name
    raise Refusal("carrier-crowded", "answers")


def _receiver(path: Path) -> bytes | None:
    """Whom the message in a file is for; None: it is none, and may be written over."""
    try:
        return parse_full(reading.read(path)).receiver_kid
    except (Malformed, Refusal):
        return None
