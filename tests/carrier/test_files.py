"""Names, careful reading and honest writing of a stick (docs/protocol.md section 8)."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from carrier import names, reading
from carrier.writing import Carried
from wire.limits import MESSAGE_BYTES_MAX
from wire.problems import Refusal


def test_names_are_8_3_upper_case_and_say_nothing() -> None:
    assert names.message_name(b"\x00\xab\xcd\xef") == "00ABCDEF.CSE"
    usual, other, *_ = names.answer_names(bytes.fromhex("0123456789"))
    assert (usual, other) == ("R0123456.CSE", "S0123456.CSE")


@pytest.mark.parametrize("name", ["00abcdef.cse", "00ABCDEF.CSE", "00AbCdEf.cSe"])
def test_names_are_read_in_any_case(name: str) -> None:
    assert names.is_message(name)
    assert not names.is_answer(name)


@pytest.mark.parametrize(
    "name", ["0ABCDEF.CSE", "G0ABCDEF.CSE", "00ABCDEF.CBL", "00ABCDEF.CSE.EXE"]
)
def test_other_names_are_not_ours(name: str) -> None:
    assert not names.is_message(name)
    assert not names.is_answer(name)


def put(stick: Path, name: str, data: bytes = b"x", folder: str = "COMMUNE") -> Path:
    file = stick / folder / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(data)
    return file


def test_messages_are_found_in_any_case_of_folder_and_name(tmp_path: Path) -> None:
    put(tmp_path, "00000002.CSE")
    put(tmp_path, "00000001.cse", folder="commune")
    put(tmp_path, "R0000003.CSE")
    put(tmp_path, "readme.txt")
    put(tmp_path, "00000004.CSE", folder="OTHER")
    found = reading.find(tmp_path, names.is_message)
    assert [path.name for path in found] == ["00000001.cse", "00000002.CSE"]
    assert [path.name for path in reading.find(tmp_path, names.is_answer)] == ["R0000003.CSE"]


def test_links_devices_and_folders_are_no_messages(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"of the machine")
    folder = tmp_path / "COMMUNE"
    folder.mkdir()
    (folder / "00000001.CSE").symlink_to(secret)
    (folder / "00000002.CSE").mkdir()
    os.mkfifo(folder / "00000003.CSE")
    (tmp_path / "commune").symlink_to(folder)
    assert reading.find(tmp_path, names.is_message) == []
    for number in (1, 2, 3):
        with pytest.raises(Refusal, match="carrier-unreadable"):
            reading.read(folder / f"0000000{number}.CSE")


def test_a_file_is_read_up_to_its_limit_and_no_further(tmp_path: Path) -> None:
    assert reading.read(put(tmp_path, "00000001.CSE", b"ab")) == b"ab"
    with pytest.raises(Refusal, match="too-large"):
        reading.read(put(tmp_path, "00000002.CSE", bytes(MESSAGE_BYTES_MAX + 1)))


def test_a_stick_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="carrier-missing"):
        reading.find(tmp_path / "nowhere", names.is_message)


def test_more_files_than_can_be_honest_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        put(tmp_path, f"0000000{number}.CSE")
    monkeypatch.setattr(reading, "FILES_MAX", 3)
    with pytest.raises(Refusal, match="carrier-crowded"):
        reading.find(tmp_path, names.is_message)
    monkeypatch.setattr(reading, "ENTRIES_MAX", 3)
    with pytest.raises(Refusal, match="carrier-crowded"):
        reading.find(tmp_path, names.is_message)


def test_what_was_written_is_there_after_settling(tmp_path: Path) -> None:
    carried = Carried(tmp_path)
    carried.write("00000001.CSE", b"one")
    carried.write("00000002.CSE", b"two")
    carried.settle()
    assert reading.read(tmp_path / "COMMUNE" / "00000001.CSE") == b"one"
    assert sorted(path.name for path in carried.folder.iterdir()) == [
        "00000001.CSE",
        "00000002.CSE",
    ]
    assert carried.has("00000001.CSE")
    assert not carried.has("00000003.CSE")


def test_a_folder_in_another_case_is_used_and_an_older_part_replaced(tmp_path: Path) -> None:
    put(tmp_path, "00000001.TMP", b"of a pull in the middle", folder="Commune")
    carried = Carried(tmp_path)
    carried.write("00000001.CSE", b"one")
    carried.settle()
    assert [path.name for path in tmp_path.iterdir()] == ["Commune"]
    assert [path.name for path in carried.folder.iterdir()] == ["00000001.CSE"]


def test_a_stick_that_gives_back_something_else_is_never_safe_to_remove(tmp_path: Path) -> None:
    carried = Carried(tmp_path)
    carried.write("00000001.CSE", b"one")
    (carried.folder / "00000001.CSE").write_bytes(b"")  # what FAT left 30 times of 30
    with pytest.raises(Refusal, match="carrier-failed"):
        carried.settle()


def test_a_stick_that_was_pulled_is_called_so(tmp_path: Path) -> None:
    (tmp_path / "stick").mkdir()
    carried = Carried(tmp_path / "stick")
    carried.write("00000001.CSE", b"one")
    (tmp_path / "stick").rename(tmp_path / "pulled")
    with pytest.raises(Refusal, match="carrier-gone"):
        carried.write("00000002.CSE", b"two")
    with pytest.raises(Refusal, match="carrier-gone"):
        carried.settle()
    with pytest.raises(Refusal, match="carrier-gone"):
        Carried(tmp_path / "stick")


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.ENOSPC, "carrier-full"), (errno.EIO, "carrier-gone"), (errno.EROFS, "carrier-failed")],
)
def test_what_a_disk_says_has_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    carried = Carried(tmp_path)

    def fails(_descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(Refusal, match=code):
        carried.write("00000001.CSE", b"one")
