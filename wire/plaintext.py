"""What a message says once it is open: `up`, `down`, and the enrolment request.

The fields are the members of the CDDL of docs/protocol.md section 4.3 (and 10), under the same
names. A member that a later version adds is kept in `extra` and written again. Whatever `encode`
returns, `decode` accepts: both go through the same readers, so nothing is sent that the other
side would refuse. What a short message leaves out of it is `wire.short_plaintext`'s to say.

Reasons of `Malformed` beside those of CBOR: those of `wire.shape`, and version-unknown, too-large.
"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, TypeVar, get_args

import msgspec
from msgspec import Struct

from wire import cbor
from wire.block import EventsBlock, Gone
from wire.box import BOX_BYTES, PART_BYTES
from wire.cbor import Key, Value
from wire.chain import Head
from wire.keys import PUBLIC_KEY_BYTES, SEALING_KEY_BYTES
from wire.limits import (
    EVENTS_PACKED_BYTES_MAX,
    GRANT_BYTES_MAX,
    HASH_BYTES,
    ID_BYTES,
    NEXT_AFTER_S_MAX,
    TICKET_ID_BYTES,
    TURN_BYTES,
)
from wire.problems import Malformed
from wire.shape import Members, flag, many, octets, one_of, read_head, row, text, uint, uint_to
from wire.statements import SECRET_BYTES

VERSION = 1
SESSION_BYTES = 32
Verdict = Literal["ok", "gap", "fork", "unknown-journal", "quarantined", "revoked", "moved"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


class Fetch(NamedTuple):
    """Events asked for: of this device's journal, from number `first` on."""

    device_id: bytes
    journal: bytes
    first: int


class History(NamedTuple):
    """Events given back to a `fetch`."""

    device_id: bytes
    journal: bytes
    events: EventsBlock


class BlobState(NamedTuple):
    """A blob the device knows: `have` bytes of `size` have been uploaded as far as it knows."""

    id: bytes
    have: int
    size: int


class Problem(NamedTuple):
    """An event the province stored but could not accept: its number, a code, words."""

    seq: int
    code: str
    detail: str


class Up(Struct, frozen=True, kw_only=True):
    """Device to province."""

    v: int = VERSION
    office: bytes
    journal: bytes
    head: Head
    events: EventsBlock | None = None
    desk: bytes
    cursor: Head
    """Desk journal and the last event held of it."""
    turn: bytes
    was: bytes | None = None
    box: bytes | None = None
    boot: bytes
    now: int
    """ms since the epoch as the device believes it, 0 before 1970."""
    clock: str
    budget: int
    """Most bytes wanted back."""
    codecs: tuple[int, ...]
    report: bytes | None = None
    days: bytes | None = None
    session: bytes | None = None
    prove: bool = False
    statement: bytes | None = None
    fetch: Fetch | None = None
    returned: EventsBlock | None = None
    proof: bytes | None = None
    blobs: tuple[BlobState, ...] = ()
    extra: Mapping[Key, Value] = {}


class Down(Struct, frozen=True, kw_only=True):
    """Province to device."""

    v: int = VERSION
    re: bytes
    """SHA-256 of the message answered."""
    office: bytes
    journal: bytes
    receipt: Head
    verdict: Verdict
    have: int | None = None
    ladder: tuple[Head, ...] = ()
    turn: bytes
    stale: bool = False
    session: Literal["ok"] | None = None
    statement: bytes | None = None
    grant: bytes | None = None
    events: EventsBlock | None = None
    desk: bytes
    desk_head: Head
    desk_lost: tuple[Head, ...] = ()
    device: bytes | None = None
    pending: bool = False
    history: History | None = None
    now: int
    """ms since the epoch by the server's clock."""
    codecs: tuple[int, ...]
    want_days: bool = False
    wanted: tuple[bytes, ...] = ()
    """Ids of blobs the province lacks."""
    problems: tuple[Problem, ...] = ()
    next_after: int
    """Seconds, at most 6 h."""
    extra: Mapping[Key, Value] = {}


