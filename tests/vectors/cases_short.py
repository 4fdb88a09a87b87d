"""Vectors of short messages: a session's keys, the envelope, and what an open one stands for.

The IV of a vector is fixed, so all of them are made the same every time.
"""

from hashlib import sha256
from itertools import chain as joined
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tests.vectors.case import Case
from tests.vectors.cases_basic import DESK, DEVICE, JOURNAL, OFFICE, STRANGER
from tests.vectors.cases_messages import BLOCK, DOWN, DOWN_WHOLE, MESSAGE, UP, UP_WHOLE
from wire import cbor
from wire.keys import SigningKey
from wire.short import SessionKeys
from wire.short_plaintext import DOWN_LEFT_OUT, UP_LEFT_OUT

SESSION, OTHER_SESSION = b"\x5e" * 32, bytes(range(32))
KEYS, OTHER_KEYS = SessionKeys(SESSION), SessionKeys(OTHER_SESSION)
IV, ANSWER_IV = bytes(range(0x10, 0x1C)), bytes(range(0x20, 0x2C))
STANDING = {"office": OFFICE, "journal": JOURNAL, "desk": DESK}
BOOT = {"boot": UP["boot"]}


def _shorter(members: dict[str, Any], *others: str) -> dict[str, Any]:
    left_out = {*STANDING, "v", *others}
    return {name: value for name, value in members.items() if name not in left_out}


SHORT_UP = _shorter(UP, "boot")
SHORT_UP_WHOLE = _shorter(UP_WHOLE, "boot", "session", "was", "box", "statement")
SHORT_DOWN = _shorter(DOWN, "re")
SHORT_DOWN_WHOLE = _shorter(DOWN_WHOLE, "re", "session")


def up(plaintext: bytes, keys: SessionKeys = KEYS, device: SigningKey = DEVICE) -> bytes:
    """Return the short message of a device."""
    return keys.seal_up(plaintext, device_id=device.key_id, iv=IV)


REQUEST = up(cbor.encode(SHORT_UP))
REQUEST_HASH = sha256(REQUEST).digest()


def down(plaintext: bytes, request_hash: bytes = REQUEST_HASH) -> bytes:
    """Return the short answer to a request."""
    return KEYS.seal_down(
        plaintext, device_id=DEVICE.key_id, request_hash=request_hash, iv=ANSWER_IV
    )


def _sessions() -> list[Case]:
    return [
        Case("session", "good", "kid and keys of a session", SESSION),
        Case("session", "counting", "of another one", OTHER_SESSION),
        Case("session", "refused-size", "31 bytes", bytes(31), refused="member-size"),
    ]


# --- envelopes ---------------------------------------------------------------------------------

SENT = cbor.decode(REQUEST, tag=16)
assert isinstance(SENT, list)
CIPHERTEXT: Any = SENT[2]
PROTECTED: dict[Any, Any] = {1: 3, 4: KEYS.kid}


def envelope(protected: Any = PROTECTED, unprotected: Any = None, ciphertext: Any = CIPHERTEXT,
             *, tag: int | None = 16, more: tuple[Any, ...] = ()) -> bytes:  # fmt: skip
    """Return a short message of another shape round a good ciphertext."""
    header = {5: IV} if unprotected is None else unprotected
    return cbor.encode([cbor.encode(protected), header, ciphertext, *more], tag=tag)


def _flipped(data: bytes, at: int) -> bytes:
    changed = bytearray(data)
    changed[at] ^= 1
    return bytes(changed)


def _bound(*, protected: Any = PROTECTED, structure: str = "Encrypt0",
           aad: bytes | None = None, key: str = "up") -> bytes:  # fmt: skip
    """Return an `up` sealed under the right session with one bound thing different."""
    header = cbor.encode(protected)
    external = cbor.encode(["commune/short/1", "up", DEVICE.key_id, b""]) if aad is None else aad
    bound = cbor.encode([structure, header, external])
    secret = HKDF(SHA256(), 32, None, f"commune/session/1/{key}".encode()).derive(SESSION)
    sealed = AESGCM(secret).encrypt(IV, cbor.encode(SHORT_UP), bound)
    return envelope(protected, ciphertext=sealed)


