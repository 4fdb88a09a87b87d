"""`check-receipt`: whether a receipt is the province's and an event lies under it, offline."""

from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from console.speech import Speech
from console.words import Words, command, json_option
from provisioning.cli.answers import misused, refuse
from wire import chain, proof
from wire.event import decode, format_time
from wire.keys import STATEMENT_KID_BYTES, key_id
from wire.limits import HASH_BYTES
from wire.problems import Malformed, Refusal
from wire.proof import Proof
from wire.statements import Province, read_kid, read_unverified
from wire.texts import Text

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
    speech: Speech,
    *,
    file: Path,
    provinces: tuple[Path, ...],
    root: str,
    event: Path | None,
    as_json: bool,
) -> None:
    """Check a receipt; exits with 1 when anything about it does not hold.

    Of several statements of the province the one that names the receipt's signer counts.
    """
    try:
        root_hash = bytes.fromhex(root.replace(":", ""))
    except ValueError:
        root_hash = b""
    if len(root_hash) != HASH_BYTES:
        misused(speech, speech("receipt.root-wrong"))
    try:
        found = proof.read(_read(file))
        province = _signer(found.receipt, [_read(each) for each in provinces])
        shown = _checked(found, province, root_hash, event)
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


def _signer(receipt: bytes, provinces: Sequence[bytes]) -> bytes:
    """Return the statement that names the key which signed a receipt; nothing is checked yet.

    Raises Refusal: signature-wrong with what to ask the province for, proof-wrong.
    """
    try:
        kid = read_kid(receipt)
    except Malformed as error:
        raise Refusal(proof.WRONG, str(error)) from None
    for each in provinces:
        try:
            public = read_unverified(each, Province).signing_key
        except Malformed as error:
            raise Refusal("signature-wrong", f"province.cose: {error}") from None
        if key_id(public)[:STATEMENT_KID_BYTES] == kid:
            return each
    asked = f"/v1/province?signer={kid.hex()}"
    raise Refusal(
        "signature-wrong",
        Text(
            vi=f"Biên nhận được ký bằng khóa khác của tỉnh (trước hoặc sau một lần đổi khóa). Thêm "
            f"--province với tệp province-N.cose nêu khóa đó, hoặc với kết quả của {asked}",
            en="The receipt was signed with another key of the province, before or after a change "
            "of keys. Add --province with the province-N.cose that names it, or with what "
            f"{asked} gives",
        ),
    )


def _checked(found: Proof, province: bytes, root_hash: bytes, event: Path | None) -> ReceiptShape:
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


def _check_receipt(speech: Speech) -> Words:
    return command(
        speech,
        "check-receipt",
        check,
        click.Argument(["file"], type=click.Path(path_type=Path), metavar="FILE"),
        click.Option(
            ["--province", "provinces"],
            type=click.Path(path_type=Path, dir_okay=False),
            required=True,
            multiple=True,
            metavar="FILE",
            help=speech("option.province-cose"),
        ),
        click.Option(["--root"], required=True, metavar="HEX", help=speech("option.root")),
        click.Option(
            ["--event"],
            type=click.Path(path_type=Path, dir_okay=False),
            metavar="FILE",
            help=speech("option.event-file"),
        ),
        json_option(speech),
    )


COMMANDS = {"check-receipt": _check_receipt}
