"""Bytes of the line are counted as they stand on it, and are remembered."""

import asyncio
import socket
import struct
from datetime import datetime

import pytest

from agent.journal import Transaction
from agent.sync.meter import Meter, days, line_bytes
from agent.sync.metered import MeteredBackend
from agent.sync.saving import Saving
from agent.sync.signals import Idle
from agent.sync.thrift import ASKED_MS, RARE_MS, Rules
from records.moment import to_ms
from tests.agent.sync.conftest import Office, TestClock
from tests.agent.world import FakeClock
from wire.event import Event, body_of

DAY_MS = 24 * 3_600_000
START_MS = to_ms(datetime.fromisoformat("2026-11-21T08:00:00+07:00"))


async def test_a_connection_counts_its_bytes_both_ways_and_the_headers_of_its_packets() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(3_000)
        writer.write(b"x" * 5_000)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    counts: list[int] = []
    async with server:
        port = server.sockets[0].getsockname()[1]
        stream = await MeteredBackend(counts.append).connect_tcp("127.0.0.1", port)
        await stream.write(b"y" * 3_000)
        while await stream.read(65_536):
            pass
        await stream.aclose()
    assert 8_000 < sum(counts) <= 8_000 + 20 * 52
    assert all(counts)


def test_where_the_kernel_does_not_say_nothing_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert line_bytes(None) is None
    with socket.socket() as sock:
        assert line_bytes(sock) == 0
        monkeypatch.setattr("agent.sync.meter.TCP_COUNTS", struct.Struct("4096xQ"))
        assert line_bytes(sock) is None  # an older kernel tells less
    assert line_bytes(sock) is None  # closed
    monkeypatch.delattr(socket, "TCP_INFO")
    assert line_bytes(sock) is None


async def test_an_exchange_writes_the_count_down_with_its_own_effects(office: Office) -> None:
    office.start()
    await office.record(3)
    await office.until_delivered()
    await office.until_shown(None)
    (counted,) = (await office.journal.read(days)).values()
    moved = await office.journal.read(
        lambda conn: conn.execute("SELECT sum(bytes_up + bytes_down) FROM exchange").fetchone()[0]
    )
    assert moved < counted <= office.saving.meter.today_bytes


async def test_records_at_the_cap_wait_until_a_person_asks(office: Office) -> None:
    office.saving.rules = Rules(day_bytes_max=1)
    office.start()
    await office.until_shown(None)
    await office.record(2)
    assert office.syncer is not None
    assert not await office.saving.presses(office.journal, 0)
    state = office.syncer.state
    assert isinstance(state, Idle)
    assert state.until_ms > TestClock().mono_ms() + RARE_MS // 2
    assert office.journal.backlog_events == 2
    office.syncer.sync_now()
    await office.until_delivered()


async def test_a_record_that_presses_does_not_wait_at_the_cap(office: Office) -> None:
    office.saving.rules = Rules(day_bytes_max=1)
    office.start()
    await office.until_shown(None)
    await office.record(1)
    urgent = Event(
        kind="dossier.received",
        at="2026-11-21T08:31:05+07:00",
        actor="lan.nt",
        body=body_of({"urgent": True}),
    )
    await office.journal.write(lambda transaction: transaction.append(urgent))
    await office.until_delivered()


async def test_what_could_not_be_written_is_owed_and_another_day_counts_anew(
    office: Office,
) -> None:
    clock = FakeClock(START_MS)
    meter = Meter(clock)
    meter.add(500)

    def fails(_transaction: Transaction) -> None:
        raise ValueError("undone")

    with pytest.raises(ValueError, match="undone"):
        await meter.keep(office.journal, fails)
    assert meter.owes
    clock.advance(DAY_MS)
    assert meter.today_bytes == 0
    meter.add(40)
    await meter.keep(office.journal, lambda _transaction: None)
    assert await office.journal.read(days) == {"2026-11-21": 500, "2026-11-22": 40}
    restarted = Meter(clock)
    await restarted.load(office.journal)
    assert restarted.today_bytes == 40


def test_a_persons_wish_lifts_everything_for_a_quarter_of_an_hour() -> None:
    clock = FakeClock(START_MS)
    saving = Saving(clock, Rules(day_bytes_max=100))
    saving.meter.add(80)
    assert (saving.lets_go(urgent=True), saving.lets_go(urgent=False)) == (True, False)
    saving.meter.add(20)
    assert not saving.lets_go(urgent=True)
    saving.asked()
    assert saving.lets_go(urgent=False)
    clock.advance(ASKED_MS)
    assert not saving.lets_go(urgent=True)