class EnrolmentRequest(Struct, frozen=True, kw_only=True):
    """A new device shows its keys and the secret of its ticket (section 10)."""

    v: int = VERSION
    ticket: bytes
    device: bytes
    """Ed25519 public key."""
    sealing: bytes
    """X-Wing public key, 1,216 bytes."""
    box: bytes
    journal: bytes
    name: str
    secret: bytes
    extra: Mapping[Key, Value] = {}

    def __repr__(self) -> str:
        return f"EnrolmentRequest(ticket={self.ticket.hex()}, name={self.name!r})"


def encode_up(up: Up) -> bytes:
    """Return the plaintext of an `up`.

    Raises:
        Malformed: a field that no receiver would accept; also TypeError and ValueError of CBOR.
    """
    members = _members(up)
    read_up(members)
    return cbor.encode(members)


def decode_up(data: bytes) -> Up:
    """Return the `up` in a plaintext.

    Raises:
        Malformed: no deterministic CBOR, or not what section 4.3 says.
    """
    return read_up(cbor.decode(data))


def encode_down(down: Down) -> bytes:
    """Return the plaintext of a `down`.

    Raises:
        Malformed: a field that no receiver would accept; also TypeError and ValueError of CBOR.
    """
    members = _members(down)
    read_down(members)
    return cbor.encode(members)


def decode_down(data: bytes) -> Down:
    """Return the `down` in a plaintext.

    Raises:
        Malformed: no deterministic CBOR, or not what section 4.3 says.
    """
    return read_down(cbor.decode(data))


def encode_enrolment(request: EnrolmentRequest) -> bytes:
    """Return the plaintext of an enrolment request.

    Raises:
        Malformed: a field that no receiver would accept; also TypeError and ValueError of CBOR.
    """
    members = _members(request)
    _read_enrolment(members)
    return cbor.encode(members)


def decode_enrolment(data: bytes) -> EnrolmentRequest:
    """Return the enrolment request in a plaintext.

    Raises:
        Malformed: no deterministic CBOR, or not what section 10 says.
    """
    return _read_enrolment(cbor.decode(data))


# --- reading: one line a member, in the order of the page --------------------------------------

N = TypeVar("N")

_hash, _id, _turn = octets(HASH_BYTES), octets(ID_BYTES), octets(TURN_BYTES)
_opaque = octets()
_gone = row(Gone, uint, _hash, text, text, text)
_blob = row(BlobState, _hash, uint, uint)
_problem = row(Problem, uint, text, text)
_fetch = row(Fetch, _hash, _id, uint)
_heads = many(read_head, least=1)
_codecs = many(uint, least=1)


def read_events(value: object, path: str) -> EventsBlock:
    """Read `events`: its shape and size; what it holds is for `wire.block.unpack`."""
    m = Members(value, path)
    return EventsBlock(
        first=m.take("first", uint),
        prev=m.take("prev", _hash),
        codec=m.take("codec", uint),
        data=m.take("data", _packed),
        gone=m.maybe("gone", many(_gone), ()),
        extra=m.rest(),
    )


_history = row(History, _hash, _id, read_events)


def _packed(value: object, path: str) -> bytes:
    data = _opaque(value, path)
    if len(data) > EVENTS_PACKED_BYTES_MAX:
        raise Malformed("too-large", path)
    return data


