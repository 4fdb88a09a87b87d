"""Vectors of events, their chain, their blocks and frames, and the digests of days."""

from itertools import chain as joined
from typing import Any

import zstandard

from tests.vectors.case import Case, kept
from tests.vectors.cases_basic import DEVICE, JOURNAL
from wire import block, cbor, chain, codec
from wire.chain import Head

EVENTS = tuple(
    text.encode()
    for text in (
        (
            '{"kind":"dossier.received","at":"2026-11-21T08:31:05+07:00","actor":"lan.nt",'
            '"body":{"procedure_code":"1.001193","channel":"direct","return_channel":"postal",'
            '"applicant":{"full_name":"Nguyễn Thị Ngọc Hà","id_number":"001184000017"}},'
            '"salt":"3q2-7wAAAAA"}'
        ),
        (
            '{"kind":"visit.checked_in","at":"2026-11-21T08:32:00+07:00","actor":"device:door",'
            '"body":{"method":"id_card_qr","temperature_c":36.6}}'
        ),
        (
            '{"kind":"dossier.forwarded","subject":1,"at":"2026-11-22T09:00:00+07:00",'
            '"actor":"lan.nt","clock":"unsynced","boot":"00112233aabbccdd","mono":52100,"body":{}}'
        ),
    )
)
START = chain.genesis(DEVICE.key_id, JOURNAL)
NAMES = {"device-id": DEVICE.key_id.hex(), "journal-id": JOURNAL.hex()}

EVENTS_OK = {
    "plain": ("an ordinary event", EVENTS[0]),
    "decimal": ("15 significant digits", b'{"a":123456.789012345}'),
    "largest": ("the largest and smallest integers", b'{"a":[9007199254740991,-9007199254740991]}'),
    "escapes": (
        "escaped text, a pair of surrogates among it",
        rb'{"a":"\n\"\\\u20ac\ud83d\ude00"}',
    ),
    "depth-16": ("sixteen levels", b'{"a":' + b"[" * 15 + b"]" * 15 + b"}"),
    "not-nfc": ("a reader keeps text that is not NFC as it is", '{"a":"Hoa\u0300"}'.encode()),
    "64-kib": ("exactly 65,536 bytes", b'{"a":"' + b"x" * 65_528 + b'"}'),
}
EVENTS_REFUSED = {
    "too-large": (b'{"a":"' + b"x" * 65_529 + b'"}', "too-large", "65,537 bytes"),
    "bom": (b"\xef\xbb\xbf{}", "byte-order-mark", "a byte order mark"),
    "not-utf8": (b'{"a":"\xc3\x28"}', "not-utf8", "no UTF-8"),
    "not-json": (b'{"a":1', "not-json", "an object cut short"),
    "two-values": (b"{}{}", "not-json", "two objects"),
    "array": (b"[]", "not-an-object", "an array"),
    "space": (b'{"a": 1}', "white-space", "white space between tokens"),
    "line-end": (b"{}\n", "white-space", "a line end after the object"),
    "control": (b'{"a":"\x1f"}', "not-json", "a byte below 0x20 in text"),
    "duplicate": (b'{"a":1,"a":2}', "duplicate-member", "a member twice"),
    "duplicate-escaped": (rb'{"a":1,"\u0061":2}', "duplicate-member", "a member twice, escaped"),
    "duplicate-deep": (b'{"a":[{"b":1,"b":1}]}', "duplicate-member", "a member twice, deep"),
    "null-character": (rb'{"a":"\u0000"}', "null-character", "U+0000"),
    "surrogate": (rb'{"a":"\ud800"}', "not-json", "a lone surrogate"),
    "integer": (b'{"a":9007199254740992}', "number", "2^53"),
    "exponent": (b'{"a":1e3}', "number", "an exponent"),
    "digits": (b'{"a":0.1234567890123456}', "number", "16 significant digits"),
    "infinite": (b'{"a":NaN}', "not-json", "no number"),
    "depth-17": (b'{"a":' + b"[" * 16 + b"]" * 16 + b"}", "depth", "seventeen levels"),
}


