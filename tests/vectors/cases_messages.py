"""Vectors of full messages, of what they say once they are open, and of enrolments."""

from itertools import chain as joined
from typing import Any

from tests.vectors.case import Case, kept
from tests.vectors.cases_basic import (
    DESK,
    DEVICE,
    DEVICE_SEALING,
    JOURNAL,
    NOW_MS,
    OFFICE,
    PROVINCE,
    PROVINCE_SEALING,
    RECORD,
    SAID,
    STRANGER,
    TICKET_SAYS,
)
from tests.vectors.cases_events import GONE, HEADS, START, members, raw_frame
from wire import cbor, chain, cose, message, statements
from wire.block import EventsBlock
from wire.keys import SealingKey, SealingPublicKey, SigningKey

DESK_START = chain.genesis(PROVINCE.key_id, DESK)
BLOCK = members(EventsBlock(1, START.hash, 0, raw_frame(b'{"a":1}\n{"a":2}')))
STATEMENT = {name: statements.sign(says, key) for name, (says, key) in SAID.items()}

UP: dict[str, Any] = {
    "v": 1, "office": OFFICE, "journal": JOURNAL, "head": START, "desk": DESK,
    "cursor": DESK_START, "turn": bytes(8), "boot": b"\xb0" * 8, "now": NOW_MS,
    "clock": "trusted", "budget": 100_000, "codecs": [0, 1],
}  # fmt: skip
UP_WHOLE = {
    **UP, "head": HEADS[3], "events": BLOCK, "was": b"\x77" * 8, "box": b"\xb1" * 24,
    "report": b"report", "days": cbor.encode([]), "session": b"\x5e" * 32, "prove": True,
    "statement": STATEMENT["head"], "fetch": [DEVICE.key_id, JOURNAL, 1],
    "returned": {**BLOCK, "gone": [GONE]}, "proof": STATEMENT["receipt"],
    "blobs": [[b"\xb2" * 32, 0, 812_345]],
}  # fmt: skip
DOWN: dict[str, Any] = {
    "v": 1, "re": b"\xaa" * 32, "office": OFFICE, "journal": JOURNAL, "receipt": START,
    "verdict": "ok", "turn": b"\x78" * 8, "desk": DESK, "desk_head": DESK_START, "now": NOW_MS,
    "codecs": [0, 1], "next_after": 1800,
}  # fmt: skip
DOWN_WHOLE = {
    **DOWN, "verdict": "fork", "have": 2, "ladder": [HEADS[3], HEADS[2], HEADS[1]],
    "stale": True, "session": "ok", "statement": STATEMENT["receipt"], "grant": b"\x6a" * 64,
    "events": BLOCK, "desk_lost": [DESK_START], "device": STATEMENT["device"], "pending": True,
    "history": [DEVICE.key_id, JOURNAL, BLOCK], "want_days": True, "wanted": [b"\xb2" * 32],
    "problems": [[2, "projection-failed", "số hồ sơ dùng hai lần"]], "next_after": 21_600,
}  # fmt: skip

