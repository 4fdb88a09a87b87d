"""The province's keys, read once from `keys_dir` at start.

`signing.key`, `sealing.key`, `turn.key`, `database.key`: 32 raw bytes each, readable by the
server's user alone; `sealing-*.key`: retired sealing keys that still open; `province.cose`: the
root's statement that names the public halves; `successor.cose`: the next province, when it moved.
Making them is provisioning's work.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass, field
from pathlib import Path

from wire import statements
from wire.keys import SealingKey, SigningKey
from wire.problems import Refusal
from wire.statements import Province
from wire.texts import Text

KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class ServerKeys:
    """Keys of the running server. `sealing` holds the one in force first, then retired ones."""

    signing: SigningKey
    sealing: tuple[SealingKey, ...]
    turn: bytes = field(repr=False)
    province: bytes
    successor: bytes | None

    @property
    def signers(self) -> tuple[bytes, ...]:
        """Public signing keys of this province, the one in force first."""
        return (self.signing.public,)

    @property
    def name(self) -> str:
        """The province's name, as its statement has it."""
        return statements.read_unverified(self.province, Province).name

    def opening(self, kid: bytes) -> SealingKey:
        """Return the sealing key a message was sealed to. Raises Refusal receiver-unknown."""
        for key in self.sealing:
            if key.kid == kid:
                return key
        raise Refusal("receiver-unknown")


def load(keys_dir: Path) -> ServerKeys:
    """Read the keys. Raises Refusal key-missing or key-exposed, naming the file."""
    retired = sorted(keys_dir.glob("sealing-*.key"), reverse=True)
    successor = keys_dir / "successor.cose"
    return ServerKeys(
        signing=SigningKey.from_seed(secret(keys_dir / "signing.key")),
        sealing=tuple(
            SealingKey.from_seed(secret(path)) for path in (keys_dir / "sealing.key", *retired)
        ),
        turn=secret(keys_dir / "turn.key"),
        province=_bytes(keys_dir / "province.cose"),
        successor=successor.read_bytes() if successor.exists() else None,
    )


def secret(path: Path) -> bytes:
    """Return the 32 bytes of a key file. Raises Refusal key-missing or key-exposed."""
    data = _bytes(path)
    if len(data) != KEY_BYTES:
        raise Refusal(
            "key-missing", Text(vi=f"{path}: không đủ 32 byte", en=f"{path}: not 32 bytes")
        )
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise Refusal("key-exposed", f"{path}")
    return data


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Refusal("key-missing", f"{path}: {error.strerror}") from error
