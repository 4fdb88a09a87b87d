"""The line goes and comes back: how soon that is noticed, and what each dead line is called."""

import asyncio
import errno
import socket
import time
from collections.abc import Iterator
from random import Random

import pytest

from agent.sync import faults
from agent.sync.http import HttpTransport, Patience
from agent.sync.netlink import RouteWatch, open_route_socket
from agent.sync.probe import FAST_FOR_MS, SLOW_S_MAX, LineProbe, ProbePace, connects
from agent.sync.transport import ExchangeError
from tests.agent.sync.conftest import Office, TestClock
from tests.agent.sync.province import Loopback, http
from tests.ports import free_port


@pytest.mark.timing
async def test_the_first_record_is_at_the_province_within_three_seconds_of_the_lines_return(
    office: Office, line: Loopback
) -> None:
    office.delays.wait_ms = 300_000
    office.start()
    await office.until_shown(None)
    await line.cut()
    await office.record(5)
    show = await office.until_shown("line-down")
    assert show.line == "offline"
    await line.up()
    returned = time.monotonic()
    await office.until_delivered()
    assert time.monotonic() - returned <= 3.0
    assert len(office.province.events) == 5


async def test_an_office_that_starts_offline_delivers_when_the_line_comes(
    office: Office, line: Loopback
) -> None:
    await line.cut()
    office.delays.wait_ms = 300_000
    await office.record(3)
    office.start()
    await office.until_shown("line-down")
    await line.up()
    await office.until_delivered()


def running() -> set[str]:
    """The names of the tasks at work now."""
    return {task.get_name() for task in asyncio.all_tasks()}


async def test_offline_with_nothing_to_deliver_nothing_is_probed(
    office: Office, line: Loopback
) -> None:
    await line.cut()
    office.delays.wait_ms = 300_000
    office.start()
    await office.until_shown("line-down")
    assert "sync probing" not in running()
    await office.record(1)
    await office.looks.until(up=False)
    assert "sync probing" in running()
    await line.up()
    await office.until_delivered()


async def test_a_kept_connection_that_died_unnoticed_is_replaced_at_once(
    office: Office, line: Loopback
) -> None:
    office.start()
    await office.until_shown(None)

    async def hang_up(_body: bytes, _writer: asyncio.StreamWriter) -> None:
        raise ConnectionResetError

    line.scripts.append(hang_up)
    office.delays.wait_ms = 300_000
    await office.record(1)
    await office.until_delivered()
    assert [ok for ok, _ in await office.log()] == [1, 1]
    assert line.connections == 2


async def fault_of(transport: HttpTransport) -> faults.Fault:
    try:
        with pytest.raises(ExchangeError) as caught:
            await transport.post(b"x")
    finally:
        await transport.close()
    return caught.value.fault


async def test_a_closed_port_is_a_line_that_is_down() -> None:
    assert await fault_of(HttpTransport(f"http://127.0.0.1:{free_port()}")) is faults.OFFLINE


async def test_a_name_that_does_not_resolve_is_called_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_args: object, **_kwargs: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", gone)
    assert await fault_of(HttpTransport("http://tinh.invalid")) is faults.DNS


async def test_an_address_that_swallows_connects_is_a_line_that_is_down() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(3)]
        try:
            for one in waiting:
                one.setblocking(False)
                one.connect_ex(("127.0.0.1", port))
            patience = Patience(connect_s=0.2, silence_s=0.5, total_s=1.0)
            transport = HttpTransport(f"http://127.0.0.1:{port}", patience=patience)
            assert await fault_of(transport) is faults.OFFLINE
        finally:
            for one in waiting:
                one.close()


async def test_a_listener_that_takes_a_connection_and_keeps_it_is_a_line(line: Loopback) -> None:
    assert await connects("127.0.0.1", line.port)


async def test_nobody_listening_is_no_line() -> None:
    assert not await connects("127.0.0.1", free_port())


