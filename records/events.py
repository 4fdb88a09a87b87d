"""Reading the body of an event of any kind, of either journal."""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

import msgspec
from msgspec import Struct

from records.desk_events import DESK_BODIES
from records.office_events import OFFICE_BODIES
from records.texts import TEXTS
from wire.problems import FieldError, Refusal

BODIES: Mapping[str, type[Struct]] = MappingProxyType({**OFFICE_BODIES, **DESK_BODIES})
"""Every kind that this version knows, and the type of its body."""


class UnknownKind(LookupError):  # noqa: N818 - a later version's kind is no error
    """A kind this version does not know; it is kept, and read after an upgrade."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


def decode_body(kind: str, raw: bytes | msgspec.Raw) -> Struct:
    """Return the body of an event as its type; members of a later version are passed over.

    Raises:
        UnknownKind: this version does not know the kind.
        Refusal: `field-invalid`, naming the path, when the body is not of its type.
    """
    decoder = _decoder(kind)
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as wrong:
        said, _, path = str(wrong).partition(" - at `$")
        place = f"body{path.rstrip('`')}"
        text = TEXTS["refusal.body_wrong"].format(kind=kind, place=place, said=said)
        error = FieldError(place, "field-invalid", TEXTS["field.said"].format(said=said))
        raise Refusal("field-invalid", text, [error]) from wrong
    except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
        raise Refusal("not-json", f"{kind}: {wrong}") from wrong


@cache
def _decoder(kind: str) -> "msgspec.json.Decoder[Struct]":
    body = BODIES.get(kind)
    if body is None:
        raise UnknownKind(kind)
    return msgspec.json.Decoder(body)
