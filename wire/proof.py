"""A receipt that an outsider checks: the province's statement, and the way of one event to it.

A receipt statement (docs/protocol.md section 11) names the head of an office journal. That an
event lies under this head is shown by hash(n-1), the event's bytes and d(n+1) to d(m): whoever
links them comes to the head's hash or does not. Their number fixes the event's place, and nothing
but the province's root key has to be known beforehand.

As a file it is JSON with bytes as base64. The digests are of other events of the office; they
belong to those who may see its records, and to nobody else.
"""

from typing import Final

import msgspec
from msgspec import Struct

from wire import chain
from wire.chain import Head
from wire.enrolment import check_province
from wire.keys import VerifyKey
from wire.limits import HASH_BYTES
from wire.problems import Malformed, Refusal
from wire.statements import Province, Receipt, verify

VERSION: Final = 1
WRONG: Final = "proof-wrong"


class Way(Struct, frozen=True, kw_only=True):
    """An event and its way to the head: seq, bytes, the hash before it, each d(n) after it."""

    seq: int
    event: bytes
    before: bytes
    after: bytes


class Proof(Struct, frozen=True, kw_only=True):
    """What lies in the file; `way` is None when only the head is shown."""

    v: int = VERSION
    receipt: bytes
    way: Way | None = None


class Checked(Struct, frozen=True):
    """What was proved: by which province, up to where; hash(n) of the event, None without one."""

    province: Province
    receipt: Receipt
    event_hash: bytes | None


def write(proof: Proof) -> bytes:
    """Return the bytes of the file."""
    return msgspec.json.format(msgspec.json.encode(proof), indent=1) + b"\n"


def read(data: bytes) -> Proof:
    """Read a file. Raises Refusal `proof-wrong` when it is none, or one of a later version."""
    try:
        proof = msgspec.json.decode(data, type=Proof)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(WRONG, str(error)) from None
    if proof.v != VERSION:
        raise Refusal(WRONG, f"v {proof.v}")
    return proof


def check(proof: Proof, province_cose: bytes, root_hash: bytes) -> Checked:
    """Check everything: root key -> province -> receipt -> head -> event.

    `root_hash`: SHA-256 of the root public key, known from elsewhere.
    Raises Refusal `signature-wrong` when the province is not that root's or the receipt not the
    province's, `proof-wrong` when it is no receipt or the event does not lead to the head.
    """
    try:
        province = check_province(province_cose, root_hash)
    except (Refusal, Malformed) as error:
        raise Refusal("signature-wrong", f"province.cose: {error}") from None
    try:
        receipt = verify(proof.receipt, Receipt, VerifyKey(province.signing_key))
    except Malformed as error:
        raise Refusal(WRONG, str(error)) from None
    hash_ = None if proof.way is None else _walk(proof.way, receipt)
    return Checked(province, receipt, hash_)


def _walk(way: Way, receipt: Receipt) -> bytes:
    if len(way.before) != HASH_BYTES or len(way.after) % HASH_BYTES:
        raise Refusal(WRONG, "hash")
    own = chain.extend(Head(way.seq - 1, way.before), way.event)
    seq, hash_ = own
    for start in range(0, len(way.after), HASH_BYTES):
        seq, hash_ = seq + 1, chain.link(hash_, way.after[start : start + HASH_BYTES])
    if (seq, hash_) != (receipt.seq, receipt.hash):
        raise Refusal(WRONG, f"{seq} / {receipt.seq}")
    return own.hash
