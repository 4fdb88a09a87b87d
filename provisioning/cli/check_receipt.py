"""`check-receipt`: whether a receipt is the province's and an event lies under it, offline."""

from pathlib import Path

import click
import msgspec

from console.speech import Speech
from console.words import Words, command, json_option
from provisioning.cli.answers import misused, refuse
from wire import chain, proof
from wire.event import decode, format_time
from wire.limits import HASH_BYTES
from wire.problems import Malformed, Refusal

FILE_BYTES_MAX = 64 << 20
"""A receipt with the digests of a million events behind one is 43 MB."""


class EventShape(msgspec.Struct, frozen=True):
    """The event that was proved; `kind` and `at` are None when its bytes cannot be read."""

    seq: int
    id: str
    kind: str | None
    at: str | None


class ReceiptShape(msgspec.Struct, frozen=True):
    """What was proved."""

    ok: bool
    province: str
    device: str
    journal: str
    seq: int
    hash: str
    time: str
    event: EventShape | None


def check(
    speech: Speech, *, file: Path, province: Path, root: str, event: Path | None, as_json: bool
) -> None:
    """Check a receipt; exits with 1 when anything about it does not hold."""
    try:
        root_hash = bytes.fromhex(root.replace(":", ""))
    except ValueError:
        root_hash = b""
    if len(root_hash) != HASH_BYTES:
        misused(speech, speech("receipt.root-wrong"))
    try:
        shown = _checked(_read(file), _read(province), root_hash, event)
    except Refusal as refusal:
        refuse(speech, refusal, as_json=as_json)
    if as_json:
        speech.print_json(shown)
        return
    words = {"province": shown.province, "seq": shown.seq, "time": shown.time}
    click.echo(speech("receipt.good", device=shown.device, journal=shown.journal, **words))
    if shown.event is not None:
        named = shown.event
        kind, at = named.kind or "?", named.at or "?"
        click.echo(speech("receipt.event", seq=named.seq, id=named.id, kind=kind, at=at))


def _checked(file: bytes, province: bytes, root_hash: bytes, event: Path | None) -> ReceiptShape:
    found = proof.read(file)
    checked = proof.check(found, province, root_hash)
    receipt, way = checked.receipt, found.way
    if event is not None and (way is None or _read(event).rstrip(b"\n") != way.event):
        raise Refusal(proof.WRONG, str(event))
    named = None
    if way is not None and checked.event_hash is not None:
        named = _event(way, checked.event_hash)
    return ReceiptShape(
        True,
        checked.province.name,
        receipt.device_id.hex(),
        receipt.journal.hex(),
        receipt.seq,
        receipt.hash.hex(),
        format_time(receipt.time_ms),
        named,
    )


def _event(way: proof.Way, hash_: bytes) -> EventShape:
    id_ = str(chain.event_id(hash_))
    try:
        read = decode(way.event)
    except Malformed:
        return EventShape(way.seq, id_, None, None)
    return EventShape(way.seq, id_, read.kind, read.at)


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            data = opened.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise Refusal("file-unreadable", f"{file}: {error.strerror}") from None
    if len(data) > FILE_BYTES_MAX:
        raise Refusal("too-large", str(file))
    return data


def _path(name: str, metavar: str, help_: str, *, required: bool = False) -> click.Option:
    kind = click.Path(path_type=Path, dir_okay=False)
    return click.Option([name], type=kind, required=required, metavar=metavar, help=help_)


def _check_receipt(speech: Speech) -> Words:
    return command(
        speech,
        "check-receipt",
        check,
        click.Argument(["file"], type=click.Path(path_type=Path), metavar="FILE"),
        _path("--province", "FILE", speech("option.province-cose"), required=True),
        click.Option(["--root"], required=True, metavar="HEX", help=speech("option.root")),
        _path("--event", "FILE", speech("option.event-file")),
        json_option(speech),
    )


COMMANDS = {"check-receipt": _check_receipt}
