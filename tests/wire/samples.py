"""Keys, messages and strategies that the tests of the wire share. Everything is made up."""

from hypothesis import strategies as st

from wire.block import EventsBlock, Gone
from wire.chain import Head, genesis
from wire.keys import SealingKey, SigningKey
from wire.plaintext import VERDICTS, BlobState, Down, EnrolmentRequest, Fetch, History, Problem, Up

DEVICE = SigningKey(bytes(range(32)))
DEVICE_SEALING = SealingKey(bytes(range(32, 64)))
PROVINCE = SigningKey(bytes(range(64, 96)))
PROVINCE_SEALING = SealingKey(bytes(range(96, 128)))
ROOT = SigningKey(bytes(range(128, 160)))
STRANGER = SigningKey(bytes(range(160, 192)))

OFFICE, JOURNAL, DESK = b"\x0f" * 16, b"\x1f" * 16, b"\xde" * 16
NOW_MS = 1_795_250_000_000


def an_up(**changes: object) -> Up:
    """Return the smallest `up`, with some members changed."""
    members: dict[str, object] = {
        "office": OFFICE,
        "journal": JOURNAL,
        "head": genesis(DEVICE.key_id, JOURNAL),
        "desk": DESK,
        "cursor": genesis(PROVINCE.key_id, DESK),
        "turn": bytes(8),
        "boot": b"\xb0" * 8,
        "now": NOW_MS,
        "clock": "trusted",
        "budget": 100_000,
        "codecs": (0, 1),
    }
    return Up(**{**members, **changes})  # type: ignore[arg-type]


def a_down(**changes: object) -> Down:
    """Return the smallest `down`, with some members changed."""
    members: dict[str, object] = {
        "re": b"\xaa" * 32,
        "office": OFFICE,
        "journal": JOURNAL,
        "receipt": genesis(DEVICE.key_id, JOURNAL),
        "verdict": "ok",
        "turn": b"\x77" * 8,
        "desk": DESK,
        "desk_head": genesis(PROVINCE.key_id, DESK),
        "now": NOW_MS,
        "codecs": (0, 1),
        "next_after": 1_800,
    }
    return Down(**{**members, **changes})  # type: ignore[arg-type]


def an_enrolment(**changes: object) -> EnrolmentRequest:
    """Return an enrolment request, with some members changed."""
    members: dict[str, object] = {
        "ticket": b"\x71" * 8,
        "device": DEVICE.public,
        "sealing": DEVICE_SEALING.public,
        "box": b"\xb0" * 24,
        "journal": JOURNAL,
        "name": "máy một cửa",
        "secret": b"\x5e" * 16,
    }
    return EnrolmentRequest(**{**members, **changes})  # type: ignore[arg-type]


uints = st.integers(0, 2**53 - 1)
ids, hashes, turns = (st.binary(min_size=n, max_size=n) for n in (16, 32, 8))
heads = st.builds(Head, uints, hashes)
keys = st.one_of(st.integers(-(2**53 - 1), 2**53 - 1), st.binary(max_size=9), st.text(max_size=9))
leaves = st.one_of(keys, st.booleans(), st.none(), st.binary(max_size=300))
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=15,
)
shallow = st.one_of(leaves, st.lists(leaves, max_size=3), st.dictionaries(keys, leaves, max_size=3))
unknown = st.dictionaries(
    st.text(max_size=8).map(lambda name: f"x-{name}") | st.integers(0, 99), shallow, max_size=3
)
gone = st.builds(
    Gone, uints, hashes, st.text(max_size=10), st.text(max_size=9), st.text(max_size=6)
)
blocks = st.builds(
    EventsBlock,
    first=uints,
    prev=hashes,
    codec=uints,
    data=st.binary(max_size=300),
    gone=st.lists(gone, max_size=3).map(tuple),
    extra=unknown,
)


def _tuples(of: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(of, max_size=3).map(tuple)


ups = st.builds(
    Up,
    office=ids,
    journal=ids,
    head=heads,
    events=st.none() | blocks,
    desk=ids,
    cursor=heads,
    turn=turns,
    was=st.none() | turns,
    box=st.none() | st.binary(min_size=24, max_size=24),
    boot=turns,
    now=uints,
    clock=st.text(max_size=9),
    budget=uints,
    codecs=st.lists(uints, min_size=1, max_size=3).map(tuple),
    report=st.none() | st.binary(),
    days=st.none() | st.binary(),
    session=st.none() | hashes,
    prove=st.booleans(),
    statement=st.none() | st.binary(),
    fetch=st.none() | st.builds(Fetch, hashes, ids, uints),
    returned=st.none() | blocks,
    proof=st.none() | st.binary(),
    blobs=_tuples(st.builds(BlobState, hashes, uints, uints)),
    extra=unknown,
)
downs = st.builds(
    Down,
    re=hashes,
    office=ids,
    journal=ids,
    receipt=heads,
    verdict=st.sampled_from(VERDICTS),
    have=st.none() | uints,
    ladder=_tuples(heads),
    turn=turns,
    stale=st.booleans(),
    session=st.sampled_from([None, "ok"]),
    statement=st.none() | st.binary(),
    grant=st.none() | st.binary(min_size=1, max_size=64),
    events=st.none() | blocks,
    desk=ids,
    desk_head=heads,
    desk_lost=_tuples(heads),
    device=st.none() | st.binary(),
    pending=st.booleans(),
    history=st.none() | st.builds(History, hashes, ids, blocks),
    now=uints,
    codecs=st.lists(uints, min_size=1, max_size=3).map(tuple),
    want_days=st.booleans(),
    wanted=_tuples(hashes),
    problems=_tuples(st.builds(Problem, uints, st.text(max_size=9), st.text(max_size=9))),
    next_after=st.integers(0, 21_600),
    extra=unknown,
)
enrolments = st.builds(
    EnrolmentRequest,
    ticket=turns,
    device=hashes,
    sealing=st.binary(min_size=1216, max_size=1216),
    box=st.binary(min_size=24, max_size=24),
    journal=ids,
    name=st.text(),
    secret=ids,
    extra=unknown,
)
