"""Deterministic CBOR (section 4.1): cbor2 with everything else refused around it."""

from typing import NoReturn, TypeAlias

import cbor2

from .refused import need, refuse

Key: TypeAlias = int | bytes | str
Value: TypeAlias = "int | bytes | str | bool | list[Value] | dict[Key, Value] | None"

LARGEST = 2**53 - 1
DEEPEST = 8
MOST_ITEMS = 262_144
KNOWN_TAGS = (*range(64), 100, 256, 258, 260, 261, 1004, 43_000, 55_799)


def _no_tag(*_: object) -> NoReturn:
    msg = "tag"
    raise ValueError(msg)


def loads(data: bytes, tag: int | None = None) -> Value:
    """Read one item; with `tag` (0 to 23) exactly that tag stands before it."""
    if tag is not None:
        need(data[:1] == bytes([0xC0 | tag]), "tag missing")
        data = data[1:]
    try:
        value = cbor2.loads(
            data,
            tag_hook=_no_tag,
            semantic_decoders=dict.fromkeys(KNOWN_TAGS, _no_tag),
            max_depth=DEEPEST,
            allow_indefinite=False,
            allow_duplicate_keys=False,
        )
    except (cbor2.CBORError, ValueError, MemoryError) as error:
        refuse(f"cbor: {error}")
    need(_count(value, 0) <= MOST_ITEMS, "too many items")
    need(dumps(value) == data, "not deterministic")
    return value  # type: ignore[no-any-return]  # _count has looked at every part


def dumps(value: Value) -> bytes:
    """Encode deterministically; cbor2 sorts by length first, so the order is made here."""
    return cbor2.dumps(_ordered(value))


def _ordered(value: Value) -> Value:
    if isinstance(value, list):
        return [_ordered(part) for part in value]
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value, key=cbor2.dumps)}
    return value


def _count(value: object, depth: int) -> int:
    """Refuse foreign types; tell how many items there are, map keys among them."""
    parts: list[object] = []
    if isinstance(value, list):
        parts = value
    elif isinstance(value, dict):
        need(all(type(key) in {int, bytes, str} for key in value), "key type")
        parts = [*value.keys(), *value.values()]
    elif isinstance(value, int):
        need(abs(value) <= LARGEST, "integer too large")
    elif value is not None:
        need(isinstance(value, (bytes, str)), f"type {type(value).__name__}")
    need(depth < DEEPEST or not isinstance(value, (list, dict)), "too deep")
    return 1 + sum(_count(part, depth + 1) for part in parts)
