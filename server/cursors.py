"""Places in a list, as readers hold them: opaque text that only this server reads.

A cursor names the last item its reader has; it stays good for as long as that item is kept.
"""

from __future__ import annotations

import base64
import binascii

import msgspec

from wire.limits import SEQ_MAX
from wire.problems import FieldError, Refusal
from wire.texts import Text

CURSOR_CHARS_MAX = 200
_TEXT = Text(
    vi="không phải vị trí đọc do máy chủ này cấp", en="not a cursor that this server gave out"
)


def write(kind: str, *parts: int | str | bytes) -> str:
    """Return the cursor of a place in a list of this `kind`."""
    return base64.urlsafe_b64encode(msgspec.msgpack.encode((kind, *parts))).rstrip(b"=").decode()


def read(text: str, kind: str, shape: type[tuple[object, ...]]) -> tuple[object, ...]:
    """Return the parts of a cursor, which must be one of `kind` and of these types.

    Raises Refusal field-invalid, naming `after`.
    """
    try:
        if len(text) > CURSOR_CHARS_MAX or not text.isascii():
            raise ValueError("no cursor is so long")
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        found, *parts = msgspec.msgpack.decode(data, type=list[object])
        if found != kind:
            raise ValueError("a cursor of another list")
        if any(isinstance(part, int) and not 0 <= part <= SEQ_MAX for part in parts):
            raise ValueError("no place in any list")
        return msgspec.convert(tuple(parts), shape)
    except (ValueError, binascii.Error, msgspec.MsgspecError) as error:
        wrong = FieldError("after", "field-invalid", _TEXT)
        raise Refusal("field-invalid", _TEXT, [wrong]) from error
