"""The line between two namespaces: what it counts, how slow it is, what it loses."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.chaos.netem import (
    FAR_ADDRESS,
    Conditions,
    Netem,
    in_namespace,
    tcp_payload_bytes,
    why_not,
)

PORT = 9_000
needs_line = pytest.mark.skipif(why_not() is not None, reason=why_not() or "")


def packet(payload: bytes, *, protocol: int = 6, options: bytes = b"") -> bytes:
    tcp = bytes(12) + bytes([(20 + len(options)) // 4 << 4]) + bytes(7) + options + payload
    length = (20 + len(tcp)).to_bytes(2, "big")
    return bytes([0x45, 0]) + length + bytes(5) + bytes([protocol]) + bytes(10) + tcp


def test_only_tcp_payload_is_counted() -> None:
    assert tcp_payload_bytes(packet(b"12345")) == 5
    assert tcp_payload_bytes(packet(b"12345", options=bytes(12))) == 5
    assert tcp_payload_bytes(packet(b"12345") + b"padding") == 5
    assert tcp_payload_bytes(packet(b"12345", protocol=17)) == 0
    assert tcp_payload_bytes(b"\x60" + bytes(60)) == 0
    assert tcp_payload_bytes(b"") == 0


@pytest.fixture
def line() -> Iterator[Netem]:
    with Netem(Conditions(delay_ms=50)) as line:
        yield line


@pytest.fixture
def far(line: Netem) -> Iterator[socket.socket]:
    with in_namespace(line.far, lambda: socket.create_server((FAR_ADDRESS, PORT))) as server:
        server.settimeout(10)
        yield server


def connect(line: Netem) -> socket.socket:
    return in_namespace(line.near, lambda: socket.create_connection((FAR_ADDRESS, PORT), timeout=5))


@pytest.mark.system
@pytest.mark.timing
@needs_line
def test_a_connection_takes_the_way_there_and_back(line: Netem, far: socket.socket) -> None:
    began = time.monotonic()
    with connect(line):
        assert 0.1 <= time.monotonic() - began < 1
    far.accept()[0].close()


@pytest.mark.system
@pytest.mark.timing
@needs_line
def test_bytes_come_no_faster_than_the_rate(line: Netem, far: socket.socket) -> None:
    line.conditions.rate_bit_s = 256_000
    sent = bytes(20_000)

    def send() -> None:
        with connect(line) as near:
            near.sendall(sent)

    began = time.monotonic()
    thread = threading.Thread(target=send)
    thread.start()
    peer, _ = far.accept()
    with peer:
        got = 0
        while data := peer.recv(1 << 16):
            got += len(data)
    thread.join()
    assert got == len(sent)
    assert time.monotonic() - began >= len(sent) * 8 / 256_000
    assert line.up.payload_bytes >= len(sent)


@pytest.mark.system
@needs_line
def test_a_line_that_is_down_lets_nothing_through(line: Netem, far: socket.socket) -> None:
    del far
    line.conditions.is_down = True

    def try_it() -> None:
        socket.create_connection((FAR_ADDRESS, PORT), timeout=0.5)

    with pytest.raises(TimeoutError):
        in_namespace(line.near, try_it)
    assert line.up.lost > 0
    assert line.up.payload_bytes == 0


@pytest.mark.system
@needs_line
def test_what_goes_wrong_inside_a_namespace_is_told_outside(line: Netem) -> None:
    with pytest.raises(ConnectionRefusedError):
        in_namespace(line.near, lambda: socket.create_connection((FAR_ADDRESS, 1), timeout=5))