def _refused_envelopes() -> dict[str, tuple[bytes, str, str]]:
    kid = KEYS.kid
    external = ["commune/short/1", "up", DEVICE.key_id, b""]
    parts = [cbor.encode(PROTECTED), {5: IV}, CIPHERTEXT]
    return {
        "no-tag": (envelope(tag=None), "tag", "no tag 16"),
        "other-tag": (envelope(tag=18), "tag", "the tag of a full message"),
        "long-tag": (b"\xd8\x10" + REQUEST[1:], "not-shortest", "tag 16 in two bytes"),
        "full": (MESSAGE, "tag", "a full message"),
        "two-parts": (cbor.encode(parts[:2], tag=16), "shape", "no ciphertext"),
        "four-parts": (envelope(more=(b"",)), "shape", "a part too many"),
        "detached": (envelope(ciphertext=None, unprotected={5: IV}), "shape", "null inside"),
        "short-ciphertext": (envelope(ciphertext=bytes(15)), "shape", "no room for a tag"),
        "protected-map": (
            cbor.encode([PROTECTED, *parts[1:]], tag=16), "shape", "protected is no byte string",
        ),
        "protected-order": (
            cbor.encode([b"\xa2\x04\x48" + kid + b"\x01\x03", *parts[1:]], tag=16),
            "key-order", "kid before algorithm",
        ),
        "algorithm": (envelope({1: 1, 4: kid}), "algorithm", "AES-GCM with 128 bits"),
        "no-algorithm": (envelope({4: kid}), "header-missing", "no algorithm"),
        "no-kid": (envelope({1: 3}), "header-missing", "no kid"),
        "kid-7": (envelope({1: 3, 4: kid[:7]}), "shape", "a kid of 7 bytes"),
        "kid-9": (envelope({1: 3, 4: kid + b"\x00"}), "shape", "a kid of 9 bytes"),
        "kid-text": (envelope({1: 3, 4: "kidkidki"}), "shape", "a kid in text"),
        "iv-protected": (
            envelope({**PROTECTED, 5: IV}, {}), "header-unknown", "the IV in the protected header",
        ),
        "iv-both": (envelope({**PROTECTED, 5: IV}), "header-unknown", "the IV in both headers"),
        "type": (envelope({**PROTECTED, 16: "x"}), "header-unknown", "a type"),
        "no-iv": (envelope(unprotected={}), "header-unknown", "no IV"),
        "iv-11": (envelope(unprotected={5: IV[:11]}), "header-unknown", "an IV of 11 bytes"),
        "iv-13": (envelope(unprotected={5: IV + b"\0"}), "header-unknown", "an IV of 13 bytes"),
        "iv-text": (envelope(unprotected={5: "iv" * 6}), "header-unknown", "an IV in text"),
        "iv-label": (envelope(unprotected={"IV": IV}), "header-unknown", "a label in text"),
        "iv-partial": (envelope(unprotected={6: IV}), "header-unknown", "a partial IV"),
        "second-label": (envelope(unprotected={5: IV, 4: kid}), "header-unknown", "a kid outside"),
        "record-label": (
            envelope(unprotected={5: IV, -70001: b"x"}), "header-unknown", "a device record",
        ),
        "unprotected-array": (envelope(unprotected=[5, IV]), "shape", "no map"),
        "trailing": (REQUEST + b"\x00", "trailing-bytes", "a byte after the message"),
        "cut": (REQUEST[:-1], "truncated", "a message cut short"),
        "empty": (b"", "truncated", "nothing at all"),
        "large": (_zeros(2 << 20), "too-large", "more than 2 MiB"),
        "ciphertext": (
            envelope(ciphertext=_flipped(CIPHERTEXT, 0)), "cannot-open", "one bit of the text",
        ),
        "aead-tag": (
            envelope(ciphertext=_flipped(CIPHERTEXT, -1)), "cannot-open", "one bit of the tag",
        ),
        "cut-tag": (envelope(ciphertext=CIPHERTEXT[:-1]), "cannot-open", "a tag of 15 bytes"),
        "iv": (envelope(unprotected={5: _flipped(IV, 11)}), "cannot-open", "one bit of the IV"),
        "kid": (
            envelope({1: 3, 4: _flipped(kid, 0)}), "cannot-open", "one bit of the kid",
        ),
        "kid-bound": (
            _bound(protected={1: 3, 4: OTHER_KEYS.kid}), "cannot-open",
            "sealed in this session under another's name",
        ),
        "other-session": (
            up(cbor.encode(SHORT_UP), OTHER_KEYS), "cannot-open", "another session",
        ),
        "other-keys": (
            _with_kid(up(cbor.encode(SHORT_UP), OTHER_KEYS)), "cannot-open",
            "another session under this one's name",
        ),
        "other-device": (
            up(cbor.encode(SHORT_UP), device=STRANGER), "cannot-open", "another device's",
        ),
        "key-down": (_bound(key="down"), "cannot-open", "an up under the key of downs"),
        "direction": (
            _bound(aad=cbor.encode([*external[:1], "down", *external[2:]])), "cannot-open",
            "bound as down under the key of ups",
        ),
        "context": (
            _bound(aad=cbor.encode(["commune/exchange/1", *external[1:]])), "cannot-open",
            "bound for another use",
        ),
        "no-request": (
            _bound(aad=cbor.encode(external[:3])), "cannot-open", "the empty request left out",
        ),
        "structure": (_bound(structure="Encrypt"), "cannot-open", "another structure"),
        "no-aad": (_bound(aad=b""), "cannot-open", "nothing bound"),
    }  # fmt: skip