UPS_OK = {
    "smallest": ("only what must be there", UP),
    "whole": ("every member", UP_WHOLE),
    "newer": ("a member of a later version", {**UP, "mood": {"today": [1, None]}}),
    "before-1970": ("a clock that never was set", {**UP, "now": 0, "clock": "unsynced"}),
    "empty": (
        "empty arrays that say the same as no member",
        {**UP, "events": {**BLOCK, "gone": []}, "returned": {**BLOCK, "gone": []}, "blobs": []},
    ),
    "wanted": ("no member of an up, so one that nobody knows", {**UP, "wanted": []}),
}
UPS_REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "version": ({"v": 2}, "version-unknown", "another version"),
    "office-size": ({"office": bytes(15)}, "member-size", "an office of 15 bytes"),
    "office-type": ({"office": "x" * 16}, "member-type", "an office in text"),
    "head-short": ({"head": [0]}, "member-size", "a head without its hash"),
    "head-hash": ({"head": [0, bytes(31)]}, "member-size", "a hash of 31 bytes"),
    "head-sign": ({"head": [-1, bytes(32)]}, "member-value", "a negative number"),
    "turn-size": ({"turn": bytes(9)}, "member-size", "a turn of 9 bytes"),
    "was-null": ({"was": None}, "member-type", "null in place of nothing"),
    "box-size": ({"box": bytes(8)}, "member-size", "a box of 8 bytes"),
    "codecs-none": ({"codecs": []}, "member-size", "no codec"),
    "prove-false": ({"prove": False}, "member-value", "false in place of nothing"),
    "session-size": ({"session": bytes(16)}, "member-size", "a session of 16 bytes"),
    "fetch-short": ({"fetch": [bytes(32), bytes(16)]}, "member-size", "a fetch without a number"),
    "blob-size": ({"blobs": [[bytes(31), 0, 1]]}, "member-size", "a blob id of 31 bytes"),
    "together": (
        {name: {**BLOCK, "data": bytes((1 << 19) + 1)} for name in ("events", "returned")},
        "too-large", "events and returned over 1 MiB together",
    ),
}  # fmt: skip
DOWNS_OK = {
    "smallest": ("only what must be there", DOWN),
    "whole": ("every member", DOWN_WHOLE),
    "newer": ("a member of a later version", {**DOWN, "mood": b"good"}),
    "empty": (
        "empty arrays that say the same as no member",
        {
            **DOWN,
            "events": {**BLOCK, "gone": []},
            "wanted": [],
            "problems": [],
            "history": [DEVICE.key_id, JOURNAL, {**BLOCK, "gone": []}],
        },
    ),
    "blobs": ("no member of a down, so one that nobody knows", {**DOWN, "blobs": []}),
}
DOWNS_REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "verdict": ({"verdict": "perhaps"}, "member-value", "a verdict nobody knows"),
    "ladder-none": ({"ladder": []}, "member-size", "a ladder without rungs"),
    "session": ({"session": "no"}, "member-value", "a session that is not ok"),
    "stale-false": ({"stale": False}, "member-value", "false in place of nothing"),
    "grant-none": ({"grant": b""}, "member-size", "an empty grant"),
    "grant": ({"grant": bytes(65)}, "member-size", "a grant of 65 bytes"),
    "wanted": ({"wanted": [bytes(16)]}, "member-size", "a blob id of 16 bytes"),
    "problem": ({"problems": [[1, "code"]]}, "member-size", "a problem without detail"),
    "next-after": ({"next_after": 21_601}, "member-value", "a second more than 6 h"),
}


def _without(whole: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in whole.items() if key != name}


def _plaintexts() -> list[Case]:
    cases = []
    for kind, smallest, good, bad in (
        ("up", UP, UPS_OK, UPS_REFUSED),
        ("down", DOWN, DOWNS_OK, DOWNS_REFUSED),
    ):
        cases += [Case(kind, n, about, cbor.encode(value)) for n, (about, value) in good.items()]
        cases += [
            Case(kind, f"refused-{n}", about, cbor.encode({**smallest, **change}), refused=reason)
            for n, (change, reason, about) in bad.items()
        ]
        cases += [
            Case(kind, f"refused-no-{name.replace('_', '-')}", f"no {name}",
                 cbor.encode(_without(smallest, name)), refused="member-missing")
            for name in smallest
        ]  # fmt: skip
        cases.append(
            Case(kind, "refused-array", "no map", cbor.encode([smallest]), refused="member-type")
        )
    return cases


# --- messages: drawn once, then taken apart and signed again ------------------------------------


def _seal(name: str, plain: dict[str, Any], sender: SigningKey, receiver: SealingKey,
          direction: message.Direction, **labels: bytes) -> bytes:  # fmt: skip
    return kept("message", name, lambda: message.seal_full(
        cbor.encode(plain), sender=sender, receiver=receiver.public_key, direction=direction,
        **labels,
    ))  # fmt: skip


MESSAGE = _seal("up", UP, DEVICE, PROVINCE_SEALING, "up")
INNER = cose.parse_sign1(MESSAGE).payload
SEALED = cose.parse_encrypt0(INNER)
PROT_S: dict[Any, Any] = {1: -19, 4: DEVICE.key_id, 16: message.MEDIA_TYPE}
PROT_E: dict[Any, Any] = {1: -65793, 4: PROVINCE_SEALING.kid}


def outer(protected: Any = PROT_S, unprotected: Any = None, inner: Any = INNER, *,
          signer: SigningKey = DEVICE, tag: int | None = 18) -> bytes:  # fmt: skip
    """Return a message with a good signature, whatever it holds."""
    header = cbor.encode(protected)
    signature = signer.sign(cbor.encode(["Signature1", header, b"", inner]))
    return cbor.encode([header, unprotected or {}, inner, signature], tag=tag)


