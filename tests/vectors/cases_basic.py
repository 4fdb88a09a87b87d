"""Vectors of CBOR, keys, statements, tickets, turns and boxes."""

from itertools import chain as joined

from msgspec.structs import replace

from tests.vectors.case import Case
from wire import base45, cbor, statements
from wire.keys import SealingKey, SigningKey
from wire.statements import (
    DeviceRecord,
    HeadStatement,
    Province,
    Receipt,
    ReportStatement,
    Revoked,
    Statement,
    Ticket,
)

DEVICE, PROVINCE, ROOT, STRANGER = (SigningKey(bytes([n]) * 32) for n in (1, 2, 3, 4))
DEVICE_SEALING, PROVINCE_SEALING = (SealingKey(bytes([n]) * 32) for n in (5, 6))
XWING_SEED = "7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26"
OFFICE, JOURNAL, DESK = (bytes([n]) * 16 for n in (0x0F, 0x1F, 0xDE))
NOW_MS = 1_795_250_000_000

CBOR_OK = {
    "integers": ("shortest forms up to 2^53-1 and down to -(2^53-1)", [
        0, 23, 24, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**53 - 1, -1, -24, -25, -65_793,
        -(2**53 - 1),
    ]),
    "strings": ("byte and text strings, Vietnamese included", [b"", b"\x00" * 24, "", "hồ sơ"]),
    "simple": ("false, true and null", [False, True, None]),
    "key-order": ("keys ascend by their encoded bytes, not by length", {
        10: 0, 1000: 0, -1: 0, b"": 0, "": 0, ":": 0, "aa": 0, "b": 0,
    }),
    "nested-eight": ("eight arrays may enclose an item", [[[[[[[[0]]]]]]]]),
}  # fmt: skip
CBOR_REFUSED = {
    "empty": ("", "truncated", "nothing at all"),
    "cut-in-length": ("1900", "truncated", "a length without all its bytes"),
    "cut-in-bytes": ("430102", "truncated", "a byte string cut short"),
    "cut-in-array": ("8201", "truncated", "an array cut short"),
    "cut-in-map": ("a101", "truncated", "a map without its last value"),
    "huge-length": ("5b001fffffffffffff", "truncated", "a length beyond all memory"),
    "huge-array": ("9b001fffffffffffff", "truncated", "a count beyond all memory"),
    "trailing": ("0000", "trailing-bytes", "a byte after the value"),
    "long-integer": ("1817", "not-shortest", "23 in two bytes"),
    "long-length": ("580100", "not-shortest", "the length 1 in two bytes"),
    "long-count": ("b800", "not-shortest", "the count 0 in two bytes"),
    "long-nine": ("1b00000000ffffffff", "not-shortest", "four bytes of integer in eight"),
    "two-to-the-53": ("1b0020000000000000", "integer-too-large", "2^53"),
    "minus-two-to-the-53": ("3b001fffffffffffff", "integer-too-large", "-2^53"),
    "bytes-in-pieces": ("5f4100ff", "indefinite-length", "a byte string of indefinite length"),
    "text-in-pieces": ("7f6161ff", "indefinite-length", "a text string of indefinite length"),
    "open-array": ("9f00ff", "indefinite-length", "an array of indefinite length"),
    "open-map": ("bf0000ff", "indefinite-length", "a map of indefinite length"),
    "stop": ("ff", "indefinite-length", "a stop code alone"),
    "reserved": ("1c", "reserved-length", "a reserved length"),
    "half": ("f93c00", "float", "1.0 as a half"),
    "single": ("fa3f800000", "float", "1.0 as a single"),
    "double": ("fb3ff0000000000000", "float", "1.0 as a double"),
    "undefined": ("f7", "simple-value", "undefined"),
    "simple": ("e0", "simple-value", "an unassigned simple value"),
    "long-true": ("f815", "simple-value", "true in two bytes"),
    "not-utf8": ("62c328", "not-utf8", "text that is no UTF-8"),
    "surrogate": ("63eda080", "not-utf8", "text with a surrogate"),
    "array-key": ("a18000", "key-type", "an array as a map key"),
    "true-key": ("a1f500", "key-type", "true as a map key"),
    "duplicate": ("a2616100616101", "duplicate-key", "a key twice"),
    "unsorted": ("a2616200616100", "key-order", "keys out of order"),
    "sorted-by-length": ("a2613a001903e800", "key-order", "keys in the order of RFC 7049"),
    "nested-nine": ("818181818181818180", "too-deep", "nine arrays"),
    "date": ("c100", "tag", "a date"),
    "bignum": ("c24100", "tag", "a bignum"),
    "self-described": ("d9d9f700", "tag", "the tag that says 'this is CBOR'"),
    "signed": ("d280", "tag", "a tag of COSE where none is named"),
}


