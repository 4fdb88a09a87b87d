"""New keys for a province: checked before anything changes, and whole or not at all."""

import json
import os
import shutil
from pathlib import Path

import pytest

from provisioning.province import NewProvince, found
from provisioning.rotation import Rotated, Wanted, rotate
from server import keys
from tests.provisioning.conftest import provision
from tests.provisioning.cuts import power_cut
from wire import enrolment, statements
from wire.keys import key_id
from wire.problems import Refusal
from wire.statements import Province
from wire.succession import succeed

NEW = NewProvince(code="H26", name="Hà Nội", url="https://motcua.example", listen="127.0.0.1:8700")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found(tmp_path / "p", NEW, now_ms=1, random_bytes=os.urandom)
    return tmp_path / "p"


def turned(folder: Path, root_key: str = "root.key", **wanted: object) -> Rotated:
    root = folder / "root" / root_key
    chosen = Wanted(**wanted)  # type: ignore[arg-type]
    return rotate(folder, root, chosen, now_ms=2, random_bytes=os.urandom)


def newest(folder: Path) -> Province:
    return statements.read_unverified(keys.load(folder / "keys").province, Province)


def test_a_new_sealing_key_follows_and_the_former_one_still_opens(folder: Path) -> None:
    before = keys.load(folder / "keys")
    done = turned(folder)
    after = keys.load(folder / "keys")
    assert (after.n, done.province.n, done.former.n) == (2, 2, 1)
    assert after.sealing[0].public == done.province.sealing_key != before.sealing[0].public
    assert after.opening(before.sealing[0].kid).public == before.sealing[0].public
    assert after.signing.public == before.signing.public
    held = enrolment.check_province(before.province, key_id(done.former.root_key))
    assert succeed(held, after.province) is not None


def test_a_new_signing_key_leaves_the_former_one_to_those_who_know_no_other(folder: Path) -> None:
    before = keys.load(folder / "keys")
    turned(folder, signing=True, name="Thủ đô", urls=("https://a.example", "https://b.example"))
    after = keys.load(folder / "keys")
    assert after.signers == (after.signing.public, before.signing.public)
    old = after.known_by(before.sealing[0].kid)
    assert (old.n, old.signing.public, old.successor) == (1, before.signing.public, after.province)
    assert after.known_by(after.sealing[0].kid).successor is None
    assert newest(folder).urls == ("https://a.example", "https://b.example")
    assert after.name == "Thủ đô"
    kid = key_id(before.signing.public)[:8]
    assert (after.signed_with(kid), after.signed_with(bytes(8))) == (before.province, None)


def test_a_root_is_changed_by_both_roots_and_those_before_it_come_step_by_step(
    folder: Path,
) -> None:
    first = newest(folder)
    turned(folder)
    changed = turned(folder, root=True)
    assert changed.root_key == folder / "root" / "root-3.key"
    turned(folder, "root-3.key", name="Sau cùng")
    now = keys.load(folder / "keys")
    step = succeed(first, now.moving(1))
    assert step is not None
    assert (step.province.n, step.province.root_key) == (3, changed.province.root_key)
    last = succeed(step.province, now.moving(3))
    assert last is not None
    assert (last.province.n, last.cose) == (4, now.province)


def test_another_root_key_changes_nothing(folder: Path, tmp_path: Path) -> None:
    found(tmp_path / "other", NEW, now_ms=1, random_bytes=os.urandom)
    shutil.copy(tmp_path / "other/root/root.key", folder / "root/foreign.key")
    before = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    with pytest.raises(Refusal, match="root-wrong"):
        turned(folder, "foreign.key")
    with pytest.raises(Refusal, match="key-missing"):
        turned(folder, "away.key")
    assert {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()} == before


def test_a_number_that_was_lost_here_is_passed(folder: Path) -> None:
    assert turned(folder, above=7).province.n == 8
    assert turned(folder, above=3).province.n == 9


@pytest.mark.parametrize("writes", range(6))
def test_a_power_cut_before_any_write_leaves_the_former_keys_and_is_carried_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    """Six files: two keys, a root key, the change of root, and two statements."""
    before = keys.load(folder / "keys")
    with power_cut(monkeypatch, writes):
        turned(folder, signing=True, root=True)
    cut = keys.load(folder / "keys")
    assert (cut.n, cut.province, cut.signers) == (1, before.province, before.signers)
    assert [key.kid for key in cut.sealing] == [before.sealing[0].kid]
    made = {file: file.read_bytes() for file in folder.rglob("*-2.key")}

    done = turned(folder, signing=True, root=True)

    assert keys.load(folder / "keys").n == 2
    assert {file: file.read_bytes() for file in made} == made, "the keys of before are used"
    assert succeed(done.former, keys.load(folder / "keys").moving(1)) is not None


def test_keys_that_no_statement_names_stop_the_server(folder: Path) -> None:
    turned(folder)
    (folder / "keys" / "sealing-2.key").unlink()
    with pytest.raises(Refusal, match="key-missing"):
        keys.load(folder / "keys")


def test_a_statement_that_cannot_be_read_is_named(folder: Path) -> None:
    turned(folder)
    for name in ("province-1.cose", "root-9.cose"):
        torn = folder / "keys" / name
        torn.write_bytes(b"torn")
        with pytest.raises(Refusal, match=name):
            keys.load(folder / "keys")
        torn.unlink()


def test_the_command_says_what_happens_next(folder: Path) -> None:
    told = provision("rotate-keys", str(folder), "--url", "https://c.example/", "--root")
    assert told.returncode == 0, told.stderr
    for word in ("2", "server.toml", "root-2.key", "province.cose"):
        assert word in told.stdout + told.stderr
    root = folder / "root" / "root-2.key"
    shown = provision("rotate-keys", str(folder), "--signing", "--json", "--root-key", str(root))
    facts = json.loads(shown.stdout)
    assert (facts["ok"], facts["n"], facts["former"]) == (True, 3, 2)
    assert (facts["signing_changed"], facts["root_key"]) == (True, None)
    assert facts["urls"] == ["https://c.example"]


def test_the_command_refuses_what_is_wrong(folder: Path) -> None:
    assert provision("rotate-keys", str(folder), "--url", "c.example").returncode == 2
    refused = provision("rotate-keys", str(folder), "--root-key", str(folder / "x"), "--json")
    assert (refused.returncode, "key-missing" in refused.stdout) == (4, True)
    root = folder.parent / "root.key"
    shutil.copy(folder / "root" / "root.key", root)
    shutil.rmtree(folder / "root")
    (folder / "root").write_text("a file where the folder belongs")
    unwritable = provision("rotate-keys", str(folder), "--root", "--root-key", str(root), "--json")
    assert (unwritable.returncode, "file-unwritable" in unwritable.stdout) == (2, True)
    assert keys.load(folder / "keys").n == 1
