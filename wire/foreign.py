"""Reads JSON that somebody else wrote, where nobody has vouched for a single byte of it.

A decoder reads only the members it was asked for and passes over the rest, so what lies in those
is found out by the next reader, if at all. Here the whole of it is judged at once, and whatever is
wrong is one exception: problem documents of any box on the line, sync reports of any device.
"""

from threading import Lock
from typing import TypeVar

import msgspec

from wire.ijson import judge_depth
from wire.limits import FOREIGN_DEPTH_MAX
from wire.problems import Malformed

T = TypeVar("T")
_one_at_a_time = Lock()
"""Two threads that look at a type for the first time together end the process: `records.events`."""


def read_json(data: bytes, shape: type[T]) -> T:
    """Return `data` as a value of `shape`; members that `shape` does not name are passed over.

    How many bytes may be read is the caller's to bound.

    Raises:
        Malformed: `not-utf8`, `not-json`, `depth` (more than FOREIGN_DEPTH_MAX levels) or
            `member` (one that is missing or of another type).
    """
    try:
        data.decode()  # a decoder looks only at the text it returns
        with _one_at_a_time:
            decoder = msgspec.json.Decoder(shape)
        value = decoder.decode(data)
    except UnicodeDecodeError:
        raise Malformed("not-utf8") from None
    except msgspec.ValidationError as error:
        raise Malformed("member", str(error)) from None
    except msgspec.MsgspecError as error:
        raise Malformed("not-json", str(error)) from None
    except RecursionError:
        raise Malformed("depth") from None
    judge_depth(data, FOREIGN_DEPTH_MAX)
    return value
