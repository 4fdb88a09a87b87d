"""A slow, lossy line between two network namespaces, for programs that must not notice the rig.

Each end is a TUN device in a namespace of its own; a thread carries the packets between them and
gives every one its turn on the line (rate), its way (delay) and its bad luck (loss). Programs run
in a namespace with `command`, sockets of this process with `in_namespace`. Needs root,
`/dev/net/tun` and iproute2: `why_not` says what is missing.
"""

import ctypes
import fcntl
import heapq
import os
import random
import select
import shutil
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

T = TypeVar("T")

TUNSETIFF = 0x400454CA
TUN_WITHOUT_HEADER = 0x0001 | 0x1000
CLONE_NEWNET = 0x40000000
PACKET_BYTES_MAX = 2048
LINK_BYTES_MAX = 1400
QUEUE_S_MAX = 3.0
"""What waits longer than this for its turn is dropped, as a modem's buffer does."""
NEAR_ADDRESS, FAR_ADDRESS = "10.231.9.1", "10.231.9.2"
TUN = Path("/dev/net/tun")
TCP = 6


def why_not() -> str | None:
    """Say why there can be no such line here, None when there can."""
    if os.geteuid() != 0:
        return "needs root"
    if not TUN.exists():
        return "needs /dev/net/tun"
    if shutil.which("ip") is None:
        return "needs iproute2"
    return None


def in_namespace(name: str, work: Callable[[], T]) -> T:
    """Run `work` inside a namespace and give its result; a socket made there stays there.

    A namespace belongs to a thread, so the work gets one of its own that ends with it.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def inside() -> None:
        try:
            _enter(name)
            results.append(work())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=inside, name=f"in {name}")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def _enter(name: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    handle = os.open(f"/run/netns/{name}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if libc.setns(handle, CLONE_NEWNET) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), name)
    finally:
        os.close(handle)


@dataclass(slots=True)
class Count:
    """What one direction carried: packets, those lost, bytes of TCP payload delivered."""

    packets: int = 0
    lost: int = 0
    payload_bytes: int = 0


@dataclass(slots=True)
class Conditions:
    """What the line is like now; may be changed while it runs.

    rate_bit_s: 0 for as fast as it goes. delay_ms: one way. loss: probability of a packet.
    """

    rate_bit_s: int = 0
    delay_ms: float = 0.0
    loss: float = 0.0
    is_down: bool = False


@dataclass(order=True, slots=True)
class _Packet:
    due: float
    number: int
    sink: int = field(compare=False)
    data: bytes = field(compare=False)
    count: Count = field(compare=False)


class Netem:
    """The line; a context manager. `near` is the office's end, `far` the province's."""

    def __init__(self, conditions: Conditions, *, seed: int = 1, name: str = "") -> None:
        suffix = name or f"{os.getpid()}"
        self.near, self.far = f"cmn{suffix}", f"cmf{suffix}"
        self.conditions = conditions
        self.congestion_control = ""
        self.up, self.down = Count(), Count()
        self._chance = random.Random(seed)
        self._free = {0: 0.0, 1: 0.0}
        self._queue: list[_Packet] = []
        self._number = 0
        self._stop_read, self._stop_write = -1, -1
        self._ends: tuple[int, int] = (-1, -1)
        self._thread = threading.Thread(target=self._carry, name="netem", daemon=True)

    def __enter__(self) -> Self:
        try:
            near = self._end_of(self.near, NEAR_ADDRESS, FAR_ADDRESS)
            far = self._end_of(self.far, FAR_ADDRESS, NEAR_ADDRESS)
        except BaseException:
            self._remove_namespaces()
            raise
        self._ends = (near, far)
        self._stop_read, self._stop_write = os.pipe()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._stop_write)
        self._thread.join(5)
        for end in (*self._ends, self._stop_read):
            os.close(end)
        self._remove_namespaces()

    def command(self, namespace: str, argv: Sequence[str]) -> list[str]:
        """Give the command line that runs `argv` inside a namespace."""
        return ["ip", "netns", "exec", namespace, *argv]

    def _end_of(self, namespace: str, own: str, other: str) -> int:
        subprocess.run(["ip", "netns", "add", namespace], check=True, capture_output=True)

        def make() -> int:
            tun = os.open(TUN, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH", b"line", TUN_WITHOUT_HEADER))
            for words in (
                f"ip addr add {own} peer {other} dev line",
                f"ip link set line mtu {LINK_BYTES_MAX} up",
                "ip link set lo up",
            ):
                subprocess.run(words.split(), check=True, capture_output=True)
            self.congestion_control = _choose_congestion_control()
            return tun

        return in_namespace(namespace, make)

    def _remove_namespaces(self) -> None:
        for namespace in (self.near, self.far):
            subprocess.run(["ip", "netns", "del", namespace], check=False, capture_output=True)

    def _carry(self) -> None:
        near, far = self._ends
        ways = {near: (0, far, self.up), far: (1, near, self.down)}
        while True:
            self._deliver()
            wait_s = max(0.0, self._queue[0].due - time.monotonic()) if self._queue else None
            ready = select.select([near, far, self._stop_read], [], [], wait_s)[0]
            if self._stop_read in ready:
                return
            for source in ready:
                side, sink, count = ways[source]
                self._take_all(source, side, sink, count)

    def _deliver(self) -> None:
        now = time.monotonic()
        while self._queue and self._queue[0].due <= now:
            packet = heapq.heappop(self._queue)
            payload_bytes = tcp_payload_bytes(packet.data)
            # Counted first: who has read the bytes finds them counted.
            packet.count.payload_bytes += payload_bytes
            try:
                os.write(packet.sink, packet.data)
            except OSError:
                packet.count.payload_bytes -= payload_bytes
                packet.count.lost += 1

    def _take_all(self, source: int, side: int, sink: int, count: Count) -> None:
        while True:
            try:
                data = os.read(source, PACKET_BYTES_MAX)
            except BlockingIOError:
                return
            count.packets += 1
            due = self._due(side, len(data))
            if due is None:
                count.lost += 1
                continue
            self._number += 1
            heapq.heappush(self._queue, _Packet(due, self._number, sink, data, count))

    def _due(self, side: int, size: int) -> float | None:
        """Return when a packet that was sent now comes out, None when it never does."""
        line, now = self.conditions, time.monotonic()
        if line.is_down or self._chance.random() < line.loss:
            return None
        start = max(now, self._free[side])
        if start - now > QUEUE_S_MAX:
            return None
        if line.rate_bit_s:
            start += size * 8 / line.rate_bit_s
            self._free[side] = start
        return start + line.delay_ms / 1000


def _choose_congestion_control() -> str:
    """Set what office machines have, in this namespace: whatever this machine itself runs.

    A kernel may keep cubic from namespaces; reno behaves alike on lines this slow.
    """
    control = Path("/proc/sys/net/ipv4/tcp_congestion_control")
    for name in ("cubic", "reno"):
        try:
            control.write_text(name)
        except OSError:
            continue
        return name
    return control.read_text().strip()


def tcp_payload_bytes(packet: bytes) -> int:
    """Return how many bytes of TCP payload an IPv4 packet holds (RFC 791, RFC 9293)."""
    if len(packet) < 20 or packet[0] >> 4 != 4 or packet[9] != TCP:
        return 0
    header = (packet[0] & 0x0F) * 4
    if len(packet) < header + 20:
        return 0
    total = int.from_bytes(packet[2:4], "big")
    return max(0, total - header - (packet[header + 12] >> 4) * 4)