def read_up(value: object) -> Up:
    """Read an `up` from its decoded members. Raises Malformed."""
    m = Members(value, "up")
    up = Up(
        v=_version(m),
        office=m.take("office", _id),
        journal=m.take("journal", _id),
        head=m.take("head", read_head),
        events=m.maybe("events", read_events, None),
        desk=m.take("desk", _id),
        cursor=m.take("cursor", read_head),
        turn=m.take("turn", _turn),
        was=m.maybe("was", _turn, None),
        box=m.maybe("box", octets(BOX_BYTES), None),
        boot=m.take("boot", octets(PART_BYTES)),
        now=m.take("now", uint),
        clock=m.take("clock", text),
        budget=m.take("budget", uint),
        codecs=m.take("codecs", _codecs),
        report=m.maybe("report", _opaque, None),
        days=m.maybe("days", _opaque, None),
        session=m.maybe("session", octets(SESSION_BYTES), None),
        prove=m.maybe("prove", flag, absent=False),
        statement=m.maybe("statement", _opaque, None),
        fetch=m.maybe("fetch", _fetch, None),
        returned=m.maybe("returned", read_events, None),
        proof=m.maybe("proof", _opaque, None),
        blobs=m.maybe("blobs", many(_blob), ()),
        extra=m.rest(),
    )
    if sum(len(b.data) for b in (up.events, up.returned) if b) > EVENTS_PACKED_BYTES_MAX:
        raise Malformed("too-large", "up.events and up.returned together")
    return up


def read_down(value: object) -> Down:
    """Read a `down` from its decoded members. Raises Malformed."""
    m = Members(value, "down")
    return Down(
        v=_version(m),
        re=m.take("re", _hash),
        office=m.take("office", _id),
        journal=m.take("journal", _id),
        receipt=m.take("receipt", read_head),
        verdict=m.take("verdict", one_of(*VERDICTS)),
        have=m.maybe("have", uint, None),
        ladder=m.maybe("ladder", _heads, ()),
        turn=m.take("turn", _turn),
        stale=m.maybe("stale", flag, absent=False),
        session=m.maybe("session", one_of("ok"), None),
        statement=m.maybe("statement", _opaque, None),
        grant=m.maybe("grant", octets(most=GRANT_BYTES_MAX), None),
        events=m.maybe("events", read_events, None),
        desk=m.take("desk", _id),
        desk_head=m.take("desk_head", read_head),
        desk_lost=m.maybe("desk_lost", _heads, ()),
        device=m.maybe("device", _opaque, None),
        pending=m.maybe("pending", flag, absent=False),
        history=m.maybe("history", _history, None),
        now=m.take("now", uint),
        codecs=m.take("codecs", _codecs),
        want_days=m.maybe("want_days", flag, absent=False),
        wanted=m.maybe("wanted", many(_hash), ()),
        problems=m.maybe("problems", many(_problem), ()),
        next_after=m.take("next_after", uint_to(NEXT_AFTER_S_MAX)),
        extra=m.rest(),
    )


def _read_enrolment(value: object) -> EnrolmentRequest:
    m = Members(value, "enrolment")
    return EnrolmentRequest(
        v=_version(m),
        ticket=m.take("ticket", octets(TICKET_ID_BYTES)),
        device=m.take("device", octets(PUBLIC_KEY_BYTES)),
        sealing=m.take("sealing", octets(SEALING_KEY_BYTES)),
        box=m.take("box", octets(BOX_BYTES)),
        journal=m.take("journal", _id),
        name=m.take("name", text),
        secret=m.take("secret", octets(SECRET_BYTES)),
        extra=m.rest(),
    )


def _version(members: Members) -> int:
    version = members.take("v", uint)
    if version != VERSION:
        raise Malformed("version-unknown", f"v is {version}")
    return version


# --- writing: a member is left out when its field says nothing ---------------------------------


def _members(value: Struct) -> dict[Key, Any]:
    """Return the members of a plaintext map or of `events`, its unknown ones among them."""
    known: dict[Key, Any] = {
        name: _members(field) if isinstance(field, EventsBlock) else field
        for name, field in msgspec.structs.asdict(value).items()
        if name != "extra" and not _says_nothing(field)
    }
    if isinstance(history := known.get("history"), History):
        known["history"] = [*history[:2], _members(history.events)]
    extra: Mapping[Key, Value] = value.extra  # type: ignore[attr-defined]
    if clash := extra.keys() & set(value.__struct_fields__):
        raise ValueError(f"extra holds known members: {clash}")
    return {**known, **extra}


def _says_nothing(field: object) -> bool:
    return field is None or field is False or field == ()
