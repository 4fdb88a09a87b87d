"""A province's keys through time: which statement takes the place of the one that is held.

A device trusts one root key. A `province.cose` under that root with a higher n follows the one it
holds, however many lie between them. A root is followed by another only through a `RootChange`,
which the old root signs and which holds the first statement that the new one signed. Nothing else
decides: not the line it came over, not the date in it (docs/protocol.md section 11).
"""

from typing import ClassVar, NamedTuple

from wire.keys import PUBLIC_KEY_BYTES, VerifyKey
from wire.problems import Malformed, Refusal
from wire.shape import octets
from wire.statements import Province, Statement, read_kid, read_unverified, verify

STATEMENT_BYTES_MAX = 64 << 10
"""A statement has some 1.5 KB and one with a changed root 3 KB; nobody reads more of one."""


class RootChange(Statement, frozen=True):
    """The province goes on under another root key. Signed by the root it leaves.

    `former_root` is that root's public key; `province` the first statement under the new root,
    which signed it, so both have signed.
    """

    NAME: ClassVar[str] = "commune/root/1"
    SHAPE: ClassVar = (octets(PUBLIC_KEY_BYTES), octets(most=STATEMENT_BYTES_MAX))

    former_root: bytes
    province: bytes


class Followed(NamedTuple):
    """The province that follows, and its own `province.cose`."""

    province: Province
    cose: bytes


def succeed(held: Province, statement: bytes) -> Followed | None:
    """Return the province that `statement` names in place of `held`; None: it has the same n.

    `statement` is a `province.cose`, or a `RootChange`.

    Raises:
        Refusal: signature-wrong, not signed by the root that is held (or, behind a change, by the
            new one); province-older, its n is lower.
        Malformed: the bytes are neither statement.
    """
    if len(statement) > STATEMENT_BYTES_MAX:
        raise Malformed("too-large", f"{len(statement)} bytes")
    root, cose = held.root_key, statement
    if _is_change(statement):
        change = verify(statement, RootChange, VerifyKey(held.root_key))
        if change.former_root != held.root_key:
            raise Refusal("signature-wrong")
        cose = change.province
        root = read_unverified(cose, Province).root_key
    province = verify(cose, Province, VerifyKey(root))
    if province.root_key != root:
        raise Refusal("signature-wrong")
    if province.n < held.n:
        raise Refusal("province-older", f"n {province.n} / {held.n}")
    return Followed(province, cose) if province.n > held.n else None


def _is_change(statement: bytes) -> bool:
    try:
        read_unverified(statement, RootChange)
    except Malformed:
        return False
    return True


def signed_by(data: bytes, provinces: tuple[Province, ...]) -> VerifyKey | None:
    """Return which of these provinces' signing keys a statement names, None: none of them."""
    kid = read_kid(data)
    for province in provinces:
        key = VerifyKey(province.signing_key)
        if key.key_id.startswith(kid):
            return key
    return None
