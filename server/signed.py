"""What this province signed at any time, read with whichever of its keys it was.

A statement that is kept (a device record, a revocation) is signed anew for a device that knows
another of our keys than the one it was signed with: it says the same.
"""

from __future__ import annotations

from server.keys import ServerKeys
from wire import statements
from wire.keys import STATEMENT_KID_BYTES, VerifyKey
from wire.problems import Refusal
from wire.statements import S


def read(keys: ServerKeys, data: bytes, kind: type[S]) -> S:
    """Return the statement, signed by whichever key of ours.

    Raises Refusal signature-wrong, and Malformed when it is no such statement.
    """
    for public in keys.signers:
        try:
            return statements.verify(data, kind, VerifyKey(public))
        except Refusal:
            continue  # another of our keys
    raise Refusal("signature-wrong", kind.NAME)


def anew(keys: ServerKeys, data: bytes | None, kind: type[S]) -> bytes | None:
    """Return a statement of ours so that a device which knows this signing key can check it."""
    own = keys.signing.key_id[:STATEMENT_KID_BYTES]
    if data is None or statements.read_kid(data) == own:
        return data
    return statements.sign(read(keys, data, kind), keys.signing)
