"""Signed sentences (section 11) and the device and province records (section 10)."""

import hashlib

from . import cbor_strict, cose
from .cbor_strict import Value
from .refused import need, refuse
from .shapes import Shape, array, bstr, row, tstr, uint

_SHAPES: dict[str, tuple[Shape, ...]] = {
    "commune/receipt/1": (
        *(bstr(32), bstr(16), uint(), bstr(32)),  # device_id, journal, seq, hash
        *(bstr(16), uint(), bstr(32), uint()),  # desk, desk_seq, desk_hash, time
    ),
    "commune/head/1": (bstr(16), uint(), bstr(32)),
    "commune/revoked/1": (bstr(32), uint(), uint()),
    "commune/report/1": (bstr(32), uint()),
    "commune/province/1": (
        *(uint(), tstr, array(tstr)),  # n, name, urls
        *(bstr(32), bstr(1216), uint(), bstr(32)),  # signing, sealing, valid_from, root
    ),
    "commune/root/1": (bstr(32), bstr(most=65_536)),  # former root, province.cose of the new
    "commune/ticket/1": (
        *(bstr(8), array(tstr), bstr(32)),  # id, urls, SHA-256 of the root key
        *(bstr(16), tstr, tstr, bstr(16), uint()),  # office id, code, name, secret, expires
    ),
    "commune/device/1": (
        *(bstr(32), bstr(32), bstr(1216)),  # device_id, device key, sealing key
        *(bstr(16), tstr, array(bstr(32))),  # office id, role, predecessors
        *(bstr(32), bstr(16), uint(), uint()),  # desk writer, desk, serial, time
    ),
}


def verify(data: bytes, name: str, key: bytes) -> bytes:
    """Give the payload of a statement that says `name` and is signed by `key`."""
    header, unprotected, payload, signature = cose.parts(data, cose.SIGN1, 4)
    kid = cose.protected(header, {1: cose.ED25519}, 8)
    need(unprotected == {}, "unprotected header")
    need(kid == hashlib.sha256(key).digest()[:8], "kid of another key")
    said = cose.byte_string(payload)
    cose.verify(key, cose.byte_string(header), said, cose.byte_string(signature, 64))
    elements(said, name)
    return said


def elements(payload: bytes, name: str) -> list[Value]:
    """Read a payload that must say `name`."""
    value = cbor_strict.loads(payload)
    if not isinstance(value, list):
        refuse("not an array")
    need(value[:1] == [name], "statement name")
    if name not in _SHAPES:
        refuse("statement nobody knows")
    row(tstr, *_SHAPES[name])(value)
    if name == "commune/device/1":
        need(value[1] == hashlib.sha256(cose.byte_string(value[2])).digest(), "device id")
    return value


def says(payload: bytes) -> Value:
    """Give what a payload calls itself, None when it has no name."""
    value = cbor_strict.loads(payload)
    return value[0] if isinstance(value, list) and value else None


def payload_of(data: bytes) -> bytes:
    """Give the payload of a statement before anything about it is believed."""
    return cose.byte_string(cose.parts(data, cose.SIGN1, 4)[2])
