"""A few words to say what a CBOR value must look like, as the CDDL of the page does."""

from collections.abc import Callable
from typing import TypeAlias

from .cbor_strict import Value
from .refused import need, refuse

Shape: TypeAlias = Callable[[Value], None]


def bstr(size: int | None = None, least: int = 0, most: int | None = None) -> Shape:
    """Say: a byte string of `size`, or of `least` to `most` bytes."""

    def check(value: Value) -> None:
        if not isinstance(value, bytes):
            refuse("not a byte string")
        need(size is None or len(value) == size, "size")
        need(len(value) >= least, "size")
        need(most is None or len(value) <= most, "size")

    return check


def uint(most: int | None = None) -> Shape:
    """Say: an integer from 0."""

    def check(value: Value) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            refuse("not an integer")
        need(value >= 0, "negative")
        need(most is None or value <= most, "too large")

    return check


def tstr(value: Value) -> None:
    """Say: a text string."""
    need(isinstance(value, str), "not a text string")


def only(*allowed: int | str | bool) -> Shape:
    """Say: one of these values, type included."""

    def check(value: Value) -> None:
        same = any(type(value) is type(one) and value == one for one in allowed)
        need(same, "value")

    return check


def array(shape: Shape, least: int = 0) -> Shape:
    """Say: any number of the same, `least` at least."""

    def check(value: Value) -> None:
        if not isinstance(value, list):
            refuse("not an array")
        need(len(value) >= least, "too few")
        for part in value:
            shape(part)

    return check


def row(*shapes: Shape) -> Shape:
    """Say: an array of exactly these."""

    def check(value: Value) -> None:
        if not isinstance(value, list):
            refuse("not an array")
        need(len(value) == len(shapes), "number of elements")
        for part, shape in zip(value, shapes, strict=True):
            shape(part)

    return check


def members(required: dict[str, Shape], optional: dict[str, Shape] | None = None) -> Shape:
    """Say: a map with these members; unknown ones may stand beside them."""
    known = required | (optional or {})

    def check(value: Value) -> None:
        if not isinstance(value, dict):
            refuse("not a map")
        for name in required:
            need(name in value, f"no {name}")
        for name, shape in known.items():
            if name in value:
                shape(value[name])

    return check
