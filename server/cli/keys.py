"""`keys list | retire`: who still uses former keys, and their end."""

from __future__ import annotations

from msgspec import Struct

from console.speech import Speech
from console.table import print_table
from console.words import Words, WordsGroup, command, group, json_option
from server import retiring
from server.cli.opening import Context, run
from server.context import ServerContext
from server.retiring import Retired
from wire.event import format_time


class HolderShape(Struct, frozen=True):
    """A device that has not shown a later statement yet."""

    device: str
    office: str
    last_seen_at: str | None


class RetiredShape(Struct, frozen=True):
    """A former statement whose keys are kept, at the latest until `until`."""

    n: int
    retired_at: str
    until: str
    due: bool
    holders: tuple[HolderShape, ...]


class Kept(Struct, frozen=True):
    """The statement in force, and the former ones."""

    n: int
    retired: tuple[RetiredShape, ...]


def show(context: Context, *, as_json: bool) -> None:
    """List the former keys, the oldest first."""
    speech = context.speech

    async def work(ctx: ServerContext) -> Kept:
        found = await retiring.retired(ctx)
        return Kept(ctx.keys.n, tuple(_shape(each) for each in found))

    kept = run(context, work)
    if as_json:
        speech.print_json(kept)
        return
    headings = [speech(f"keys.{word}") for word in ("n", "retired", "until", "office", "device")]
    rows = [row for each in kept.retired for row in _rows(each)]
    print_table([*headings, speech("keys.seen")], rows)
    speech.tell(speech("keys.in-force", n=kept.n))
    for each in kept.retired:
        if each.due:
            speech.tell(speech("keys.due", n=each.n))


def retire(context: Context, *, as_json: bool) -> None:
    """Destroy the keys that are due."""
    speech = context.speech
    gone = run(context, retiring.destroy)
    if as_json:
        speech.print_json({"ok": True, "destroyed": gone})
        return
    for n in gone:
        speech.tell(speech("keys.destroyed", n=n))
    if not gone:
        speech.tell(speech("keys.none-due"))


def _shape(each: Retired) -> RetiredShape:
    return RetiredShape(
        n=each.n,
        retired_at=format_time(each.retired_ms),
        until=format_time(each.retired_ms + retiring.RETIRED_MS_MAX),
        due=each.due,
        holders=tuple(
            HolderShape(
                holder.device,
                holder.office,
                None if holder.seen_ms is None else format_time(holder.seen_ms),
            )
            for holder in each.holders
        ),
    )


def _rows(each: RetiredShape) -> list[list[object]]:
    """Return one row a device; a statement that no device uses has one too."""
    start = [each.n, each.retired_at, each.until]
    return [
        [*start, holder.office, holder.device, holder.last_seen_at or ""] for holder in each.holders
    ] or [[*start, "", "", ""]]


def _list(speech: Speech) -> Words:
    return command(speech, "list", show, json_option(speech), key="keys-list")


def _retire(speech: Speech) -> Words:
    return command(speech, "retire", retire, json_option(speech), key="keys-retire")


def _keys(speech: Speech) -> WordsGroup:
    return group(speech, "keys", {"list": _list, "retire": _retire})


COMMANDS = {"keys": _keys}