def _zeros(size: int) -> bytes:
    """Return an `up` whose ciphertext is zeros but for its tag, so that the file stays small."""
    sent = cbor.decode(up(bytes(size)), tag=16)
    assert isinstance(sent, list)
    assert isinstance(sent[2], bytes)
    return up(sent[2][:size])


def _with_kid(message: bytes) -> bytes:
    sealed = cbor.decode(message, tag=16)
    assert isinstance(sealed, list)
    return envelope(ciphertext=sealed[2])


def _envelopes() -> list[Case]:
    about = {"session": SESSION.hex(), "device-id": DEVICE.key_id.hex(), "direction": "up"}
    answer = {**about, "direction": "down", "request": REQUEST_HASH.hex()}
    said = down(cbor.encode(SHORT_DOWN))
    changed = sha256(_flipped(REQUEST, -1)).hexdigest()
    return [
        Case("short", "up", "the smallest up", REQUEST, about),
        Case("short", "up-whole", "an up with every member of a short one",
             up(cbor.encode(SHORT_UP_WHOLE)), about),
        Case("short", "up-empty", "nothing inside: opening does not look", up(b""), about),
        Case("short", "down", "the answer to `up`", said, answer),
        Case("short", "down-whole", "an answer with every member",
             down(cbor.encode(SHORT_DOWN_WHOLE)), answer),
        *(Case("short", f"refused-{name}", words, data, about, reason)
          for name, (data, reason, words) in _refused_envelopes().items()),
        Case("short", "refused-up-as-down", "an up where a down is read", REQUEST, answer,
             "cannot-open"),
        Case("short", "refused-down-as-up", "a down where an up is read", said, about,
             "cannot-open"),
        Case("short", "refused-other-request", "the answer to another request", said,
             {**answer, "request": changed}, "cannot-open"),
        Case("short", "refused-no-request-bound", "an answer that is bound to no request",
             down(cbor.encode(SHORT_DOWN), b""), answer, "cannot-open"),
        Case("short", "refused-down-other-device", "the answer to another device", said,
             {**answer, "device-id": STRANGER.key_id.hex()}, "cannot-open"),
        Case("short", "refused-down-other-session", "the answer in another session", said,
             {**answer, "session": OTHER_SESSION.hex()}, "cannot-open"),
    ]  # fmt: skip


# --- plaintexts --------------------------------------------------------------------------------