def _cbor() -> list[Case]:
    good = [Case("cbor", n, about, cbor.encode(value)) for n, (about, value) in CBOR_OK.items()]
    bad = [
        Case("cbor", f"refused-{name}", about, bytes.fromhex(data), refused=reason)
        for name, (data, reason, about) in CBOR_REFUSED.items()
    ]
    return good + bad


def _keys() -> list[Case]:
    return [
        Case("sealing-key", "x-wing", "the X-Wing vector", bytes.fromhex(XWING_SEED)),
        Case("sealing-key", "zeros", "a seed of zeros", bytes(32)),
        Case("device-id", "zeros", "the key of a seed of zeros", SigningKey(bytes(32)).public),
        Case("device-id", "ones", "the device of these vectors", DEVICE.public),
    ]


RECORD = DeviceRecord(
    DEVICE.key_id, DEVICE.public, DEVICE_SEALING.public, OFFICE, "office", (STRANGER.key_id,),
    PROVINCE.public, DESK, 1, NOW_MS,
)  # fmt: skip
URLS = ("https://motcua.hanoi.example", "http://10.0.0.7:8700")
PROVINCE_SAYS = Province(
    1, "Thành phố Hà Nội", URLS, PROVINCE.public, PROVINCE_SEALING.public, 0, ROOT.public
)
TICKET_SAYS = Ticket(
    b"\x71" * 8, URLS, ROOT.key_id, OFFICE, "H26.107", "Xã Ứng Hòa", b"\x5e" * 16, NOW_MS + 1
)
REVOKED_SAYS = Revoked(DEVICE.key_id, 2, NOW_MS)
SAID: dict[str, tuple[Statement, SigningKey]] = {
    "receipt": (
        Receipt(DEVICE.key_id, JOURNAL, 1200, b"\xa1" * 32, DESK, 7, b"\xa2" * 32, NOW_MS),
        PROVINCE,
    ),
    "head": (HeadStatement(JOURNAL, 1234, b"\xa3" * 32), DEVICE),
    "device": (RECORD, PROVINCE),
    "ticket": (TICKET_SAYS, PROVINCE),
    "province": (PROVINCE_SAYS, ROOT),
    "revoked": (REVOKED_SAYS, PROVINCE),
    "report": (ReportStatement(b"\xa4" * 32, NOW_MS), PROVINCE),
}


def signed(
    payload: object, *, protected: object = None, unprotected: object = None, tag: int = 18
) -> bytes:
    """Return a statement by the province with a good signature, whatever it says."""
    header = cbor.encode(protected or {1: -19, 4: PROVINCE.key_id[:8]})
    body = cbor.encode(payload)
    signature = PROVINCE.sign(cbor.encode(["Signature1", header, b"", body]))
    return cbor.encode([header, unprotected or {}, body, signature], tag=tag)


def _refused_statements() -> dict[str, tuple[bytes, str, str]]:
    says: list[object] = ["commune/revoked/1", DEVICE.key_id, 2, NOW_MS]
    good = statements.sign(REVOKED_SAYS, PROVINCE)
    kid = PROVINCE.key_id[:8]
    return {
        "signature": (good[:-1] + bytes([good[-1] ^ 1]), "signature-wrong", "one bit is flipped"),
        "payload": (good.replace(DEVICE.key_id, bytes(32)), "signature-wrong", "another device"),
        "other-key": (
            statements.sign(REVOKED_SAYS, STRANGER), "signature-wrong", "signed by another key",
        ),
        "kid": (
            signed(says, protected={1: -19, 4: bytes(8)}),
            "signature-wrong",
            "the kid of another key",
        ),
        "name": (signed(["commune/receipt/1", *says[1:]]), "statement-name", "another name"),
        "next-version": (signed(["commune/revoked/2", *says[1:]]), "statement-name", "version 2"),
        "no-name": (signed(says[1:]), "statement-name", "no name"),
        "short": (signed(says[:-1]), "member-size", "an element too few"),
        "long": (signed([*says, 0]), "member-size", "an element too many"),
        "id-size": (signed([says[0], bytes(31), 2, NOW_MS]), "member-size", "an id of 31 bytes"),
        "time-type": (signed([*says[:3], "now"]), "member-type", "a time in words"),
        "time-sign": (signed([*says[:3], -1]), "member-value", "a time before 1970"),
        "header-more": (
            signed(says, protected={1: -19, 4: kid, 16: "x"}), "header-unknown", "another header",
        ),
        "header-less": (signed(says, protected={1: -19}), "header-missing", "no kid"),
        "unprotected": (signed(says, unprotected={4: kid}), "header-unknown", "not protected"),
        "algorithm": (signed(says, protected={1: -8, 4: kid}), "algorithm", "EdDSA, not Ed25519"),
        "kid-size": (
            signed(says, protected={1: -19, 4: PROVINCE.key_id}), "shape", "a kid of 32 bytes",
        ),
        "tag": (signed(says, tag=16), "tag", "the tag of COSE_Encrypt0"),
        "trailing": (good + b"\x00", "trailing-bytes", "a byte after the statement"),
    }  # fmt: skip


