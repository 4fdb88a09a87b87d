"""server.toml and the keys beside it."""

from pathlib import Path

import pytest

from server.config import load, parse
from server.keys import load as load_keys
from server.keys import secret
from tests.server.province import make_keys, rotate_keys
from wire.problems import Refusal
from wire.settings import SettingsRefused

GOOD = """\
listen = "127.0.0.1:8700"
public_url = "http://127.0.0.1:8700/"
database = "sqlite:///data/province.db"
data_dir = "data"
keys_dir = "keys"
blobs = "blobs"
"""


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    file = tmp_path / "server.toml"
    file.write_text(GOOD)
    config = load(file)
    assert config.database == f"sqlite:///{tmp_path}/data/province.db"
    assert (config.host, config.port) == ("127.0.0.1", 8700)
    assert (config.data_dir, config.keys_dir) == (tmp_path / "data", tmp_path / "keys")
    assert config.public_url == "http://127.0.0.1:8700"
    assert (config.late_after_s, config.silent_after_s) == (3_600, 86_400)


def test_an_address_of_version_6_keeps_its_port(tmp_path: Path) -> None:
    config = parse(GOOD.replace('127.0.0.1:8700"\np', '[::1]:8700"\np'), tmp_path / "x")
    assert (config.host, config.port) == ("::1", 8700)


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('listen = "8700"', "listen"),
        ('listen = "a:b"', "listen"),
        ('public_url = "ftp://x"', "public_url"),
        ('database = "mysql://x"', "database"),
        ('database = "sqlite:///"', "database"),
        ('blobs = "s3://bucket"', "blobs"),
        ('blobs = ""', "blobs"),
        ('tls_cert = "a.pem"', "tls_cert"),
        ("silent_after_s = 10", "silent_after_s"),
        ("late_after_s = 0", "late_after_s"),
        ("later_after_s = 5", "later_after_s"),
    ],
)
def test_a_wrong_line_is_named(line: str, key: str, tmp_path: Path) -> None:
    kept = [
        text for text in GOOD.splitlines() if not text.startswith(line.split(" = ", maxsplit=1)[0])
    ]
    with pytest.raises(SettingsRefused) as refused:
        parse("\n".join([*kept, line]), tmp_path / "server.toml")
    found = refused.value.problems
    assert [(problem.path, problem.line) for problem in found] == [(key, len(kept) + 1)]
    assert found[0].remedy.vi


def test_postgresql_is_taken_as_it_stands(tmp_path: Path) -> None:
    url = "postgresql+asyncpg://commune@/province?host=/run/postgresql"
    config = parse(GOOD.replace("sqlite:///data/province.db", url), tmp_path / "x")
    assert config.database == url


def test_a_missing_or_exposed_key_is_named(tmp_path: Path) -> None:
    make_keys(tmp_path / "keys")
    load_keys(tmp_path / "keys")
    key = tmp_path / "keys" / "turn.key"
    key.chmod(0o640)
    with pytest.raises(Refusal, match=r"key-exposed.*turn\.key"):
        load_keys(tmp_path / "keys")
    key.write_bytes(b"short")
    with pytest.raises(Refusal, match=r"key-missing.*turn\.key"):
        secret(key)
    key.unlink()
    with pytest.raises(Refusal, match=r"key-missing.*turn\.key"):
        load_keys(tmp_path / "keys")


def test_keys_do_not_show_themselves(tmp_path: Path) -> None:
    make_keys(tmp_path / "keys")
    keys = load_keys(tmp_path / "keys")
    assert repr(keys.turn) not in repr(keys)


def test_a_retired_sealing_key_still_opens(tmp_path: Path) -> None:
    make_keys(tmp_path / "keys")
    old = load_keys(tmp_path / "keys").sealing[0]
    rotate_keys(tmp_path / "keys")
    keys = load_keys(tmp_path / "keys")
    assert keys.opening(old.kid).public == old.public
    assert keys.sealing[0].public != old.public
    with pytest.raises(Refusal, match="receiver-unknown"):
        keys.opening(bytes(8))
