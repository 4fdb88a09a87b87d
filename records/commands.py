"""From a line of JSON to a command: everything that is wrong with it is named at once.

The usual line is read by msgspec straight into its type. Only a line that is refused there, or
that looks unusual, is walked slowly (`records.reading`), in order to name each wrong place.
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import date
from difflib import get_close_matches
from functools import cache
from typing import Any, get_args
from unicodedata import is_normalized

import msgspec
from msgspec import Struct, inspect
from msgspec.structs import replace

from records import validate
from records.command_types import Command
from records.limits import COMMAND_BYTES_MAX, COMMAND_DEPTH_MAX
from records.reading import info_of, parse_json, read, repeats_a_name
from records.texts import TEXTS, wrong
from wire.ijson import nfc
from wire.problems import FieldError, Refusal

_DECODER: "msgspec.json.Decoder[Command]" = msgspec.json.Decoder(Command)
_encode = msgspec.json.Encoder().encode
_BLANK_IN_TIME = re.compile(r"[0-9](?: |\\u0020)[0-9]{2}:")
_QUOTES_OF_A_MEMBER = 4


class Submission(Struct, frozen=True):
    """A command that may be decided.

    `digest`: SHA-256 of the command without key and actor, its members in one order and its text
    in NFC, so that the same command sent again is known as the same whatever its spelling.
    """

    command: Command
    key: str | None
    actor: str | None
    digest: bytes


def parse(line: bytes, *, today: date) -> Submission:
    """Return the command on one line. `today` (office time) bounds dates of birth.

    Raises:
        Refusal: too-large, not-utf8, not-json, type-unknown; field-missing, field-unknown or
            field-invalid, the code of the first of `errors`, which name every wrong place.
    """
    if len(line) > COMMAND_BYTES_MAX:
        raise Refusal("too-large", TEXTS["refusal.too_large"].format(max=COMMAND_BYTES_MAX))
    text = _text(line)
    try:
        command = _DECODER.decode(line)
        if not _is_nfc(text):
            command = _DECODER.decode(_encode(nfc(msgspec.json.decode(line))))
    except (msgspec.DecodeError, RecursionError) as refused:
        raise _explained(text, today) or Refusal("field-invalid", str(refused)) from None
    errors = validate.check(command, today)
    # Escapes, blanks at the edge of a text and all that no screen shows: look at each text.
    if not text.isprintable() or "\\" in text or '" ' in text:
        validate.check_texts(command, "", errors)
    bare = command
    spelt = 0
    if command.key is not None or command.actor is not None:
        spelt = ((command.key is not None) + (command.actor is not None)) * _QUOTES_OF_A_MEMBER
        bare = replace(command, key=None, actor=None)
    normalised = _encode(bare)
    # A member that stands there twice is read as its last; then there are more quotes than kept.
    odd = line.count(b'"') != normalised.count(b'"') + spelt
    # RFC 3339 writes T between date and time; the decoder takes a blank too.
    blank = _BLANK_IN_TIME.search(text) is not None
    if errors or blank or (odd and repeats_a_name(text)):
        explained = _explained(text, today)
        if explained is not None or errors:
            raise explained or _refusal(errors)
    return Submission(bare, command.key, command.actor, hashlib.sha256(normalised).digest())


def _text(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as wrong_byte:
        text = TEXTS["refusal.not_utf8"].format(byte=wrong_byte.start + 1)
        raise Refusal("not-utf8", text) from None


def _is_nfc(text: str) -> bool:
    if "\\u" in text:
        return False  # an escape may hide anything
    return text.isascii() or is_normalized("NFC", text)


def _explained(text: str, today: date) -> Refusal | None:
    """Return the refusal that names everything wrong with a line; None when nothing is."""
    try:
        value = parse_json(text, COMMAND_DEPTH_MAX)
    except RecursionError:
        return Refusal("not-json", TEXTS["refusal.too_deep"].format(max=COMMAND_DEPTH_MAX))
    except ValueError:
        return Refusal("not-json", TEXTS["refusal.not_json"])
    if not isinstance(value, dict):
        return _refusal([wrong("", "not_object")])
    info = _infos().get(str(value.get("type")))
    if info is None:
        return _type_refusal(value)
    errors: list[FieldError] = []
    command = read(value, info, "", errors)
    _add_rules(command, today, errors)
    return _refusal(errors) if errors else None


def _add_rules(command: Any, today: date, errors: list[FieldError]) -> None:
    """Ask the rules too, but nothing about places that could not be read."""
    found = validate.check(command, today)
    validate.check_texts(command, "", found)
    places = [error.path for error in errors]
    for error in found:
        if not any(place == error.path or _is_inside(place, error.path) for place in places):
            errors.append(error)
            places.append(error.path)


def _is_inside(place: str, whole: str) -> bool:
    return place.startswith((f"{whole}.", f"{whole}["))


def _refusal(errors: list[FieldError]) -> Refusal:
    return Refusal(errors[0].code, errors=errors)


def _type_refusal(value: Mapping[str, Any]) -> Refusal:
    if "type" not in value:
        return _refusal([wrong("type", "missing", "field-missing")])
    name = value["type"]
    if not isinstance(name, str):
        return _refusal([wrong("type", "not_text")])
    close = get_close_matches(name, _infos(), n=3)
    key = "refusal.type_unknown_close" if close else "refusal.type_unknown"
    text = TEXTS[key].format(type=name[:100], close=", ".join(close))
    return Refusal("type-unknown", text, [FieldError("type", "type-unknown", text)])


@cache
def _infos() -> Mapping[str, inspect.StructType]:
    infos = map(info_of, get_args(Command))
    return {str(info.tag): info for info in infos if isinstance(info, inspect.StructType)}
