"""A new province: its keys, its signed statement, its server's settings.

    DIR/root/root.key        seed of the root key: to be taken offline, into a safe
    DIR/keys/signing.key     seed of the key that signs receipts, records, tickets
    DIR/keys/sealing.key     seed of the key that messages are sealed to
    DIR/keys/turn.key        secret from which turns are made
    DIR/keys/database.key    opens the database
    DIR/keys/province.cose   the root's statement that names the public halves; written last
    DIR/server.toml          where the server listens and keeps its data
    DIR/province.toml        code and name, for the checks of `offices import`
    DIR/first.ndjson         calendar and catalogue, for `commune-server publish`

Nothing is ever overwritten: losing a key closes what was sealed to it. The root key is made first,
so whatever else is there without it belongs to a province whose root key is away.
"""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Final

from msgspec import Struct

from provisioning import durable, first_state
from provisioning.toml_text import quoted
from wire import statements
from wire.keys import SEED_BYTES, SealingKey, SigningKey
from wire.problems import Refusal
from wire.statements import Province

PUBLIC_FILE: Final = 0o644
FIRST: Final = 1
"""Number of a province's first statement; its successors count up."""


class NewProvince(Struct, frozen=True, kw_only=True):
    """What a province is founded with; `url` is the address its offices call."""

    code: str
    name: str
    url: str
    listen: str


class Founded(Struct, frozen=True):
    """Where everything lies; `root_hash` (SHA-256 of the root's public key) is on every ticket."""

    server_toml: Path
    root_key: Path
    first_state: Path
    root_hash: bytes


def found(
    folder: Path, new: NewProvince, *, now_ms: int, random_bytes: Callable[[int], bytes]
) -> Founded:
    """Make all keys and files of a province.

    A run that was cut off is carried on with the keys it made. Raises Refusal province-founded
    when the province is founded already, be its root key away or not: a new root would cut off
    every device that trusts the old one.
    """
    keys, root_folder = folder / "keys", folder / "root"
    statement_file, server_toml = keys / "province.cose", folder / "server.toml"
    first = folder / "first.ndjson"
    _must_be_new(folder, statement_file, root_folder / "root.key")
    for private in (keys, root_folder):
        durable.private_folder(private)
    root = SigningKey(_seed(root_folder / "root.key", random_bytes))
    signing = SigningKey(_seed(keys / "signing.key", random_bytes))
    sealing = SealingKey(_seed(keys / "sealing.key", random_bytes))
    for name in ("turn.key", "database.key"):
        _seed(keys / name, random_bytes)
    for file, data in (
        (server_toml, _server_toml(new).encode()),
        (folder / "province.toml", _card(new).encode()),
        (first, first_state.ndjson()),
    ):
        if not file.exists():
            durable.write(file, data, mode=PUBLIC_FILE)
    statement = Province(
        n=FIRST,
        name=new.name,
        urls=(new.url,),
        signing_key=signing.public,
        sealing_key=sealing.public,
        valid_from_ms=now_ms,
        root_key=root.public,
    )
    durable.write(statement_file, statements.sign(statement, root), mode=PUBLIC_FILE)
    return Founded(server_toml, root_folder / "root.key", first, root.key_id)


def _must_be_new(folder: Path, statement: Path, root_key: Path) -> None:
    """Refuse a folder whose province is founded, or has anything but the key it begins with."""
    if statement.exists():
        raise Refusal("province-founded", str(statement))
    own = [*sorted((folder / "keys").glob("*.key")), folder / "server.toml"]
    left = [file for file in (*own, folder / "province.toml", folder / "data") if file.exists()]
    if left and not root_key.exists():
        raise Refusal("province-founded", ", ".join(map(str, left)))


def code_of(folder: Path) -> str | None:
    """Return the code of the province founded in `folder`, None when it was founded elsewhere."""
    try:
        written = tomllib.loads((folder / "province.toml").read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return None
    code = written.get("code")
    return code if isinstance(code, str) else None


def _seed(file: Path, random_bytes: Callable[[int], bytes]) -> bytes:
    if not file.exists():
        durable.write(file, random_bytes(SEED_BYTES))
    return file.read_bytes()


def _server_toml(new: NewProvince) -> str:
    return (
        "# Settings of the province's server. Paths are relative to this file.\n"
        f"listen = {quoted(new.listen)}\n"
        f"public_url = {quoted(new.url)}  # the address offices call\n"
        'database = "sqlite:///data/province.db"  # or postgresql+asyncpg://...\n'
        'data_dir = "data"\n'
        'keys_dir = "keys"\n'
        'blobs = "data/blobs"\n'
    )


def _card(new: NewProvince) -> str:
    return f"code = {quoted(new.code)}\nname = {quoted(new.name)}\n"