def _events() -> list[Case]:
    good = [Case("event", name, about, data) for name, (about, data) in EVENTS_OK.items()]
    bad = [
        Case("event", f"refused-{name}", about, data, refused=reason)
        for name, (data, reason, about) in EVENTS_REFUSED.items()
    ]
    return good + bad


def _chains() -> list[Case]:
    poison = b"not even JSON \xff"
    return [
        Case("chain", "empty", "hash(0), and the id it would give", b"", NAMES),
        Case("chain", "one", "one event", EVENTS[0], NAMES),
        Case("chain", "three", "three events", b"\n".join(EVENTS), NAMES),
        Case("chain", "poison", "poison is chained like anything else", poison, NAMES),
    ]


# --- frames ------------------------------------------------------------------------------------

LIMIT = {"limit": "4194304"}


def compressor(**changes: Any) -> zstandard.ZstdCompressor:
    """Return a compressor as the protocol wants it, but for some changes."""
    wanted: dict[str, Any] = {
        "write_content_size": True,
        "write_checksum": False,
        "write_dict_id": False,
    }
    return zstandard.ZstdCompressor(**{**wanted, **changes})


def _wide_window() -> bytes:
    parameters = zstandard.ZstdCompressionParameters(
        window_log=23, write_content_size=True, write_checksum=False, write_dict_id=False
    )
    wide = zstandard.ZstdCompressor(compression_params=parameters).compressobj(size=9 << 20)
    return wide.compress(bytes(9 << 20)) + wide.flush()


def _without_size() -> bytes:
    stream = compressor(write_content_size=False).compressobj()
    return stream.compress(b"hello") + stream.flush()


def _frames() -> list[Case]:
    plain = kept("frame", "plain", lambda: codec.compress(EVENTS[0], 0, 19))
    dictionary = zstandard.ZstdCompressionDict(codec.D1)
    drawn = {
        "no-size": (_without_size, "frame-size", "a frame that states no size"),
        "checksum": (
            lambda: compressor(write_checksum=True).compress(b"hello"),
            "frame-checksum", "a checksum",
        ),
        "dictionary-id": (
            lambda: compressor(dict_data=dictionary, write_dict_id=True).compress(EVENTS[0]),
            "frame-dictionary-id", "the id of the dictionary",
        ),
        "window": (_wide_window, "frame-window", "a window of 8 MiB"),
    }  # fmt: skip
    zero, one = {"codec": "0", **LIMIT}, {"codec": "1", **LIMIT}
    roomy = {"codec": "0", "limit": str(16 << 20)}
    changed = bytearray(plain)
    changed[5] ^= 1
    cases = [
        Case("frame", "plain", "one event without a dictionary", plain, zero),
        Case("frame", "d1", "one event with D1",
             kept("frame", "d1", lambda: codec.compress(EVENTS[0], 1, 19)), one),
        Case("frame", "d1-three", "three events with D1",
             kept("frame", "d1-three", lambda: codec.compress(b"\n".join(EVENTS), 1, 3)), one),
        Case("frame", "nothing", "no content at all", bytes.fromhex("28b52ffd2000010000"), zero),
        Case("frame", "refused-over-limit", "more than the reader allows", plain,
             {"codec": "0", "limit": "100"}, "too-large"),
        Case("frame", "refused-trailing", "a byte after the frame", plain + b"\x00", zero,
             "trailing-bytes"),
        Case("frame", "refused-two", "two frames", plain + plain, zero, "trailing-bytes"),
        Case("frame", "refused-cut", "a frame cut short", plain[:-1], zero, "frame"),
        Case("frame", "refused-other-size", "another size than stated", bytes(changed), zero,
             "frame"),
        Case("frame", "refused-no-frame", "no frame", b"hello, no frame", zero, "frame"),
        Case("frame", "refused-empty", "no bytes", b"", zero, "frame"),
        Case("frame", "refused-codec", "a codec nobody released", plain,
             {"codec": "2", **LIMIT}, "codec-unknown"),
        Case("frame", "refused-bomb", "3 MiB of zeros in a few bytes, where 1 MiB is allowed",
             kept("frame", "refused-bomb", lambda: codec.compress(bytes(3 << 20), 0, 19)),
             {"codec": "0", "limit": str(1 << 20)}, "too-large"),
    ]  # fmt: skip
    cases += [
        Case("frame", f"refused-{name}", about, kept("frame", f"refused-{name}", draw),
             roomy, reason)
        for name, (draw, reason, about) in drawn.items()
    ]  # fmt: skip
    return cases