def inner(protected: Any = PROT_E, unprotected: Any = None, *, tag: int | None = 16,
          ciphertext: Any = SEALED.ciphertext) -> bytes:  # fmt: skip
    """Return a message whose sealed part has another shape."""
    parts = [cbor.encode(protected), unprotected or {}, ciphertext]
    return outer(inner=cbor.encode(parts, tag=tag))


def _with_info(name: str, info: bytes) -> bytes:
    def draw() -> bytes:
        return inner(ciphertext=PROVINCE_SEALING.public_key.seal(cbor.encode(UP), info))

    return kept("message", name, draw)


def _info(*aad: Any, context: str = "Encrypt0") -> bytes:
    return cbor.encode([context, cbor.encode(PROT_E), cbor.encode(list(aad))])


def _refused_messages() -> dict[str, tuple[bytes, str, str]]:
    exchange, up = "commune/exchange/1", "up"
    kids = DEVICE.key_id, PROVINCE_SEALING.kid
    flipped = SEALED.ciphertext[:-1] + bytes([SEALED.ciphertext[-1] ^ 1])
    parts: list[Any] = [cbor.encode(PROT_S), {}, INNER, bytes(64)]
    return {
        "no-tag": (outer(tag=None), "tag", "no tag 18"),
        "other-tag": (outer(tag=98), "tag", "the tag of COSE_Sign"),
        "three-parts": (cbor.encode(parts[:3], tag=18), "shape", "no signature"),
        "five-parts": (cbor.encode([*parts, 0], tag=18), "shape", "a part too many"),
        "short-signature": (cbor.encode([*parts[:3], bytes(63)], tag=18), "shape", "63 bytes"),
        "detached": (cbor.encode([*parts[:2], None, bytes(64)], tag=18), "shape", "no payload"),
        "trailing": (MESSAGE + b"\x00", "trailing-bytes", "a byte after the message"),
        "cut": (MESSAGE[:-1], "truncated", "a message cut short"),
        "large": (MESSAGE + bytes(2 << 20), "too-large", "more than 2 MiB"),
        "signature": (
            MESSAGE[:-1] + bytes([MESSAGE[-1] ^ 1]), "signature-wrong", "one bit is flipped",
        ),
        "signer": (outer(signer=STRANGER), "signature-wrong", "signed by somebody else"),
        "algorithm": (outer({**PROT_S, 1: -8}), "algorithm", "EdDSA, not Ed25519"),
        "no-type": (outer({1: -19, 4: DEVICE.key_id}), "header-missing", "no type"),
        "type": (outer({**PROT_S, 16: "application/cose"}), "shape", "another type"),
        "short-kid": (outer({**PROT_S, 4: DEVICE.key_id[:8]}), "shape", "a sender of 8 bytes"),
        "critical": (outer({**PROT_S, 2: [1]}), "header-unknown", "a critical header"),
        "text-label": (outer({**PROT_S, "x": 1}), "header-unknown", "a label in text"),
        "unprotected": (outer(unprotected={4: b"x"}), "header-unknown", "an unprotected kid"),
        "iv": (outer(unprotected={5: bytes(12)}), "header-unknown", "an IV in a full message"),
        "both-labels": (
            outer(unprotected={-70001: b"x", -70002: bytes(8)}), "header-unknown",
            "device record and ticket id",
        ),
        "ticket-size": (outer(unprotected={-70002: bytes(9)}), "header-unknown", "9 bytes"),
        "inner-no-tag": (inner(tag=None), "tag", "no tag 16 inside"),
        "inner-tag": (inner(tag=18), "tag", "tag 18 inside"),
        "inner-header": (inner({**PROT_E, 5: b"x"}), "header-unknown", "another header inside"),
        "inner-unprotected": (inner(unprotected={5: bytes(12)}), "header-unknown", "inside"),
        "inner-algorithm": (inner({**PROT_E, 1: 3}), "algorithm", "another sealing"),
        "inner-kid": (inner({**PROT_E, 4: bytes(32)}), "shape", "a receiver of 32 bytes"),
        "inner-short": (inner(ciphertext=bytes(1135)), "shape", "no room for key and tag"),
        "receiver": (inner({**PROT_E, 4: bytes(8)}), "receiver-unknown", "another receiver"),
        "flipped": (inner(ciphertext=flipped), "cannot-open", "one bit of the ciphertext"),
        "direction": (
            _with_info("refused-direction", _info(exchange, *kids, "down")),
            "cannot-open", "sealed as down",
        ),
        "context": (
            _with_info("refused-context", _info("commune/short/1", *kids, up)),
            "cannot-open", "sealed for another use",
        ),
        "structure": (
            _with_info("refused-structure", _info(exchange, *kids, up, context="Encrypt")),
            "cannot-open", "another structure",
        ),
        "no-info": (_with_info("refused-no-info", b""), "cannot-open", "nothing bound"),
    }  # fmt: skip


