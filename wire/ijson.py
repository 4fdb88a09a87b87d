r"""Strict I-JSON, the form of one event (docs/protocol.md section 2, RFC 7493).

- valid UTF-8, no byte order mark, at most 64 KiB, one object and nothing around it
- no byte below 0x20 and no white space between tokens
- no member name twice in one object, at any depth
- no lone surrogates and no U+0000, neither as bytes nor as `\u0000`
- integers within ±(2^53-1); other numbers with at most 15 significant digits and no exponent
- nesting at most 16

NFC is the writer's duty alone: a reader keeps and hashes what was written.
"""

import re
from typing import Any, TypeVar
from unicodedata import is_normalized, normalize

import msgspec

from wire.limits import EVENT_BYTES_MAX, EVENT_DEPTH_MAX, EVENT_NUMBER_DIGITS_MAX, SEQ_MAX
from wire.problems import Malformed

T = TypeVar("T")

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode

# Linear on any input: possessive, and a string without an end runs to the end of the input.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_EXPONENT = re.compile(rb"[0-9][eE]")
_LONG_NUMBER = re.compile(rb"[0-9.]{16,}")
_SEQ_DIGITS = len(str(SEQ_MAX))

# Translates each byte to what it may be of a number: digit or point, exponent mark, nothing.
_NUMBER_CLASS = bytes(
    ord("0") if byte in b"0123456789." else ord("e") if byte in b"eE" else ord(" ")
    for byte in range(256)
)
_BRACKETS_ALIKE = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"{}[]")
_WHITE_SPACE = b" \t\n\r"


def check(event: bytes) -> None:
    """Judge whether `event` is I-JSON as the module's list says.

    What a plain encoder would write again in the same bytes can only break the few rules that
    `looks_plain` rules out; anything else is judged rule by rule. Both are linear in the input.

    Raises:
        Malformed: `too-large`, `byte-order-mark`, `not-utf8`, `not-json`, `not-an-object`,
            `number`, `white-space`, `depth`, `duplicate-member` or `null-character`.
    """
    if len(event) > EVENT_BYTES_MAX:
        raise Malformed("too-large", f"{len(event)} bytes")
    tree = _parse(event)
    again = _encode(tree)
    if again != event or not looks_plain(event):
        _judge(event, again)


def nfc(value: T) -> T:
    """Return `value` with all text in NFC, the same object when nothing changes.

    Reaches into lists, tuples and dicts (keys too); anything else is returned as it is.

    Raises:
        Malformed: `duplicate-member`: two names of one dict are the same text in NFC.
    """
    normal: T = _nfc(value)
    return normal


def _nfc(value: Any) -> Any:
    if isinstance(value, str):
        return value if is_normalized("NFC", value) else normalize("NFC", value)
    if isinstance(value, list | tuple):
        items = [_nfc(item) for item in value]
        same = all(new is old for new, old in zip(items, value, strict=True))
        return value if same else type(value)(items)
    if isinstance(value, dict):
        members = {_nfc(name): _nfc(item) for name, item in value.items()}
        if len(members) != len(value):
            raise Malformed("duplicate-member", "two names are the same in NFC")
        same = all(
            new is old and members[new] is value[old]
            for new, old in zip(members, value, strict=True)
        )
        return value if same else members
    return value


def _parse(event: bytes) -> Any:
    try:
        tree = _decode(event)
    except UnicodeDecodeError:
        raise Malformed("not-utf8") from None
    except msgspec.ValidationError:  # the only value that JSON allows and msgspec does not
        raise Malformed("number", "out of any range") from None
    except msgspec.DecodeError as error:
        if event.startswith(b"\xef\xbb\xbf"):
            raise Malformed("byte-order-mark") from None
        raise Malformed("not-json", str(error)) from None
    except RecursionError:
        raise Malformed("depth") from None
    if not isinstance(tree, dict):
        raise Malformed("not-an-object")
    return tree


def looks_plain(event: bytes) -> bool:
    """Tell whether depth, numbers and U+0000 are surely right, content of strings included."""
    numbers = event.translate(_NUMBER_CLASS)
    return (
        b"0" * (EVENT_NUMBER_DIGITS_MAX + 1) not in numbers
        and b"0e" not in numbers
        and event.count(b"{") + event.count(b"[") <= EVENT_DEPTH_MAX
        and b"\\u0000" not in event
    )


def _judge(event: bytes, again: bytes) -> None:
    """Judge well-formed JSON; `again` is what was read of it, written by a plain encoder."""
    bones = _STRING.sub(b'"', event)
    if len(bones.translate(None, _WHITE_SPACE)) != len(bones):
        raise Malformed("white-space")
    _judge_numbers(bones)
    _judge_depth(bones, EVENT_DEPTH_MAX)
    if bones.count(b":") != _STRING.sub(b'"', again).count(b":"):
        raise Malformed("duplicate-member")  # a reader kept one of the two
    if b"\\u0000" in event.replace(b"\\\\", b""):
        raise Malformed("null-character")


def _judge_numbers(bones: bytes) -> None:
    if _EXPONENT.search(bones):
        raise Malformed("number", "with an exponent")
    for number in _LONG_NUMBER.findall(bones):
        if b"." not in number:
            if len(number) > _SEQ_DIGITS or int(number) > SEQ_MAX:
                raise Malformed("number", "an integer beyond 2^53-1")
        elif len(number.replace(b".", b"").lstrip(b"0")) > EVENT_NUMBER_DIGITS_MAX:
            raise Malformed("number", f"more than {EVENT_NUMBER_DIGITS_MAX} significant digits")


def judge_depth(data: bytes, levels_max: int) -> None:
    """Judge how deep well-formed JSON is nested; the outermost value is a level.

    Raises:
        Malformed: `depth`.
    """
    if data.count(b"{") + data.count(b"[") > levels_max:
        _judge_depth(_STRING.sub(b'"', data), levels_max)


def _judge_depth(bones: bytes, levels_max: int) -> None:
    """Peel the innermost level off, as often as levels are allowed."""
    brackets = bones.translate(_BRACKETS_ALIKE, _NO_BRACKETS)
    for _ in range(levels_max):
        brackets = brackets.replace(b"[]", b"")
    if brackets:
        raise Malformed("depth", f"more than {levels_max} levels")
