"""The scanner that is not there, read by a real device line and from the command line."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from provisioning.sandbox.scanner import NotPlugged, Scanner
from tests.provisioning.conftest import BIN, environment

CARD = "001184000017||Nguyễn Thị Ngọc Hà|05031984|Nữ|Thôn 1, xã Ứng Hòa|15082021"


def listen(name: Path) -> int:
    return os.open(name, os.O_RDWR | os.O_NOCTTY)


def test_who_opens_the_name_reads_the_scan(tmp_path: Path) -> None:
    scanner = Scanner(tmp_path / "dev" / "door")
    office = listen(scanner.name)
    scanner.scan(CARD.encode())
    assert os.read(office, 1_000) == CARD.encode() + b"\r"
    os.close(office)
    scanner.close()


def test_it_tells_whether_anybody_listens(tmp_path: Path) -> None:
    scanner = Scanner(tmp_path / "door")
    seen = [scanner.is_open]
    office = listen(scanner.name)
    seen.append(scanner.is_open)
    os.close(office)
    seen.append(scanner.is_open)
    assert seen == [False, True, False]
    scanner.close()


def test_replugged_it_is_another_terminal_under_the_same_name(tmp_path: Path) -> None:
    scanner = Scanner(tmp_path / "door")
    office = listen(scanner.name)
    scanner.replug()
    assert not scanner.is_open
    assert os.read(office, 1) == b"", "the former owner sees it vanish"
    again = listen(scanner.name)
    scanner.scan(b"1")
    assert os.read(again, 10) == b"1\r"
    for end in (office, again):
        os.close(end)
    scanner.close()


def test_a_stale_name_is_taken_over_but_a_file_is_not(tmp_path: Path) -> None:
    (tmp_path / "stale").symlink_to("/nowhere")
    Scanner(tmp_path / "stale").close()
    assert not (tmp_path / "stale").is_symlink()
    (tmp_path / "file").write_text("mine")
    with pytest.raises(NotPlugged):
        Scanner(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


def test_the_command_reads_a_file_line_by_line(tmp_path: Path) -> None:
    codes = tmp_path / "codes"
    codes.write_text(f"{CARD}\nH26.107-261121-0001\n")
    port = tmp_path / "door"
    words = ["simulate", "scanner", "--port", str(port), "--file", str(codes), "--every-ms", "10"]
    process = subprocess.Popen(
        [BIN / "commune-provision", *words],
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        env=environment(),
    )
    assert process.stderr is not None
    assert b"simulated at" in process.stderr.readline()
    office = listen(port)
    wanted = f"{CARD}\rH26.107-261121-0001\r".encode()
    read = b""
    while len(read) < len(wanted):
        read += os.read(office, 1_000)
    assert read == wanted
    assert b"Everything is scanned" in process.stderr.readline()
    process.send_signal(signal.SIGTERM)
    assert process.wait(5) == 0
    assert not port.is_symlink()
    os.close(office)
    process.stderr.close()


def test_the_command_does_not_touch_a_file_at_its_port(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    done = subprocess.run(
        [BIN / "commune-provision", "simulate", "scanner", "--port", tmp_path / "file"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=environment(),
        timeout=20,
        check=False,
    )
    assert done.returncode == 2
    assert (tmp_path / "file").read_text() == "mine"
