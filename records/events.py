"""Reading the body of an event of any kind, of either journal."""

from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec import Struct, inspect

from records.desk_events import DESK_BODIES
from records.office_events import OFFICE_BODIES
from records.texts import TEXTS
from wire.event import YEARS
from wire.problems import FieldError, Refusal

BODIES: Mapping[str, type[Struct]] = MappingProxyType({**OFFICE_BODIES, **DESK_BODIES})
"""Every kind that this version knows, and the type of its body."""


# All of them now, by the one thread that imports: msgspec notes what it finds out of a type on the
# type while it still looks, and a second thread that reads the note then ends the process.
_DECODERS: Mapping[str, "msgspec.json.Decoder[Struct]"] = MappingProxyType(
    {kind: msgspec.json.Decoder(body) for kind, body in BODIES.items()}
)


class UnknownKind(LookupError):  # noqa: N818 - a later version's kind is no error
    """A kind this version does not know; it is kept, and read after an upgrade."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


def decode_body(kind: str, raw: bytes | msgspec.Raw) -> Struct:
    """Return the body of an event as its type; members of a later version are passed over.

    Raises:
        UnknownKind: this version does not know the kind.
        Refusal: `field-invalid`, naming the path, when the body is not of its type, or bears a
            time whose year is outside `wire.event.YEARS`.
    """
    decoder = _DECODERS.get(kind)
    if decoder is None:
        raise UnknownKind(kind)
    try:
        body = decoder.decode(raw)
    except msgspec.ValidationError as wrong:
        said, _, path = str(wrong).partition(" - at `$")
        raise _wrong(kind, f"body{path.rstrip('`')}", said) from wrong
    except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
        raise Refusal("not-json", f"{kind}: {wrong}") from wrong
    for path, names in _times(type(body)):
        at = _reach(body, names)
        if at is not None and at.year not in YEARS:
            raise _wrong(kind, f"body.{path}", "the year is out of range")
    return body


def _wrong(kind: str, place: str, said: str) -> Refusal:
    text = TEXTS["refusal.body_wrong"].format(kind=kind, place=place, said=said)
    error = FieldError(place, "field-invalid", TEXTS["field.said"].format(said=said))
    return Refusal("field-invalid", text, [error])


@cache
def _times(body: type[Struct]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return where a body may bear a time: the path as written, and the attributes to it."""
    return tuple(_find_times(body, "", ()))


def _find_times(
    body: type[Struct], path: str, names: tuple[str, ...]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    for field in msgspec.structs.fields(body):
        info = inspect.type_info(field.type)
        kinds = info.types if isinstance(info, inspect.UnionType) else (info,)
        for kind in kinds:
            if isinstance(kind, inspect.DateTimeType):
                yield f"{path}{field.encode_name}", (*names, field.name)
            elif isinstance(kind, inspect.StructType):
                inner = f"{path}{field.encode_name}."
                yield from _find_times(kind.cls, inner, (*names, field.name))


def _reach(value: Any, names: tuple[str, ...]) -> Any:
    for name in names:
        value = getattr(value, name, None)
    return value