# --- blocks ------------------------------------------------------------------------------------

GONE = block.Gone(2, chain.event_digest(EVENTS[1]), "2026-11-21", "visit.checked_in", "")
HEADS = [START]
for each in EVENTS:
    HEADS.append(chain.extend(HEADS[-1], each))


def members(packed: block.EventsBlock) -> dict[str, Any]:
    """Return a block as the map that travels."""
    known: dict[str, Any] = {
        "first": packed.first,
        "prev": packed.prev,
        "codec": packed.codec,
        "data": packed.data,
    }
    return {**known, "gone": packed.gone} if packed.gone else known


def against(head: Head) -> dict[str, str]:
    """Return the header lines that give the head the message claims."""
    return {"head-seq": str(head.seq), "head-hash": head.hash.hex()}


def _kept_block(name: str, *events: bytes, first: int = 1, gone: Any = ()) -> dict[str, Any]:
    def draw() -> bytes:
        prev = HEADS[first - 1].hash
        return cbor.encode(members(block.pack(first, prev, events, gone=gone)))

    decoded: Any = cbor.decode(kept("events", name, draw))
    return dict(decoded)


def _kept_many(count: int) -> dict[str, Any]:
    """Return a block of more events than `pack` would write."""

    def draw() -> bytes:
        plain = b"\n".join([b"x"] * count)
        frame = codec.compress(plain, 0, 19)
        return cbor.encode(members(block.EventsBlock(1, HEADS[0].hash, 0, frame)))

    decoded: Any = cbor.decode(kept("events", "refused-many", draw))
    return dict(decoded)


def raw_frame(data: bytes) -> bytes:
    """Return a frame of one raw block (RFC 8878 section 3.1.1.2): no compressor decides it."""
    assert len(data) < 256
    header = (len(data) << 3 | 1).to_bytes(3, "little")
    return b"\x28\xb5\x2f\xfd\x20" + bytes([len(data)]) + header + data


