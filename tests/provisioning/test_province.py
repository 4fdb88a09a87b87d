"""Founding a province: keys once and for all, signed by a root that can go offline."""

import json
import os
import shutil
import stat
from pathlib import Path

import pytest

from provisioning import durable
from provisioning.province import NewProvince, code_of, found
from records.catalogue import load
from server import config, keys
from tests.provisioning.conftest import provision
from wire import enrolment
from wire.keys import SigningKey
from wire.problems import Refusal

NEW = NewProvince(
    code="H26", name='Thành phố "Hà Nội"', url="https://motcua.example", listen="127.0.0.1:8700"
)


def test_the_root_signs_the_province_that_the_server_reads(tmp_path: Path) -> None:
    made = found(tmp_path / "p", NEW, now_ms=1, random_bytes=os.urandom)

    settings = config.load(made.server_toml)
    server = keys.load(settings.keys_dir)
    province = enrolment.check_province(server.province, made.root_hash)
    assert province.signing_key == server.signing.public
    assert province.sealing_key == server.sealing[0].public
    assert (province.n, province.name, province.urls) == (1, NEW.name, (NEW.url,))
    assert SigningKey(made.root_key.read_bytes()).key_id == made.root_hash
    assert settings.public_url == NEW.url
    assert code_of(tmp_path / "p") == "H26"


def test_keys_are_closed_to_others(tmp_path: Path) -> None:
    found(tmp_path / "p", NEW, now_ms=1, random_bytes=os.urandom)
    for folder in ("keys", "root"):
        assert stat.S_IMODE((tmp_path / "p" / folder).stat().st_mode) == 0o700
    for key in (tmp_path / "p").glob("*/*.key"):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_nothing_is_ever_overwritten(tmp_path: Path) -> None:
    found(tmp_path, NEW, now_ms=1, random_bytes=os.urandom)
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    with pytest.raises(Refusal, match="province-founded"):
        found(tmp_path, NEW, now_ms=2, random_bytes=os.urandom)
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before


@pytest.mark.parametrize("also_gone", ["keys/province.cose", "keys/signing.key", "keys"])
def test_a_root_key_that_is_away_is_never_replaced_by_a_new_one(
    tmp_path: Path, also_gone: str
) -> None:
    made = found(tmp_path, NEW, now_ms=1, random_bytes=os.urandom)
    root = made.root_key.read_bytes()
    made.root_key.unlink()  # into the safe, as the command says
    (tmp_path / "keys/province.cose").unlink()
    if also_gone == "keys":
        shutil.rmtree(tmp_path / "keys")
    else:
        (tmp_path / also_gone).unlink(missing_ok=True)
    with pytest.raises(Refusal, match="province-founded") as refused:
        found(tmp_path, NEW, now_ms=2, random_bytes=os.urandom)
    assert "server.toml" in str(refused.value.detail)
    assert not made.root_key.exists()

    made.root_key.write_bytes(root)
    assert found(tmp_path, NEW, now_ms=2, random_bytes=os.urandom).root_hash == made.root_hash


def test_what_is_to_be_published_first_stands_beside_the_settings(tmp_path: Path) -> None:
    made = found(tmp_path, NEW, now_ms=1, random_bytes=os.urandom)
    lines = [json.loads(line) for line in made.first_state.read_text().splitlines()]
    assert [line["kind"] for line in lines[:2]] == ["calendar.set", "procedure.set"]
    assert len(lines) == 1 + len(list(load().procedures()))


@pytest.mark.parametrize("writes", range(9))
def test_a_founding_cut_off_anywhere_is_carried_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    write, left = durable.write, writes

    def failing(file: Path, data: bytes, *, mode: int = durable.SECRET) -> None:
        nonlocal left
        if left == 0:
            raise OSError(28, "No space left on device")
        left -= 1
        write(file, data, mode=mode)

    monkeypatch.setattr(durable, "write", failing)
    with pytest.raises(OSError, match="No space"):
        found(tmp_path, NEW, now_ms=1, random_bytes=os.urandom)
    made = {file: file.read_bytes() for file in tmp_path.rglob("*.key")}
    monkeypatch.setattr(durable, "write", write)

    done = found(tmp_path, NEW, now_ms=1, random_bytes=os.urandom)

    assert all(file.read_bytes() == data for file, data in made.items())
    enrolment.check_province((tmp_path / "keys/province.cose").read_bytes(), done.root_hash)


def test_the_command_prints_where_and_what(tmp_path: Path) -> None:
    words = ["province", "init", str(tmp_path / "p"), "--code", "H26", "--name", "Hà Nội"]
    done = provision(*words, "--json")
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["ok"]) == (0, True)
    assert Path(answer["config"]).exists()
    assert len(answer["root"]) == 64
    again = provision(*words, "--json")
    assert again.returncode == 1
    assert json.loads(again.stdout)["problem"]["code"] == "province-founded"


@pytest.mark.parametrize(
    "wrong", [["--code", "26"], ["--code", "H26", "--url", "ftp://x"], ["--code", "H26.1"]]
)
def test_wrong_words_are_told(tmp_path: Path, wrong: list[str]) -> None:
    done = provision("province", "init", tmp_path / "p", "--name", "N", *wrong)
    assert done.returncode == 2
    assert done.stderr
    assert not (tmp_path / "p").exists()


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "f"
    durable.write(file, b"old")
    durable.write(file, b"new", mode=0o644)
    assert file.read_bytes() == b"new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert [each.name for each in tmp_path.iterdir()] == ["f"]


def test_a_disk_that_fails_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "f"
    durable.write(file, b"old")

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        durable.write(file, b"new")
    monkeypatch.undo()
    assert file.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["f"]
