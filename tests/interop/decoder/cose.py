"""What messages and statements share: COSE parts, headers, Ed25519 (RFC 9052, 9864)."""

from Crypto.Signature import eddsa

from . import cbor_strict
from .cbor_strict import Value
from .refused import need, refuse

SIGN1 = 18
ENCRYPT0 = 16
ED25519 = -19


def parts(data: bytes, tag: int, count: int) -> list[Value]:
    """Read a tagged array of `count` parts whose second is the unprotected header."""
    value = cbor_strict.loads(data, tag)
    if not isinstance(value, list):
        refuse("not an array")
    need(len(value) == count, "number of parts")
    return value


def byte_string(value: Value, size: int | None = None) -> bytes:
    """Refuse all but a byte string, of `size` bytes if given."""
    if not isinstance(value, bytes):
        refuse("not a byte string")
    need(size is None or len(value) == size, "size")
    return value


def protected(value: Value, expected: dict[int, Value], kid_size: int) -> bytes:
    """Check a protected header: exactly `expected` and 4, the kid, which is given back."""
    header = cbor_strict.loads(byte_string(value))
    if not isinstance(header, dict):
        refuse("header is no map")
    need(header.keys() == {*expected, 4}, "header labels")
    need(all(header[label] == wanted for label, wanted in expected.items()), "header value")
    return byte_string(header[4], kid_size)


def to_sign(header: bytes, payload: bytes) -> bytes:
    """Give what a COSE_Sign1 signs, external_aad empty."""
    return cbor_strict.dumps(["Signature1", header, b"", payload])


def verify(public: bytes, header: bytes, payload: bytes, signature: bytes) -> None:
    """Refuse a signature that is not by `public`."""
    try:
        key = eddsa.import_public_key(public)
        eddsa.new(key, "rfc8032").verify(to_sign(header, payload), signature)
    except ValueError:
        refuse("signature wrong")


def sign(seed: bytes, header: bytes, payload: bytes) -> bytes:
    """Sign with the key whose 32-byte seed is given."""
    key = eddsa.import_private_key(seed)
    return eddsa.new(key, "rfc8032").sign(to_sign(header, payload))


def public_of(seed: bytes) -> bytes:
    """Give the raw public key of a 32-byte seed."""
    return eddsa.import_private_key(seed).public_key().export_key(format="raw")
