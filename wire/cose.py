"""COSE_Sign1 and COSE_Encrypt0 as far as the protocol uses them (RFC 9052; section 4.1).

Both are written with their tag, with all headers protected but the few that section 4 names, and
with a payload inside. Bytes that are signed or bound are the bytes that were received: nothing
is encoded again before it is checked.

Reasons of `Malformed` beside those of CBOR: shape, header-unknown, header-missing, algorithm.
"""

from collections.abc import Mapping
from typing import NamedTuple

from wire import cbor
from wire.cbor import Key, Value
from wire.keys import SIGNATURE_BYTES, SigningKey, VerifyKey
from wire.problems import Malformed

SIGN1_TAG = 18
ENCRYPT0_TAG = 16

ALGORITHM, KID, IV, TYPE = 1, 4, 5, 16
"""Header labels (RFC 9052 section 3.1, RFC 9596)."""
ED25519 = -19
"""Ed25519, fully specified (RFC 9864 section 2.2)."""
A256GCM = 3
"""AES-GCM with a key of 256 bits and a tag of 128 (RFC 9053 section 4.1)."""


class Sign1(NamedTuple):
    """The parts of a COSE_Sign1, its signature not yet checked."""

    protected: bytes
    unprotected: Mapping[Key, Value]
    payload: bytes
    signature: bytes


class Encrypt0(NamedTuple):
    """The parts of a COSE_Encrypt0, not yet opened."""

    protected: bytes
    unprotected: Mapping[Key, Value]
    ciphertext: bytes


def sign1(
    protected: bytes, payload: bytes, key: SigningKey, unprotected: Mapping[int, bytes]
) -> bytes:
    """Return a signed COSE_Sign1; `protected` is the encoded header map."""
    signature = key.sign(_signed(protected, payload))
    return cbor.encode([protected, unprotected, payload, signature], tag=SIGN1_TAG)


def parse_sign1(data: bytes) -> Sign1:
    """Take a COSE_Sign1 apart.

    Raises:
        Malformed: no deterministic CBOR, another tag, or another shape.
    """
    match cbor.decode(data, tag=SIGN1_TAG):
        case [bytes(protected), dict(unprotected), bytes(payload), bytes(signature)]:
            if len(signature) != SIGNATURE_BYTES:
                raise Malformed("shape", f"a signature of {len(signature)} bytes")
            return Sign1(protected, unprotected, payload, signature)
    raise Malformed("shape", "no COSE_Sign1")


def verify_sign1(sign1: Sign1, key: VerifyKey) -> None:
    """Accept the signature silently.

    Raises:
        Refusal: signature-wrong.
    """
    key.verify(sign1.signature, _signed(sign1.protected, sign1.payload))


def encrypt0(
    protected: bytes, ciphertext: bytes, unprotected: Mapping[int, bytes] | None = None
) -> bytes:
    """Return a COSE_Encrypt0; only an IV may stand unprotected."""
    return cbor.encode([protected, unprotected or {}, ciphertext], tag=ENCRYPT0_TAG)


def parse_encrypt0(data: bytes) -> Encrypt0:
    """Take a COSE_Encrypt0 apart.

    Raises:
        Malformed: no deterministic CBOR, another tag, or another shape.
    """
    match cbor.decode(data, tag=ENCRYPT0_TAG):
        case [bytes(protected), dict(unprotected), bytes(ciphertext)]:
            return Encrypt0(protected, unprotected, ciphertext)
    raise Malformed("shape", "no COSE_Encrypt0")


def bound(protected: bytes, external_aad: bytes) -> bytes:
    """Return the Enc_structure of a COSE_Encrypt0 (RFC 9052 section 5.3)."""
    return cbor.encode(["Encrypt0", protected, external_aad])


def protected_header(algorithm: int, kid: bytes, type_: str | None = None) -> bytes:
    """Return an encoded protected header: `{1: algorithm, 4: kid}` and `16: type_` if given."""
    header: dict[int, int | bytes | str] = {ALGORITHM: algorithm, KID: kid}
    if type_ is not None:
        header[TYPE] = type_
    return cbor.encode(header)


def read_protected_header(
    protected: bytes, *, algorithm: int, kid_bytes: int, type_: str | None = None
) -> bytes:
    """Return the kid of a protected header that holds what the protocol says and nothing else.

    Raises:
        Malformed: header-unknown, header-missing, algorithm, or shape (kid or type_ differ).
    """
    header = cbor.decode(protected)
    if not isinstance(header, dict):
        raise Malformed("shape", "a protected header is a map")
    wanted = {ALGORITHM, KID} if type_ is None else {ALGORITHM, KID, TYPE}
    if unknown := header.keys() - wanted:
        raise Malformed("header-unknown", f"{len(unknown)} in a protected header")
    if missing := wanted - header.keys():
        raise Malformed("header-missing", f"label {min(missing)}")
    if header[ALGORITHM] != algorithm:
        raise Malformed("algorithm")
    kid = header[KID]
    if not isinstance(kid, bytes) or len(kid) != kid_bytes or header.get(TYPE) != type_:
        raise Malformed("shape", "kid or type of a protected header")
    return kid


def _signed(protected: bytes, payload: bytes) -> bytes:
    """Return the Sig_structure (RFC 9052 section 4.4) with an empty external_aad."""
    return cbor.encode(["Signature1", protected, b"", payload])
