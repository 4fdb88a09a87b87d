"""Statements: signed sentences anybody can check (docs/protocol.md sections 10 and 11).

A statement is a COSE_Sign1 whose payload is a deterministic CBOR array that begins with the name
of what it says. One Ed25519 key signs many things, so every verifier says which sentence it
expects and refuses any other name: a receipt can never pass for a device record.

The fields of each class stand in the order of the array. Times are ms since the epoch.
"""

from typing import Any, ClassVar, TypeVar

import msgspec
from msgspec import Struct

from wire import cbor, cose
from wire.keys import (
    PUBLIC_KEY_BYTES,
    SEALING_KEY_BYTES,
    STATEMENT_KID_BYTES,
    SigningKey,
    VerifyKey,
    key_id,
)
from wire.limits import HASH_BYTES, ID_BYTES, TICKET_ID_BYTES
from wire.problems import Malformed, Refusal
from wire.shape import Read, many, octets, text, uint

SECRET_BYTES = 16

_HASH, _ID = octets(HASH_BYTES), octets(ID_BYTES)
_PUBLIC, _SEALING = octets(PUBLIC_KEY_BYTES), octets(SEALING_KEY_BYTES)


class Statement(Struct, frozen=True):
    """What all statements share: a name, and a reader for each field in order."""

    NAME: ClassVar[str]
    SHAPE: ClassVar[tuple[Read[Any], ...]]


class Receipt(Statement, frozen=True):
    """The province holds this office journal up to `seq` and that desk journal up to `desk_seq`.

    Signed by the province. It alone proves receipt to an outsider.
    """

    NAME = "commune/receipt/1"
    SHAPE = (_HASH, _ID, uint, _HASH, _ID, uint, _HASH, uint)

    device_id: bytes
    journal: bytes
    seq: int
    hash: bytes
    desk: bytes
    desk_seq: int
    desk_hash: bytes
    time_ms: int


class HeadStatement(Statement, frozen=True):
    """The device's journal ended here. Signed by the device: the province can prove who wrote."""

    NAME = "commune/head/1"
    SHAPE = (_ID, uint, _HASH)

    journal: bytes
    seq: int
    hash: bytes


class DeviceRecord(Statement, frozen=True):
    """What the province knows a device by. Signed by the province.

    `predecessors`: device_ids whose journals this device may fetch; `desk_writer_key`: the
    province's signing key in force when the desk journal `desk` was opened; `serial` grows with
    every new record of the same device.
    """

    NAME = "commune/device/1"
    SHAPE = (_HASH, _PUBLIC, _SEALING, _ID, text, many(_HASH), _PUBLIC, _ID, uint, uint)

    device_id: bytes
    device_key: bytes
    sealing_key: bytes
    office_id: bytes
    role: str
    predecessors: tuple[bytes, ...]
    desk_writer_key: bytes
    desk: bytes
    serial: int
    time_ms: int

    def __post_init__(self) -> None:
        if self.device_id != key_id(self.device_key):
            raise Malformed("device-id", "not the SHA-256 of the device key")


class Ticket(Statement, frozen=True):
    """A one-time invitation for one device of one office. Signed by the province.

    `root_hash` is SHA-256 of the province's root public key; `secret` admits the first to use it.
    """

    NAME = "commune/ticket/1"
    SHAPE = (
        octets(TICKET_ID_BYTES),
        many(text),
        _HASH,
        _ID,
        text,
        text,
        octets(SECRET_BYTES),
        uint,
    )

    ticket_id: bytes
    urls: tuple[str, ...]
    root_hash: bytes
    office_id: bytes
    office_code: str
    office_name: str
    secret: bytes
    expires_ms: int

    def __repr__(self) -> str:
        return f"Ticket({self.ticket_id.hex()}, {self.office_code})"


class Province(Statement, frozen=True):
    """The province's keys and addresses. Signed by its offline root key.

    A higher `n` under the same root replaces a lower one. The root key itself stands in it, so
    that whoever knows only its SHA-256, from a ticket, can check the signature.
    """

    NAME = "commune/province/1"
    SHAPE = (uint, text, many(text), _PUBLIC, _SEALING, uint, _PUBLIC)

    n: int
    name: str
    urls: tuple[str, ...]
    signing_key: bytes
    sealing_key: bytes
    valid_from_ms: int
    root_key: bytes


class Revoked(Statement, frozen=True):
    """A device's key counts no longer. Signed by the province."""

    NAME = "commune/revoked/1"
    SHAPE = (_HASH, uint, uint)

    device_id: bytes
    serial: int
    time_ms: int


class ReportStatement(Statement, frozen=True):
    """A sync report, named by SHA-256 of its JSON, is the province's own. Signed by it."""

    NAME = "commune/report/1"
    SHAPE = (_HASH, uint)

    sha256: bytes
    time_ms: int


S = TypeVar("S", bound=Statement)


def sign(statement: Statement, key: SigningKey) -> bytes:
    """Return the signed statement.

    Raises:
        Malformed: a field has the wrong type or size; what nobody could read is never signed.
    """
    values = msgspec.structs.astuple(statement)
    _read(type(statement), values)
    header = cose.protected_header(cose.ED25519, key.key_id[:STATEMENT_KID_BYTES])
    return cose.sign1(header, cbor.encode([statement.NAME, *values]), key, {})


def verify(data: bytes, kind: type[S], key: VerifyKey) -> S:
    """Return the statement of the kind expected, signed by `key`.

    Raises:
        Refusal: signature-wrong, also when it names another key.
        Malformed: statement-name if it says something else, or any reason of CBOR, COSE, shape.
    """
    signed, kid = _parse(data)
    if kid != key.key_id[:STATEMENT_KID_BYTES]:
        raise Refusal("signature-wrong")
    cose.verify_sign1(signed, key)
    return _payload(signed, kind)


def read_kid(data: bytes) -> bytes:
    """Return the first 8 bytes of the signer's key id, to find the key; nothing is checked yet."""
    return _parse(data)[1]


def read_unverified(data: bytes, kind: type[S]) -> S:
    """Return a statement before its signature can be checked, because it names the key to use.

    Raises:
        Malformed: as `verify`.
    """
    return _payload(_parse(data)[0], kind)


def _parse(data: bytes) -> tuple[cose.Sign1, bytes]:
    signed = cose.parse_sign1(data)
    if signed.unprotected:
        raise Malformed("header-unknown", "unprotected")
    kid = cose.read_protected_header(
        signed.protected, algorithm=cose.ED25519, kid_bytes=STATEMENT_KID_BYTES
    )
    return signed, kid


def _payload(signed: cose.Sign1, kind: type[S]) -> S:
    match cbor.decode(signed.payload):
        case [kind.NAME, *values]:
            return _read(kind, values)
    raise Malformed("statement-name", f"no {kind.NAME}")


def _read(kind: type[S], values: Any) -> S:
    if len(values) != len(kind.SHAPE):
        raise Malformed("member-size", kind.NAME)
    fields = kind.__struct_fields__
    return kind(
        *[
            read(value, f"{kind.NAME}.{field}")
            for read, value, field in zip(kind.SHAPE, values, fields, strict=True)
        ]
    )
