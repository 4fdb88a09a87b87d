"""The plaintexts: up, down (4.3), those of short messages (4.2) and of an enrolment (10)."""

from . import cbor_strict
from .cbor_strict import Key, Value
from .refused import need, refuse
from .shapes import Shape, array, bstr, members, only, row, tstr, uint

PACKED_LIMIT = 1024 * 1024
NEXT_AFTER_LIMIT = 6 * 3600
UP_LEFT_OUT = {"v", "office", "journal", "desk", "boot", "session"}
DOWN_LEFT_OUT = {"v", "re", "office", "journal", "desk", "session"}
VERDICTS = ("ok", "gap", "fork", "unknown-journal", "quarantined", "revoked", "moved")

HEAD = row(uint(), bstr(32))
EVENTS = members(
    {"first": uint(), "prev": bstr(32), "codec": uint(), "data": bstr(most=PACKED_LIMIT)},
    {"gone": array(row(uint(), bstr(32), tstr, tstr, tstr))},
)
_UP = members(
    {
        "v": only(1),
        "office": bstr(16),
        "journal": bstr(16),
        "head": HEAD,
        "desk": bstr(16),
        "cursor": HEAD,
        "turn": bstr(8),
        "boot": bstr(8),
        "now": uint(),
        "clock": tstr,
        "budget": uint(),
        "codecs": array(uint(), least=1),
    },
    {
        "events": EVENTS,
        "was": bstr(8),
        "box": bstr(24),
        "report": bstr(),
        "days": bstr(),
        "session": bstr(32),
        "prove": only(True),
        "statement": bstr(),
        "fetch": row(bstr(32), bstr(16), uint()),
        "returned": EVENTS,
        "proof": bstr(),
        "blobs": array(row(bstr(32), uint(), uint())),
    },
)
DOWN = members(
    {
        "v": only(1),
        "re": bstr(32),
        "office": bstr(16),
        "journal": bstr(16),
        "receipt": HEAD,
        "verdict": only(*VERDICTS),
        "turn": bstr(8),
        "desk": bstr(16),
        "desk_head": HEAD,
        "now": uint(),
        "codecs": array(uint(), least=1),
        "next_after": uint(NEXT_AFTER_LIMIT),
    },
    {
        "have": uint(),
        "ladder": array(HEAD, least=1),
        "stale": only(True),
        "session": only("ok"),
        "statement": bstr(),
        "grant": bstr(least=1, most=64),
        "events": EVENTS,
        "desk_lost": array(HEAD, least=1),
        "device": bstr(),
        "pending": only(True),
        "history": row(bstr(32), bstr(16), EVENTS),
        "want_days": only(True),
        "wanted": array(bstr(32)),
        "problems": array(row(uint(), tstr, tstr)),
    },
)
ENROLMENT = members(
    {
        "v": only(1),
        "ticket": bstr(8),
        "device": bstr(32),
        "sealing": bstr(1216),
        "box": bstr(24),
        "journal": bstr(16),
        "name": tstr,
        "secret": bstr(16),
    }
)


def up(value: Value) -> None:
    """Say: an up, its events and returned events together not too large."""
    _UP(value)
    if isinstance(value, dict):
        packed = sum(_packed_size(value.get(name)) for name in ("events", "returned"))
        need(packed <= PACKED_LIMIT, "events too large")


def read(data: bytes, shape: Shape) -> dict[Key, Value]:
    """Read a plaintext of this shape; unknown members are kept."""
    value = cbor_strict.loads(data)
    shape(value)
    if not isinstance(value, dict):
        refuse("not a map")
    return value


def full_up(data: bytes) -> dict[Key, Value]:
    """Read an up of a full message."""
    return _spare_up(read(data, up))


def full_down(data: bytes) -> dict[Key, Value]:
    """Read a down of a full message."""
    return _spare_down(read(data, DOWN))


def short_up(data: bytes, stand: dict[str, bytes]) -> dict[Key, Value]:
    """Read an up of a short message (section 4.2), `stand` put in for what it leaves out."""
    return _spare_up(_whole(data, UP_LEFT_OUT, stand, up))


def short_down(data: bytes, stand: dict[str, bytes]) -> dict[Key, Value]:
    """Read a down of a short message, `stand` put in for what it leaves out."""
    return _spare_down(_whole(data, DOWN_LEFT_OUT, stand, DOWN))


def _whole(
    data: bytes, left_out: set[str], stand: dict[str, bytes], shape: Shape
) -> dict[Key, Value]:
    """Give the full form, held to the shape of a full message."""
    value = cbor_strict.loads(data)
    if not isinstance(value, dict):
        refuse("not a map")
    need(not left_out & value.keys(), "a member that short messages leave out")
    whole: dict[Key, Value] = {"v": 1}
    whole.update(stand)
    whole.update(value)
    shape(whole)
    return whole


def _spare_up(value: dict[Key, Value]) -> dict[Key, Value]:
    """Leave out empty arrays that say the same as no member (section 12)."""
    value = _without_empty(value, "blobs")
    return value | {name: _block(value[name]) for name in ("events", "returned") if name in value}


def _spare_down(value: dict[Key, Value]) -> dict[Key, Value]:
    value = _without_empty(value, "wanted", "problems")
    if "events" in value:
        value["events"] = _block(value["events"])
    history = value.get("history")
    if isinstance(history, list):
        value["history"] = [*history[:2], _block(history[2])]
    return value


def _block(events: Value) -> Value:
    return _without_empty(events, "gone") if isinstance(events, dict) else events


def _without_empty(value: dict[Key, Value], *names: str) -> dict[Key, Value]:
    return {name: part for name, part in value.items() if name not in names or part != []}


def _packed_size(events: Value) -> int:
    """Tell how many bytes of a message an `events` map takes for its data."""
    data = events.get("data") if isinstance(events, dict) else None
    return len(data) if isinstance(data, bytes) else 0