async def test_a_proxy_that_hangs_up_at_once_is_no_line() -> None:
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        await writer.wait_closed()

    async def reset(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    for script in (hang_up, reset):
        server = await asyncio.start_server(script, "127.0.0.1", 0)
        async with server:
            assert not await connects("127.0.0.1", server.sockets[0].getsockname()[1])


def test_probes_come_every_one_to_two_seconds_and_slow_down_after_ten_minutes() -> None:
    pace = ProbePace(Random(1), 0)
    fast = [pace.next_s(n * 1_000, down=False) for n in range(600)]
    assert min(fast) >= 1.0
    assert max(fast) <= 2.0
    assert 0.5 <= pace.next_s(0, down=True) <= 1.0
    slow = [pace.next_s(FAST_FOR_MS + n, down=True) for n in range(50)]
    assert max(slow) <= SLOW_S_MAX
    assert min(slow[20:]) >= SLOW_S_MAX * 0.7


class Switch:
    """A line that a test turns on and off; counts how often it was tried."""

    def __init__(self, *answers: bool) -> None:
        self.answers = list(answers)
        self.probe: LineProbe | None = None
        self.tried = 0

    async def __call__(self) -> bool:
        self.tried += 1
        if self.probe is not None and len(self.answers) > 1:
            self.probe.kick()
        return self.answers.pop(0)


async def test_after_a_cut_a_line_that_stayed_up_is_no_news(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agent.sync.probe.FAST_S", (0.001, 0.002))
    monkeypatch.setattr("agent.sync.probe.FAST_DOWN_S", (0.001, 0.002))
    switch = Switch(True, True, False, False, True)
    await LineProbe(switch, TestClock(), Random(1)).until_up(down=False)
    assert switch.tried == 5


async def test_a_new_route_makes_the_probe_look_at_once() -> None:
    switch = Switch(False, False, True)
    switch.probe = LineProbe(switch, TestClock(), Random(1))
    switch.probe.kick()
    async with asyncio.timeout(0.9):
        await switch.probe.until_up(down=True)
    assert switch.tried == 3


async def test_the_kernel_tells_of_a_new_route() -> None:
    ours, kernel = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with kernel, RouteWatch(ours) as watch:
        kernel.send(b"RTM_NEWLINK")
        kernel.send(b"RTM_NEWROUTE")
        async with asyncio.timeout(5):
            await watch.changed()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.4):
                await watch.changed()


def test_the_route_socket_opens_on_linux() -> None:
    sock = open_route_socket()
    assert sock is not None
    assert sock.family == socket.AF_NETLINK
    sock.close()


class Forbidden(socket.socket):
    """A socket that a sandbox lets one make but not bind."""

    def bind(self, _address: object) -> None:
        raise PermissionError


def test_without_netlink_the_probe_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "socket", Forbidden)
    assert open_route_socket() is None
    monkeypatch.setattr(socket, "AF_NETLINK", -7)
    assert open_route_socket() is None
    monkeypatch.delattr(socket, "AF_NETLINK")
    assert open_route_socket() is None


async def test_a_kernel_that_told_more_than_fits_told_of_a_change() -> None:
    class Overrun(socket.socket):
        overrun = True

        def recv(self, *args: int) -> bytes:
            if self.overrun:
                self.overrun = False
                raise OSError(errno.ENOBUFS, "No buffer space available")
            return super().recv(*args)

    ours, kernel = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with kernel, Overrun(fileno=ours.detach()) as overrun, RouteWatch(overrun) as watch:
        kernel.send(b"RTM_NEWROUTE")
        async with asyncio.timeout(5):
            await watch.changed()


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The kernel's end of the route socket."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    monkeypatch.setattr("agent.sync.shell.open_route_socket", lambda: ours)
    with theirs:
        yield theirs


async def test_a_new_network_ends_the_wait_behind_a_captive_portal(
    office: Office, line: Loopback, kernel: socket.socket
) -> None:
    line.scripts.append(http("302 Found", location="http://portal/"))
    office.delays.wait_ms = 3_600_000
    await office.record(1)
    office.start()
    await office.until_shown("captive-portal")
    kernel.send(b"RTM_NEWROUTE")
    await office.until_delivered()


async def test_a_new_network_makes_the_probe_look_at_once(
    office: Office, line: Loopback, kernel: socket.socket
) -> None:
    await line.cut()
    office.delays.wait_ms = 3_600_000
    await office.record(1)
    office.start()
    await office.until_shown("line-down")
    await line.up()
    kernel.send(b"RTM_NEWLINK")
    await office.until_delivered()


async def test_without_a_route_socket_an_office_syncs_all_the_same(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.sync.shell.open_route_socket", lambda: None)
    await office.record(1)
    office.start()
    await office.until_delivered()
    assert office.syncer is not None
    assert office.syncer.goodput_bytes_s > 0


@pytest.mark.parametrize("turns", range(6))
async def test_a_wish_while_everything_is_being_ended_has_no_consequences(
    office: Office, turns: int
) -> None:
    office.start()
    await office.until_shown(None)
    assert office.task is not None
    assert office.syncer is not None
    office.task.cancel()
    for _ in range(turns):
        await asyncio.sleep(0)
    office.syncer.sync_now()
    await office.stop()


async def test_a_syncer_that_does_not_run_ignores_wishes(office: Office) -> None:
    office.start()
    await office.until_shown(None)
    assert office.syncer is not None
    await office.stop()
    office.syncer.sync_now()
    assert len(office.province.ups) == 1
