"""A device on a real pseudo-terminal: read, unplugged, back again."""

import asyncio
import contextlib
import os
import socket
import termios
import tty
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.attached import attached
from agent.config import Device
from agent.devices.drivers import PROFILES
from agent.devices.framing import TerminatorFramer
from agent.devices.line import RECORDS_WAITING_MAX, DeviceConfig, Shell
from agent.devices.manager import DeviceManager
from agent.devices.port import is_absent
from agent.devices.reading import Reading

CARD = "001184000017|012345678|Nguyễn Thị Ngọc Hà|05031984|Nữ|Thôn 1, xã Ứng Hòa|01012022"
PATIENCE_S = 10


class FarEnd:
    """The scanner: a pseudo-terminal whose near end stands under a fixed name."""

    def __init__(self, name: Path) -> None:
        self.name = name
        self.plug()

    def plug(self) -> None:
        self.master, slave = os.openpty()
        tty.setraw(slave)
        self.name.symlink_to(os.ttyname(slave))
        os.close(slave)

    def unplug(self) -> None:
        self.name.unlink()
        os.close(self.master)

    def say(self, data: bytes) -> None:
        os.write(self.master, data)


class Listening(TerminatorFramer):
    """The barcode scanner's framer; says when the silence after opening is over."""

    def __init__(self, settled: asyncio.Event) -> None:
        super().__init__()
        self._settled = settled
        settled.clear()

    def gap(self) -> list[bytes]:
        records = super().gap()
        self._settled.set()
        return records


class Office:
    """A manager at work, its readings in a queue."""

    def __init__(self, config: DeviceConfig) -> None:
        self.readings: asyncio.Queue[Reading] = asyncio.Queue()
        self._settled = asyncio.Event()
        profile = replace(config.profile, framer=lambda: Listening(self._settled))
        config = replace(config, profile=profile)
        self.mono_ms = 0
        self.manager = DeviceManager(
            [config],
            Shell(
                now_ms=lambda: 1_763_000_000_000,
                mono_ms=lambda: self.mono_ms,
                random=lambda: 0.0,
                deliver=self.readings.put,
            ),
        )

    async def next(self) -> Reading:
        async with asyncio.timeout(PATIENCE_S):
            return await self.readings.get()

    async def until(self, state: str) -> None:
        async with asyncio.timeout(PATIENCE_S):
            # States are asked for, as the status page does.
            while self.manager.states()[0].state != state:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def until_listening(self) -> None:
        """Wait until what the device says is believed: half a record may come after opening."""
        await self.until("ready")
        async with asyncio.timeout(PATIENCE_S):
            await self._settled.wait()


@contextlib.asynccontextmanager
async def at_work(config: DeviceConfig) -> AsyncIterator[Office]:
    office = Office(config)
    task = asyncio.create_task(office.manager.run())
    try:
        yield office
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert office.manager.states()[0].state == "closed"


def door(port: str) -> DeviceConfig:
    return DeviceConfig(name="door", profile=PROFILES["barcode"], port=port, use="door")


@pytest.fixture
def scanner(tmp_path: Path) -> FarEnd:
    return FarEnd(tmp_path / "ttyACM0")


async def test_a_card_split_inside_a_letter_is_one_reading(scanner: FarEnd) -> None:
    async with at_work(door(str(scanner.name))) as office:
        await office.until_listening()
        data = CARD.encode() + b"\r\n"
        cut = data.index("ễ".encode()) + 1
        scanner.say(data[:cut])
        scanner.say(data[cut:])
        reading = await office.next()
    assert reading.value.text == CARD
    assert (reading.device, reading.use) == ("door", "door")
    scanner.unplug()


async def test_the_same_code_at_once_is_one_reading_and_later_it_is_another(
    scanner: FarEnd,
) -> None:
    async with at_work(door(str(scanner.name))) as office:
        await office.until_listening()
        scanner.say(b"CM1.V.AAAAAAAAAAAAAAAAAAAAAA\rCM1.V.AAAAAAAAAAAAAAAAAAAAAA\rnext\r")
        assert (await office.next()).value.text.startswith("CM1.V.")
        assert (await office.next()).value.text == "next"
        office.mono_ms += 301
        scanner.say(b"next\r")
        assert (await office.next()).value.text == "next"
    scanner.unplug()


async def test_unplugged_in_mid_record_and_back_under_the_same_name(scanner: FarEnd) -> None:
    async with at_work(door(str(scanner.name))) as office:
        await office.until_listening()
        scanner.say(CARD.encode()[:40])
        scanner.unplug()
        await office.until("lost")
        scanner.plug()
        await office.until_listening()
        scanner.say(b"whole\r")
        assert (await office.next()).value.text == "whole"
        assert office.readings.empty(), "the half record must not become a reading"
    scanner.unplug()


async def test_noise_is_counted_and_the_next_code_is_read(scanner: FarEnd) -> None:
    async with at_work(door(str(scanner.name))) as office:
        await office.until_listening()
        scanner.say(b"\xff\xfe\xc3\x28noise\rgood\r")
        assert (await office.next()).value.text == "good"
    scanner.unplug()


async def test_more_records_than_may_wait_are_all_read(scanner: FarEnd) -> None:
    count = RECORDS_WAITING_MAX * 3
    async with at_work(door(str(scanner.name))) as office:
        await office.until_listening()
        lines = [f"code {number}".encode() + b"\r" for number in range(count)]
        # A pseudo-terminal holds 4 KB; the far end waits as a real serial line would.
        await asyncio.to_thread(os.write, scanner.master, b"".join(lines))
        got = [(await office.next()).value.text for _ in range(count)]
    assert got == [f"code {number}" for number in range(count)]
    scanner.unplug()


@pytest.mark.parametrize(("baud", "speed"), [(19_200, termios.B19200), (None, termios.B9600)])
async def test_a_line_runs_at_the_speed_the_technician_wrote(
    scanner: FarEnd, baud: int | None, speed: int
) -> None:
    named = Device(name="door", driver="barcode", port=str(scanner.name), use="door", baud=baud)
    other = Device(name="scale", driver="mt-sics", port="x", use="scale")
    (config,) = attached([named, other])
    async with at_work(config) as office:
        await office.until("ready")
        assert termios.tcgetattr(scanner.master)[4:6] == [speed, speed]
    scanner.unplug()


async def test_a_port_that_is_not_there_is_tried_again_until_it_is(tmp_path: Path) -> None:
    async with at_work(door(str(tmp_path / "ttyUSB0"))) as office:
        await office.until("lost")
        scanner = FarEnd(tmp_path / "ttyUSB0")
        await office.until("ready")
    scanner.unplug()


async def test_a_scanner_behind_a_socket_is_read_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        config = replace(door(""), port=f"socket://127.0.0.1:{port}")
        async with at_work(config) as office:
            await office.until("ready")
            far, _ = await asyncio.to_thread(listener.accept)
            await office.until_listening()
            with far:
                far.sendall(b"]Q1from afar\r")
                reading = await office.next()
            assert (reading.value.text, reading.value.aim) == ("from afar", "]Q1")
            await office.until("lost")


def test_an_unplugged_device_is_known_without_opening_it(tmp_path: Path) -> None:
    link = tmp_path / "door"
    assert is_absent(str(link))
    link.symlink_to(tmp_path / "ttyUSB0")
    assert is_absent(str(link))
    (tmp_path / "ttyUSB0").touch()
    assert not is_absent(str(link))
    assert not is_absent("socket://127.0.0.1:4001")
