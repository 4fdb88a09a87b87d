"""The Unix socket is closed to others from its first moment; a live daemon is never displaced."""

import os
import socket
import stat
from pathlib import Path

import pytest

from agent.web.sockets import SocketTaken, listen_tcp, listen_unix, split_address


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_modes_do_not_depend_on_the_umask(tmp_path: Path, umask: int) -> None:
    path = tmp_path / "run" / "agent.sock"
    before = os.umask(umask)
    try:
        listener = listen_unix(path, own_directory=True)
    finally:
        os.umask(before)
    with listener:
        assert mode(path) == 0o660
        assert mode(path.parent) == 0o750
        assert [entry.name for entry in path.parent.iterdir()] == ["agent.sock"]


def test_an_open_directory_of_our_own_is_closed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o777)
    listen_unix(home / "agent.sock", own_directory=True).close()
    assert mode(home) == 0o750


def test_a_directory_of_the_system_is_left_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    listen_unix(tmp_path / "agent.sock", own_directory=False).close()
    assert mode(tmp_path) == 0o755


def test_a_socket_that_a_dead_daemon_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "agent.sock"
    listen_unix(path, own_directory=True).close()
    assert path.exists()
    with listen_unix(path, own_directory=True), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


def test_where_somebody_answers_nothing_is_touched(tmp_path: Path) -> None:
    path = tmp_path / "agent.sock"
    with listen_unix(path, own_directory=True):
        before = path.stat().st_ino
        with pytest.raises(SocketTaken):
            listen_unix(path, own_directory=True)
        assert path.stat().st_ino == before


def test_something_else_at_the_address_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "agent.sock"
    path.mkdir()
    with pytest.raises(OSError):
        listen_unix(path, own_directory=True)
    assert path.is_dir()


def test_a_path_too_long_leaves_nothing_open(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        listen_unix(tmp_path / ("x" * 120), own_directory=True)
    assert list(tmp_path.iterdir()) == []


def test_tcp_listens_where_it_is_told() -> None:
    with listen_tcp("127.0.0.1:0") as listener:
        address = listener.getsockname()
        assert address[0] == "127.0.0.1"
        with pytest.raises(OSError):
            listen_tcp(f"127.0.0.1:{address[1]}")


def test_addresses_are_read_strictly() -> None:
    assert split_address("127.0.0.1:8710") == ("127.0.0.1", 8710)
    assert split_address("[::1]:80") == ("::1", 80)
    for wrong in ("8710", "127.0.0.1", "127.0.0.1:", "127.0.0.1:70000", "127.0.0.1:８"):
        with pytest.raises(ValueError):
            split_address(wrong)
