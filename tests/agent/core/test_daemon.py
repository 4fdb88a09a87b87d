"""The daemon as a process: starting, refusing to start, stopping."""

import contextlib
import json
import os
import pty
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import pytest

from agent.journal import database, schema

TOML = """
office = "H26.107"
data_dir = "data"
[province]
url = "http://127.0.0.1:1"
[api]
socket = "agent.sock"
listen = "{listen}"
"""
DOOR = """
[[devices]]
name = "door"
driver = "barcode"
port = "{port}"
use = "door"
"""
PROGRAM = (
    "import sys\nfrom pathlib import Path\nfrom agent import config, main\n"
    "sys.exit(main.run(config.read(Path(sys.argv[1]))))\n"
)
START_S_MAX = 20


class Systemd:
    """The far end of sd_notify."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(START_S_MAX)

    def wait_for(self, message: str) -> None:
        while not self._socket.recv(1000).decode().startswith(message):
            pass

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    made = Systemd(tmp_path / "notify")
    yield made
    made.close()


@contextmanager
def daemon(
    directory: Path, systemd: Systemd | None = None, listen: str = "", devices: str = ""
) -> Iterator[subprocess.Popen[str]]:
    """Start an agent that nobody has enrolled yet."""
    file = directory / "agent.toml"
    file.write_text(TOML.format(listen=listen) + devices)
    environment = dict(os.environ)
    if systemd is not None:
        environment |= {"NOTIFY_SOCKET": str(systemd.path), "WATCHDOG_USEC": "3000000"}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(file)],
        env=environment, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


def refused(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, said = process.communicate(timeout=START_S_MAX)
    return process.returncode, said


@pytest.fixture
def stopped(tmp_path: Path, systemd: Systemd) -> Path:
    """A directory in which a daemon has run once."""
    with daemon(tmp_path, systemd) as process:
        systemd.wait_for("READY=1")
        process.terminate()
        assert process.wait(5) == 0
    return tmp_path


def test_not_enrolled_it_stays_up_and_stops_cleanly_within_five_seconds(
    tmp_path: Path, systemd: Systemd
) -> None:
    with daemon(tmp_path, systemd) as process:
        systemd.wait_for("READY=1")
        systemd.wait_for("WATCHDOG=1")
        assert (tmp_path / "agent.sock").is_socket()
        asked = time.monotonic()
        process.send_signal(signal.SIGTERM)
        systemd.wait_for("STOPPING=1")
        assert process.wait(5) == 0
        assert time.monotonic() - asked < 5
    assert not (tmp_path / "agent.sock").exists()


def test_a_second_daemon_on_the_same_data_is_refused(tmp_path: Path, systemd: Systemd) -> None:
    with daemon(tmp_path, systemd):
        systemd.wait_for("READY=1")
        with daemon(tmp_path) as second:
            code, said = refused(second)
    assert code == 1
    assert "systemctl stop" in said


def test_a_wrong_key_is_refused_with_4_and_says_how_to_go_on(stopped: Path) -> None:
    key = stopped / "keys" / "journal.key"
    key.write_bytes(bytes(32))
    before = (stopped / "data" / "journal.db").read_bytes()
    with daemon(stopped) as process:
        code, said = refused(process)
    assert code == 4
    assert "journal.key" in said
    assert (stopped / "data" / "journal.db").read_bytes() == before


def test_a_lost_key_is_refused_and_no_new_one_is_made(stopped: Path) -> None:
    (stopped / "keys" / "journal.key").unlink()
    with daemon(stopped) as process:
        code, _ = refused(process)
    assert code == 4
    assert not (stopped / "keys" / "journal.key").exists()


def test_a_newer_schema_is_refused_with_1(stopped: Path) -> None:
    key = (stopped / "keys" / "journal.key").read_bytes()
    connection = database.connect(stopped / "data" / "journal.db", key, mode="rw")
    connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    connection.close()
    with daemon(stopped) as process:
        code, said = refused(process)
    assert code == 1
    assert "newer version" in said


def test_an_address_that_is_taken_is_a_matter_of_configuration(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with daemon(tmp_path, listen=address) as process:
            code, said = refused(process)
    assert code == 2
    assert f"listen = {address}: chương trình khác đang giữ địa chỉ này" in said
    assert f"listen = {address}: another program holds this address" in said
    assert "agent.sock" not in said, "the address that is not at fault is not named"


def test_a_path_that_is_too_long_for_a_socket_says_so(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 60) / ("y" * 60)
    deep.mkdir(parents=True)
    with daemon(deep) as process:
        code, said = refused(process)
    assert code == 2
    assert f"socket = {deep / 'agent.sock'}: the path is too long" in said


def test_a_damaged_first_page_looks_like_a_wrong_key_and_both_are_told(stopped: Path) -> None:
    file = stopped / "data" / "journal.db"
    content = bytearray(file.read_bytes())
    content[200] ^= 1
    file.write_bytes(content)
    with daemon(stopped) as process:
        code, said = refused(process)
    assert code == 4
    assert "trang đầu của tệp dữ liệu bị hỏng" in said
    assert "put the right file" in said


def test_a_scan_at_the_door_that_is_refused_stays_to_be_seen(
    tmp_path: Path, systemd: Systemd
) -> None:
    scanner, port = pty.openpty()
    device = DOOR.format(port=os.ttyname(port))
    card = "001184000017||Nguyễn Thị Ngọc Hà|05031984|Nữ|Thôn 1, Ứng Hòa, Hà Nội|01012022\r"
    with daemon(tmp_path, systemd, devices=device):
        systemd.wait_for("READY=1")
        while told(tmp_path, "/api/devices")["items"][0]["state"] != "ready":
            pass
        with answer(tmp_path, "/api/stream") as stream:
            assert stream.readline() == b"event: status\n"
            # What comes before the first terminator counts as half a record.
            os.write(scanner, b"\r" + card.encode())
            while not stream.readline().startswith(b"event: problem"):
                pass
        (problem,) = told(tmp_path, "/api/problems")["items"]
        status = told(tmp_path, "/api/status")
    assert (problem["code"], problem["severity"]) == ("not-enrolled", "warn")
    assert status["problems_open"] == 1
    os.close(scanner)
    os.close(port)


@contextmanager
def answer(directory: Path, address: str) -> Iterator[HTTPResponse]:
    connection = HTTPConnection("agent", timeout=START_S_MAX)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(START_S_MAX)
    connection.sock.connect(str(directory / "agent.sock"))
    connection.request("GET", address)
    with contextlib.closing(connection), connection.getresponse() as response:
        yield response


def told(directory: Path, address: str) -> Any:
    with answer(directory, address) as response:
        return json.load(response)


@pytest.mark.slow
def test_the_scan_folder_is_emptied_into_a_list_that_survives_a_kill(
    tmp_path: Path, systemd: Systemd
) -> None:
    (tmp_path / "scanner").mkdir()
    watched = '[scans]\nfolder = "scanner"\n'
    (tmp_path / "scanner" / "scan.pdf").write_bytes(b"%PDF-1.7 made up")
    with daemon(tmp_path, systemd, devices=watched):
        systemd.wait_for("READY=1")
        while not (waiting := told(tmp_path, "/api/scans")["items"]):
            time.sleep(0.1)
    with daemon(tmp_path, systemd, devices=watched):
        systemd.wait_for("READY=1")
        assert told(tmp_path, "/api/scans")["items"] == waiting
    assert [scan["name"] for scan in waiting] == ["scan.pdf"]