BOTH_REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "turn-size": ({"turn": bytes(7)}, "member-size", "a turn of 7 bytes"),
    "codecs-none": ({"codecs": []}, "member-size", "no codec"),
    "events-null": ({"events": None}, "member-type", "null in place of nothing"),
}
UPS_REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    **BOTH_REFUSED,
    "head-short": ({"head": [0]}, "member-size", "a head without its hash"),
    "prove-false": ({"prove": False}, "member-value", "false in place of nothing"),
    "together": (
        {name: {**BLOCK, "data": bytes((1 << 19) + 1)} for name in ("events", "returned")},
        "too-large", "events and returned over 1 MiB together",
    ),
}  # fmt: skip
DOWNS_REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    **BOTH_REFUSED,
    "verdict": ({"verdict": "perhaps"}, "member-value", "a verdict nobody knows"),
    "stale-false": ({"stale": False}, "member-value", "false in place of nothing"),
    "next-after": ({"next_after": 21_601}, "member-value", "a second more than 6 h"),
}
UPS_OK: dict[str, tuple[str, dict[Any, Any]]] = {
    "smallest": ("only what must be there", SHORT_UP),
    "whole": ("every member of a short one", SHORT_UP_WHOLE),
    "newer": ("members of a later version", {**SHORT_UP, "mood": {"today": [1, None]}, 7: b""}),
    "re": ("no member of an up, so one that nobody knows", {**SHORT_UP, "re": bytes(32)}),
    "full-only": (
        "what a writer leaves to full ones, and a reader does not judge",
        {**SHORT_UP, "box": b"\xb1" * 24, "was": b"\x77" * 8, "statement": b"head"},
    ),
}
DOWNS_OK: dict[str, tuple[str, dict[Any, Any]]] = {
    "smallest": ("only what must be there", SHORT_DOWN),
    "whole": ("every member of a short one", SHORT_DOWN_WHOLE),
    "newer": ("members of a later version", {**SHORT_DOWN, "mood": b"good", b"\x00": True}),
    "boot": ("no member of a down, so one that nobody knows", {**SHORT_DOWN, **BOOT}),
}


def _plaintexts() -> list[Case]:
    ups = {name: value.hex() for name, value in {**STANDING, **BOOT}.items()}
    downs = {name: value.hex() for name, value in STANDING.items()} | {"re": REQUEST_HASH.hex()}
    cases: list[Case] = []
    for kind, header, good, bad, full, left_out in (
        ("short-up", ups, UPS_OK, UPS_REFUSED, {**UP_WHOLE, **UP}, UP_LEFT_OUT),
        ("short-down", downs, DOWNS_OK, DOWNS_REFUSED, {**DOWN_WHOLE, **DOWN}, DOWN_LEFT_OUT),
    ):
        smallest = good["smallest"][1]

        def case(name: str, about: str, value: Any, reason: str | None = None,
                 kind: str = kind, header: dict[str, str] = header) -> Case:  # fmt: skip
            return Case(kind, name, about, cbor.encode(value), header, reason)

        cases += [case(name, about, value) for name, (about, value) in good.items()]
        cases += [
            case(f"refused-{name}", about, {**smallest, **change}, reason)
            for name, (change, reason, about) in bad.items()
        ]
        cases += [
            case(f"refused-repeats-{name}", f"{name} as the full message had it",
                 {**smallest, name: full[name]}, "member-unexpected")
            for name in sorted(left_out)
        ]  # fmt: skip
        cases += [
            case(f"refused-no-{name.replace('_', '-')}", f"no {name}",
                 {key: value for key, value in smallest.items() if key != name}, "member-missing")
            for name in smallest
        ]  # fmt: skip
        cases += [
            case("refused-array", "no map", [smallest], "member-type"),
            case("refused-full", "a full plaintext", {**smallest, **full}, "member-unexpected"),
        ]
        trailing = cbor.encode(smallest) + b"\x00"
        cases.append(Case(kind, "refused-trailing", "a byte after it", trailing, header,
                          "trailing-bytes"))  # fmt: skip
    return cases


CASES = tuple(joined(_sessions(), _envelopes(), _plaintexts()))
