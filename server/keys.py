"""The province's keys through time, read once from `keys_dir` at start.

`signing*.key`, `sealing*.key`, `turn.key`, `database.key`: 32 raw bytes each, readable by the
server's user alone. `province.cose`: the root's newest statement; `province-N.cose`: former ones,
which show whose signatures were ours. `root-N.cose`: the change to the root that signed statement
N. Which keys are in force is what the statements say: a key that none names, left by a rotation
that was cut off, does nothing. Making all of it is provisioning's work.

Each statement has a sealing key of its own, so what a message is sealed to tells which statement
its sender holds, and therefore whose signature it can check (docs/protocol.md section 11).
"""

from __future__ import annotations

import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from wire import statements
from wire.keys import STATEMENT_KID_BYTES, SealingKey, SigningKey, key_id
from wire.problems import Malformed, Refusal
from wire.statements import Province
from wire.succession import RootChange
from wire.texts import Text

KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Generation:
    """The keys of one statement; a former one's, as long as they are kept."""

    n: int
    signing: SigningKey
    sealing: SealingKey


@dataclass(frozen=True, slots=True)
class ServerKeys:
    """Keys of the running server, as those know them whom it speaks to.

    `sealing` holds the one in force first, then retired ones. `n` is the statement whose `signing`
    key signs; `successor` is what moves a holder of that statement on, None for the newest.
    `stated`: every statement there is, by n; `changes`: those that change the root.
    """

    signing: SigningKey
    sealing: tuple[SealingKey, ...]
    turn: bytes = field(repr=False)
    province: bytes
    successor: bytes | None
    n: int = 1
    former: tuple[Generation, ...] = ()
    stated: Mapping[int, bytes] = field(default_factory=lambda: MappingProxyType({}))
    changes: Mapping[int, bytes] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def signers(self) -> tuple[bytes, ...]:
        """Public signing keys of this province through time, the one in force here first."""
        return tuple(dict.fromkeys([self.signing.public, *map(_signing_key, self._falling())]))

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

    def known_by(self, kid: bytes) -> ServerKeys:
        """Return these keys as a device knows them that seals to the key of this kid."""
        for each in self.former:
            if each.sealing.kid == kid:
                moves = self.moving(each.n)
                return replace(self, n=each.n, signing=each.signing, successor=moves)
        return self

    def moving(self, n: int) -> bytes:
        """Return what moves a holder of statement n on: the next change of root, or the newest."""
        later = [at for at in self.changes if at > n]
        return self.changes[min(later)] if later else self.province

    def signed_with(self, kid: bytes, root_hash: bytes | None = None) -> bytes | None:
        """Return the newest statement whose signing key has this kid (8 bytes), None: none has.

        `root_hash`: only of statements by the root whose public key has this SHA-256.
        """
        for stated in self._falling():
            says = statements.read_unverified(stated, Province)
            by_root = root_hash in {None, key_id(says.root_key)}
            if by_root and key_id(says.signing_key)[:STATEMENT_KID_BYTES] == kid:
                return stated
        return None

    def _falling(self) -> Sequence[bytes]:
        return [self.stated[n] for n in sorted(self.stated, reverse=True)]


def load(keys_dir: Path) -> ServerKeys:
    """Read the keys. Raises Refusal key-missing, key-exposed or file-unreadable, with the file."""
    newest = _bytes(keys_dir / "province.cose")
    stated = {_province(keys_dir / "province.cose", newest).n: newest}
    for file in keys_dir.glob("province-*.cose"):
        data = _bytes(file)
        stated.setdefault(_province(file, data).n, data)
    signing = {key.public: key for key in map(SigningKey.from_seed, _seeds(keys_dir, "signing"))}
    sealing = {key.public: key for key in map(SealingKey.from_seed, _seeds(keys_dir, "sealing"))}
    generations = []
    for n in sorted(stated, reverse=True):
        says = statements.read_unverified(stated[n], Province)
        if says.signing_key in signing and says.sealing_key in sealing:
            own = Generation(n, signing[says.signing_key], sealing[says.sealing_key])
            generations.append(own)
    if not generations or stated[generations[0].n] is not newest:
        raise Refusal("key-missing", _lacking(keys_dir))
    first, *former = generations
    return ServerKeys(
        signing=first.signing,
        sealing=tuple(each.sealing for each in generations),
        turn=secret(keys_dir / "turn.key"),
        province=newest,
        successor=None,
        n=first.n,
        former=tuple(former),
        stated=MappingProxyType(stated),
        changes=MappingProxyType(_changes(keys_dir)),
    )


def _seeds(keys_dir: Path, name: str) -> list[bytes]:
    """Return the secrets called so, of all times. Raises Refusal as `secret`."""
    files = sorted({*keys_dir.glob(f"{name}.key"), *keys_dir.glob(f"{name}-*.key")})
    return [secret(file) for file in files or [keys_dir / f"{name}.key"]]


def _changes(keys_dir: Path) -> dict[int, bytes]:
    found = {}
    for file in keys_dir.glob("root-*.cose"):
        data = _bytes(file)
        found[_changed(file, data).n] = data
    return found


def _changed(file: Path, data: bytes) -> Province:
    try:
        inner = statements.read_unverified(data, RootChange).province
    except Malformed as error:
        raise Refusal("file-unreadable", f"{file}: {error.reason}") from error
    return _province(file, inner)


def _province(file: Path, data: bytes) -> Province:
    try:
        return statements.read_unverified(data, Province)
    except Malformed as error:
        raise Refusal("file-unreadable", f"{file}: {error.reason}") from error


def _signing_key(stated: bytes) -> bytes:
    return statements.read_unverified(stated, Province).signing_key


def _lacking(keys_dir: Path) -> Text:
    return Text(
        vi=f"{keys_dir}: không có khóa mà province.cose nêu tên",
        en=f"{keys_dir}: not the keys that province.cose names",
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
