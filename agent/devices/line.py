"""The shell around one device: opens its port, reads, frames, parses, hands on, reopens."""

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from agent.devices.drivers.profile import Profile, Unreadable
from agent.devices.framing import GAP_MS, TerminatorFramer
from agent.devices.port import PortError, is_absent, opened
from agent.devices.reading import Reading, Value
from agent.devices.session import Happening, Session, State

READ_BYTES = 4096
RECORDS_WAITING_MAX = 256
"""Records kept while the office is busy recording; past it the line is not read, so the system's
own buffer and the device's flow control hold the rest."""

OPEN_TIMEOUT_S = 10
"""A port that opens at all opens within a second; a network port may take some."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DeviceConfig:
    """One `[[devices]]` table of agent.toml, its driver looked up.

    port: a path or a pyserial URL. use: door, intake, post, lobby, scale, thermometer or printer.
    counter: the counter whose open form it fills, 0 for none.
    """

    name: str
    profile: Profile
    port: str
    use: str
    counter: int = 0


@dataclass(frozen=True, slots=True)
class Shell:
    """What a line needs of the world: clocks in milliseconds, jitter, and a way out."""

    now_ms: Callable[[], int]
    mono_ms: Callable[[], int]
    random: Callable[[], float]
    deliver: Callable[[Reading], Awaitable[None]]


class Stream:
    """Bytes of one open port on their way to records."""

    def __init__(self, descriptor: int, framer: TerminatorFramer) -> None:
        self._descriptor = descriptor
        self._framer = framer
        self._records: deque[bytes] = deque()
        self._loop = asyncio.get_running_loop()
        self._arrived = asyncio.Event()
        self._gone = False
        self._timer: asyncio.TimerHandle | None = None
        self._listening = False
        self._listen()
        self._await_gap()

    async def next_record(self) -> bytes | None:
        """Give the next record, or None when the device went away and nothing is left."""
        while not self._records and not self._gone:
            self._arrived.clear()
            await self._arrived.wait()
        if self._records:
            record = self._records.popleft()
            if not self._listening and not self._gone and len(self._records) == 0:
                self._listen()
            return record
        return None

    def close(self) -> None:
        """Stop listening; the port itself belongs to who opened it."""
        if self._timer is not None:
            self._timer.cancel()
        self._mute()

    def _listen(self) -> None:
        self._loop.add_reader(self._descriptor, self._on_readable)
        self._listening = True

    def _mute(self) -> None:
        if self._listening:
            self._loop.remove_reader(self._descriptor)
            self._listening = False

    def _on_readable(self) -> None:
        try:
            data = os.read(self._descriptor, READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            # Ready to read but no data: unplugged, or the far end closed.
            self._gone = True
            self._mute()
            self._arrived.set()
            return
        self._take(self._framer.feed(data))
        self._await_gap()
        if len(self._records) >= RECORDS_WAITING_MAX:
            self._mute()

    def _take(self, records: list[bytes]) -> None:
        if records:
            self._records.extend(records)
            self._arrived.set()

    def _await_gap(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._framer.is_waiting:
            self._timer = self._loop.call_later(GAP_MS / 1000, self._on_gap)

    def _on_gap(self) -> None:
        self._timer = None
        self._take(self._framer.gap())


class DeviceLine:
    """One configured device for as long as the agent runs.

    state and last_reading_ms (monotonic, None before the first) are for status and pages.
    """

    def __init__(self, config: DeviceConfig, shell: Shell) -> None:
        self.config = config
        self.session = Session()
        self.last_reading_ms: int | None = None
        self.unreadable = 0
        self._shell = shell
        self._last_value: Value | None = None
        self._log = _log.bind(device=config.name)

    async def run(self) -> None:
        """Keep the device open until cancelled."""
        self._step(Happening.START)
        try:
            while True:
                await self._open_and_read()
                await asyncio.sleep(self.session.wait_ms(self._shell.random) / 1000)
                self._step(Happening.RETRY)
        finally:
            self.session = self.session.after(Happening.STOP)

    def _step(self, happening: Happening) -> None:
        before = self.session
        self.session = before.after(happening)
        # One line when it is lost and one when it is back, not one a try.
        if self.session.state is State.READY:
            self._log.info("device.ready", port=self.config.port)
        elif self.session.state is State.LOST and before.failures == 0:
            self._log.warning("device.lost", port=self.config.port)

    async def _open_and_read(self) -> None:
        if is_absent(self.config.port):
            self._step(Happening.OPEN_FAILED)
            return
        context = opened(self.config.port, self.config.profile)
        with contextlib.ExitStack() as stack:
            try:
                async with asyncio.timeout(OPEN_TIMEOUT_S):
                    descriptor = await asyncio.to_thread(context.__enter__)
            except (PortError, TimeoutError) as error:
                self._log.debug("device.open-failed", reason=str(error))
                self._step(Happening.OPEN_FAILED)
                return
            stack.push(context.__exit__)
            self._step(Happening.OPENED)
            stream = Stream(descriptor, self.config.profile.framer())
            stack.callback(stream.close)
            while (record := await stream.next_record()) is not None:
                await self._hand_on(record)
            self._step(Happening.GONE)

    async def _hand_on(self, record: bytes) -> None:
        try:
            value = self.config.profile.parse(record)
        except Unreadable as refused:
            self.unreadable += 1
            self._log.warning("device.unreadable", reason=refused.reason, bytes=len(record))
            return
        mono_ms = self._shell.mono_ms()
        last_ms = self.last_reading_ms
        if (
            value == self._last_value
            and last_ms is not None
            and mono_ms - last_ms < self.config.profile.repeat_ms
        ):
            return
        self._last_value = value
        self.last_reading_ms = mono_ms
        await self._shell.deliver(
            Reading(
                device=self.config.name,
                use=self.config.use,
                counter=self.config.counter,
                at_ms=self._shell.now_ms(),
                value=value,
            )
        )