def _blocks() -> list[Case]:
    three = _kept_block("three", *EVENTS)
    third = _kept_block("third", EVENTS[2], first=3)
    redacted = _kept_block("gone", EVENTS[0], EVENTS[2], gone=[GONE])
    only_gone = {**three, "data": bytes.fromhex("28b52ffd2000010000"), "gone": [[1, *GONE[1:]]]}
    newer = {**three, "mood": "good"}

    def case(
        name: str,
        about: str,
        value: dict[str, Any],
        refused: str | None = None,
        head: Head | None = None,
    ) -> Case:
        header = against(head) if head else {}
        return Case("events", name, about, cbor.encode(value), header, refused)

    def raw(data: bytes) -> dict[str, Any]:
        return {**three, "codec": 0, "data": raw_frame(data)}

    return [
        case("three", "three events, the last one the head", three, head=HEADS[3]),
        case("third", "an event from the middle", third, head=HEADS[3]),
        case("behind", "events that end below the head", three, head=Head(9, bytes(32))),
        case("gone", "the second event redacted, the same hashes", redacted, head=HEADS[3]),
        case("only-gone", "nothing but a redacted event", only_gone),
        case("raw", "a frame with one raw block", raw(b'{"a":1}\n{"a":2}')),
        case("newer", "a member of a later version", newer),
        case("refused-above", "an event above the head", three, "above-head", HEADS[2]),
        case("refused-other-hash", "the last event is the head with another hash", three,
             "head-hash", Head(3, bytes(32))),
        case("refused-other-prev", "chained from another place", {**three, "prev": bytes(32)},
             "head-hash", HEADS[3]),
        case("refused-none", "no event and nothing gone", raw(b""), "no-events"),
        case("refused-end", "0x0A after the last event", raw(b"{}\n"), "event-separator"),
        case("refused-between", "an empty event", raw(b"{}\n\n{}"), "event-separator"),
        case("refused-start", "0x0A before the first event", raw(b"\n{}"), "event-separator"),
        case("refused-empty-data", "no frame at all", {**only_gone, "data": b""}, "frame"),
        case("refused-zero", "numbers begin at 1", {**three, "first": 0}, "seq"),
        case("refused-last", "beyond the last number", {**three, "first": 2**53 - 2}, "seq"),
        case("refused-gone-order", "gone out of order",
             {**three, "gone": [[4, *GONE[1:]], [2, *GONE[1:]]]}, "gone-place"),
        case("refused-gone-twice", "gone twice",
             {**three, "gone": [[2, *GONE[1:]], [2, *GONE[1:]]]}, "gone-place"),
        case("refused-gone-out", "gone outside of the block",
             {**three, "gone": [[5, *GONE[1:]]]}, "gone-place"),
        case("refused-gone-shape", "gone with four elements",
             {**three, "gone": [[2, *GONE[1:4]]]}, "member-size"),
        case("refused-gone-digest", "a digest of 31 bytes",
             {**three, "gone": [[2, bytes(31), *GONE[2:]]]}, "member-size"),
        case("refused-codec", "a codec nobody released", {**three, "codec": 9}, "codec-unknown"),
        case("refused-prev-size", "a prev of 16 bytes", {**three, "prev": bytes(16)},
             "member-size"),
        case("refused-no-first", "no first",
             {k: v for k, v in three.items() if k != "first"}, "member-missing"),
        case("refused-many", "65,537 events of one byte", _kept_many(65_537), "too-large"),
        case("refused-packed", "more than 1 MiB after compression",
             {**three, "data": bytes((1 << 20) + 1)}, "too-large"),
    ]  # fmt: skip


# --- days --------------------------------------------------------------------------------------


def _days() -> list[Case]:
    rows = [
        ["2026-11-21", "dossier.received", "direct", 12, b"\xd1" * 8],
        ["2026-11-21", "dossier.received", "online", 1, b"\xd2" * 8],
        ["2026-11-22", "visit.checked_in", "", 40, b"\xd3" * 8],
    ]

    def case(name: str, about: str, value: object, refused: str | None = None) -> Case:
        return Case("days", name, about, cbor.encode(value), refused=refused)

    odd = b"\n".join((*EVENTS, b"not JSON", b'{"kind":7,"at":"2026-11-22T10:00:00+07:00"}'))
    poison = b'{"kind":"a.b", "at":"2026-11-22T10:00:00+07:00","actor":"x","body":{}}'
    long = b"\n".join(
        b'{"kind":"%b","at":"2026-11-22","body":{"channel":"%b"}}'
        % (("ế" * kind).encode(), b"c" * channel)
        for kind, channel in ((79, 80), (80, 81), (81, 5_000), (5_000, 80))
    )
    return [
        case("three", "three rows", rows),
        case("none", "no row", []),
        case("refused-order", "not sorted", [rows[2], rows[0]], "order"),
        case("refused-twice", "a row twice", [rows[0], rows[0]], "order"),
        case("refused-zero", "a row that counts nothing", [[*rows[0][:3], 0, bytes(8)]], "shape"),
        case("refused-digest", "a digest of 32 bytes", [[*rows[0][:4], bytes(32)]], "shape"),
        case("refused-short", "a row of four", [rows[0][:4]], "shape"),
        case("refused-map", "no array", {"day": rows[0]}, "shape"),
        Case("tally", "three", "the days of three events", b"\n".join(EVENTS), NAMES),
        Case("tally", "odd", "poison counts under what can be read of it", odd, NAMES),
        Case("tally", "poison", "poison counts under three empty texts", poison, NAMES),
        Case("tally", "long", "words of 80 characters, and longer ones alike there", long, NAMES),
    ]


CASES = tuple(joined(_events(), _chains(), _frames(), _blocks(), _days()))
