"""New keys for a province that works already: a statement n+1 under its root (section 11).

    keys/sealing-N.key    what messages are sealed to from now on: each statement has its own
    keys/signing-N.key    only if the signing key changes too
    keys/province-M.cose  the former statement: what its keys signed can still be checked
    keys/root-N.cose      only if the root changes: signed by the old root, holding statement N
    keys/province.cose    the new statement; written last, and with it everything counts

Everything is checked before anything is written. Until the last file is there the former keys are
in force, whatever a power cut left; a run that was cut off is carried on with the keys it made.
Nothing is overwritten but `province.cose`, and nothing removed: former keys still open
(`server.retiring`).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from provisioning import durable
from server import keys
from wire import statements
from wire.keys import SEED_BYTES, SealingKey, SigningKey
from wire.problems import Malformed, Refusal
from wire.statements import Province
from wire.succession import RootChange, succeed

PUBLIC_FILE: Final = 0o644
STATEMENT: Final = "province.cose"


class Wanted(Struct, frozen=True, kw_only=True):
    """What changes beside the sealing key. None: it stays as it is.

    `above`: the new number is higher than this too, when devices know one that was lost here.
    """

    signing: bool = False
    root: bool = False
    name: str | None = None
    urls: tuple[str, ...] | None = None
    above: int = 0


class Rotated(Struct, frozen=True, kw_only=True):
    """What is in force from the server's next start on; `root_key` is set if the root changed."""

    province: Province
    former: Province
    statement: Path
    root_key: Path | None


def rotate(
    folder: Path,
    root_key: Path,
    wanted: Wanted,
    *,
    now_ms: int,
    random_bytes: Callable[[int], bytes],
) -> Rotated:
    """Give the province in `folder` a new statement, signed with the root key in `root_key`.

    Raises Refusal: key-missing, key-exposed, file-unreadable; root-wrong when the key is not the
    root's of this province. Nothing is changed then. OSError when it cannot be written.
    """
    keys_dir = folder / "keys"
    former_cose, former, root = _checked(keys_dir, root_key)
    n = max(former.n, wanted.above) + 1
    new_root_file = folder / "root" / f"root-{n}.key" if wanted.root else None
    new_root = root if new_root_file is None else _new_root(new_root_file, random_bytes)
    province = msgspec.structs.replace(
        former,
        n=n,
        name=wanted.name or former.name,
        urls=wanted.urls or former.urls,
        signing_key=_signing_key(keys_dir, former, n, wanted, random_bytes),
        sealing_key=SealingKey(_seed(keys_dir / f"sealing-{n}.key", random_bytes)).public,
        valid_from_ms=now_ms,
        root_key=new_root.public,
    )
    cose = said = statements.sign(province, new_root)
    if wanted.root:
        said = statements.sign(RootChange(former_root=root.public, province=cose), root)
        durable.write(keys_dir / f"root-{n}.cose", said, mode=PUBLIC_FILE)
    succeed(former, said)  # what no device would take is never put in force
    durable.write(keys_dir / f"province-{former.n}.cose", former_cose, mode=PUBLIC_FILE)
    durable.write(keys_dir / STATEMENT, cose, mode=PUBLIC_FILE)
    return Rotated(
        province=province,
        former=former,
        statement=keys_dir / STATEMENT,
        root_key=new_root_file,
    )


def _checked(keys_dir: Path, root_key: Path) -> tuple[bytes, Province, SigningKey]:
    """Return the statement in force and its root, everything about them found to fit."""
    held = keys.load(keys_dir)
    root = SigningKey(keys.secret(root_key))
    try:
        former = statements.verify(held.province, Province, root.verify_key)
    except (Refusal, Malformed) as error:
        raise Refusal("root-wrong", str(root_key)) from error
    return held.province, former, root


def _new_root(file: Path, random_bytes: Callable[[int], bytes]) -> SigningKey:
    durable.private_folder(file.parent)
    return SigningKey(_seed(file, random_bytes))


def _signing_key(
    keys_dir: Path,
    former: Province,
    n: int,
    wanted: Wanted,
    random_bytes: Callable[[int], bytes],
) -> bytes:
    if not wanted.signing:
        return former.signing_key
    return SigningKey(_seed(keys_dir / f"signing-{n}.key", random_bytes)).public


def _seed(file: Path, random_bytes: Callable[[int], bytes]) -> bytes:
    if not file.exists():
        durable.write(file, random_bytes(SEED_BYTES))
    return keys.secret(file)