def _statements() -> list[Case]:
    good = [
        Case(
            "statement", name, f"a {name} statement", statements.sign(says, key),
            {"name": says.NAME, "key": key.public.hex()},
        )
        for name, (says, key) in SAID.items()
    ]  # fmt: skip
    header = {"name": Revoked.NAME, "key": PROVINCE.public.hex()}
    bad = [
        Case("statement", f"refused-{name}", about, data, header, reason)
        for name, (data, reason, about) in _refused_statements().items()
    ]
    wrong_id = ["commune/device/1", bytes(32), *cbor_of(RECORD)[2:]]
    header = {"name": DeviceRecord.NAME, "key": PROVINCE.public.hex()}
    about = "a device_id that is not the SHA-256 of its key"
    return [
        *good, *bad,
        Case("statement", "refused-device-id", about, signed(wrong_id), header, "device-id"),
    ]  # fmt: skip


def cbor_of(says: Statement) -> list[object]:
    """Return the payload of a statement as an array."""
    return [says.NAME, *(getattr(says, name) for name in says.__struct_fields__)]


def _tickets() -> list[Case]:
    ticket = statements.sign(TICKET_SAYS, PROVINCE)
    province = statements.sign(PROVINCE_SAYS, ROOT)
    forged_root = replace(PROVINCE_SAYS, root_key=STRANGER.public)
    other_root = replace(TICKET_SAYS, root_hash=bytes(32))
    header = {"province": province.hex(), "now": str(NOW_MS)}
    text = base45.encode(ticket)

    def case(name: str, about: str, text: str, refused: str | None = None, **changes: str) -> Case:
        return Case("ticket", name, about, text.encode(), {**header, **changes}, refused)

    return [
        case("good", "root fingerprint, province, ticket: all good", text),
        case("clock-behind", "a clock that is behind refuses nothing", text, now="0"),
        case("refused-expired", "the moment it expires", text, "ticket-expired",
             now=str(NOW_MS + 1)),
        case("refused-lower-case", "lower case is no base45", text.lower(), "base45"),
        case("refused-length", "a character more than bytes give", text + "0", "base45"),
        case("refused-value", "three characters beyond 65535", "GGW" + text[3:], "base45"),
        case("refused-signer", "signed by a stranger",
             base45.encode(statements.sign(TICKET_SAYS, STRANGER)), "ticket-forged"),
        case("refused-root", "names another root",
             base45.encode(statements.sign(other_root, PROVINCE)), "ticket-forged"),
        case("refused-province-signer", "the province signed by a stranger", text,
             "ticket-forged", province=statements.sign(PROVINCE_SAYS, STRANGER).hex()),
        case("refused-province-root", "a province that brings its own root", text,
             "ticket-forged", province=statements.sign(forged_root, STRANGER).hex()),
        case("refused-name", "a province statement in place of the ticket",
             base45.encode(province), "statement-name"),
    ]  # fmt: skip


def _marks() -> list[Case]:
    key = {"key": (b"\x7e" * 32).hex()}
    zero, shown = {"shown": bytes(8).hex()}, {"shown": (b"\x70" * 8).hex()}
    parts = {
        "machine": "0f2a4c6e8b1d3f507192a4b6c8d0e2f4",
        "disk": "S4EWNX0R",
        "net": "52:54:00:12:34:56",
    }
    return [
        Case("turn", "first", "the turn before any was shown", b"a request", {**key, **zero}),
        Case("turn", "later", "the turn after one was shown", b"a request", {**key, **shown}),
        Case("box", "whole", "machine, disk and network card", DEVICE.key_id, parts),
        Case("box", "no-net", "no network card", DEVICE.key_id, {**parts, "net": ""}),
    ]


CASES = tuple(joined(_cbor(), _keys(), _statements(), _tickets(), _marks()))
