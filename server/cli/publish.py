"""`publish`: what the province says to its offices, from NDJSON, all or nothing."""

from __future__ import annotations

from typing import IO, NoReturn

import click
import msgspec

from console.speech import EXIT_REFUSED, EXIT_USAGE, Speech
from console.words import Words, command
from server import offices
from server.cli.opening import Context, run
from server.context import ServerContext
from server.publishing import Refused
from server.publishing import publish as say
from wire.foreign import read_json
from wire.problems import Malformed, Refusal


class Item(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of the file."""

    kind: str
    body: msgspec.Raw


def publish(context: Context, *, file: IO[bytes], office: tuple[str, ...], everybody: bool) -> None:
    """Say every line of a file to these offices; nothing is said when one line is refused."""
    speech = context.speech
    if everybody == bool(office):
        speech.tell(speech("publish.to-whom"))
        raise SystemExit(EXIT_USAGE)
    lines = [(number, line) for number, line in enumerate(file, 1) if line.strip()]
    items = _items(speech, lines)

    async def work(ctx: ServerContext) -> dict[str, object]:
        ids = None if everybody else await _ids(ctx, office)
        said = await say(ctx, ids, items)
        async with ctx.store.read() as conn:
            codes = {found.office_id: found.code for found in await offices.every(conn)}
        seqs: dict[str, int] = {}
        for (office_id, _), seq in said.desk_seq.items():
            seqs[codes[office_id]] = max(seq, seqs.get(codes[office_id], 0))
        return {"published": said.published, "desk_seq": seqs}

    try:
        speech.print_json(run(context, work))
    except Refused as refused:
        _explain(speech, refused, [number for number, _ in lines])


def _items(speech: Speech, lines: list[tuple[int, bytes]]) -> list[tuple[str, bytes]]:
    """Read every line; where some cannot be read, all of those are told and the command ends."""
    items, unread = [], {}
    for place, (_, line) in enumerate(lines):
        try:
            item = read_json(line, Item)
        except Malformed as error:
            unread[place] = Refusal("not-json", str(error))
        else:
            items.append((item.kind, bytes(item.body)))
    if unread:
        _explain(speech, Refused(unread), [number for number, _ in lines])
    return items


async def _ids(ctx: ServerContext, codes: tuple[str, ...]) -> list[bytes]:
    ids = []
    async with ctx.store.read() as conn:
        for code in codes:
            found = await offices.by_code(conn, code)
            if found is None:
                raise Refusal("office-unknown", code)
            ids.append(found.office_id)
    return ids


def _explain(speech: Speech, refused: Refused, numbers: list[int]) -> NoReturn:
    for place, refusal in sorted(refused.refusals.items()):
        document = refusal.document(speech.lang)
        line = speech("publish.line", line=numbers[place])
        speech.tell(f"{line} {document.title} ({document.code}) {document.detail}".rstrip())
        for error in document.errors:
            speech.tell(f"  {error.path}: {error.message}")
    speech.tell(speech("publish.nothing"))
    raise SystemExit(EXIT_REFUSED)


def _publish(speech: Speech) -> Words:
    return command(
        speech,
        "publish",
        publish,
        click.Option(["--office"], multiple=True, metavar="CODE", help=speech("option.office")),
        click.Option(["--all", "everybody"], is_flag=True, help=speech("option.all")),
        click.Option(["--json"], is_flag=True, expose_value=False, help=speech("option.json")),
        click.Argument(["file"], type=click.File("rb")),
    )


COMMANDS = {"publish": _publish}
