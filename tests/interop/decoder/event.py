"""One event: the bytes of a JSON object in I-JSON (section 2)."""

import json
import re
from typing import Any, NoReturn

from .refused import need, refuse

LARGEST = 2**53 - 1
MOST_BYTES = 65_536
DEEPEST = 16
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


def check(data: bytes) -> None:
    """Refuse poison."""
    need(len(data) <= MOST_BYTES, "too large")
    need(min(data, default=0) >= 0x20, "a byte below 0x20")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        refuse("not UTF-8")
    outside = _STRING.sub("", text)
    need(" " not in outside, "white space")
    need(_depth(outside) <= DEEPEST, "depth")
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_decimal,
            parse_constant=_constant,
        )
    except json.JSONDecodeError as error:
        refuse(f"not JSON: {error}")
    need(isinstance(value, dict), "not an object")
    _texts(value)


def _depth(outside: str) -> int:
    depth = deepest = 0
    for char in outside:
        depth += (char in "[{") - (char in "]}")
        deepest = max(deepest, depth)
    return deepest


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    need(len(found) == len(pairs), "a member twice")
    return found


def _integer(text: str) -> int:
    need(len(text) <= 17 and abs(int(text)) <= LARGEST, "integer too large")
    return int(text)


def _decimal(text: str) -> float:
    need("e" not in text.lower(), "exponent")
    digits = text.lstrip("-").replace(".", "").lstrip("0")
    need(len(digits) <= 15, "too many digits")
    return float(text)


def _constant(name: str) -> NoReturn:
    refuse(f"no number: {name}")


def _texts(value: object) -> None:
    if isinstance(value, str):
        need("\0" not in value, "U+0000")
        need(not any("\ud800" <= char <= "\udfff" for char in value), "lone surrogate")
    elif isinstance(value, list):
        for part in value:
            _texts(part)
    elif isinstance(value, dict):
        for name, part in value.items():
            _texts(name)
            _texts(part)