def _messages() -> list[Case]:
    up = {
        "direction": "up",
        "sender": DEVICE.public.hex(),
        "receiver-seed": PROVINCE_SEALING.seed.hex(),
    }
    down = {
        "direction": "down",
        "sender": PROVINCE.public.hex(),
        "receiver-seed": DEVICE_SEALING.seed.hex(),
    }
    answer = _seal("down", DOWN_WHOLE, PROVINCE, DEVICE_SEALING, "down")
    stolen = outer({**PROT_S, 4: STRANGER.key_id}, signer=STRANGER)
    by_stranger = {**up, "sender": STRANGER.public.hex()}
    record = statements.sign(RECORD, PROVINCE)
    with_record = _seal("up-with-record", UP, DEVICE, PROVINCE_SEALING, "up", device_record=record)
    good = [
        Case("message", "up", "the smallest up", MESSAGE, up),
        Case("message", "up-whole", "an up with every member",
             _seal("up-whole", UP_WHOLE, DEVICE, PROVINCE_SEALING, "up"), up),
        Case("message", "up-with-record", "a device record outside", with_record, up),
        Case("message", "down", "a down with every member", answer, down),
    ]  # fmt: skip
    bad = [
        Case("message", f"refused-{name}", about, data, up, reason)
        for name, (data, reason, about) in _refused_messages().items()
    ]
    return [
        *good, *bad,
        Case("message", "refused-sender", "signed by another than it names", MESSAGE,
             by_stranger, "signature-wrong"),
        Case("message", "refused-kid", "names another than it is signed by",
             outer(signer=STRANGER), by_stranger, "signature-wrong"),
        Case("message", "refused-stolen", "sealed by one, signed again by another", stolen,
             by_stranger, "cannot-open"),
        Case("message", "refused-down-as-up", "a down where an up is read", answer,
             {**down, "direction": "up"}, "cannot-open"),
    ]  # fmt: skip


# --- enrolments --------------------------------------------------------------------------------

REQUEST: dict[str, Any] = {
    "v": 1, "ticket": TICKET_SAYS.ticket_id, "device": DEVICE.public,
    "sealing": DEVICE_SEALING.public, "box": b"\xb1" * 24, "journal": JOURNAL,
    "name": "máy một cửa", "secret": TICKET_SAYS.secret,
}  # fmt: skip


def _enrolments() -> list[Case]:
    header = {"receiver-seed": PROVINCE_SEALING.seed.hex()}

    def case(
        name: str,
        about: str,
        refused: str | None = None,
        *,
        sender: SigningKey = DEVICE,
        ticket: bytes | None = TICKET_SAYS.ticket_id,
        direction: message.Direction = "up",
        **changes: object,
    ) -> Case:
        def draw() -> bytes:
            return message.seal_full(
                cbor.encode({**REQUEST, **changes}),
                sender=sender,
                ticket=ticket,
                receiver=SealingPublicKey(PROVINCE_SEALING.public),
                direction=direction,
            )

        return Case("enrolment", name, about, kept("enrolment", name, draw), header, refused)

    return [
        case("good", "a new device"),
        case("newer", "a member of a later version", mood="good"),
        case("refused-no-label", "no ticket id outside", "header-missing", ticket=None),
        case("refused-label", "another ticket id outside", "differs", ticket=bytes(8)),
        case("refused-signer", "signed by another key than the one inside", "signature-wrong",
             sender=STRANGER),
        case("refused-direction", "sealed as down", "cannot-open", direction="down"),
        case("refused-sealing", "a sealing key that is none", "sealing-key",
             sealing=b"\xff" * 1216),
        case("refused-secret", "a secret of 15 bytes", "member-size", secret=bytes(15)),
        case("refused-large", "more than 16 KiB", "too-large", note="x" * 16_384),
    ]  # fmt: skip


CASES = tuple(joined(_plaintexts(), _messages(), _enrolments()))
