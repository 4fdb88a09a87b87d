"""Both sides compared, as an outsider sees it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
import pytest

from server.context import ServerContext
from server.store.tables import report as report_table
from tests.server.province import Device, new_device
from tests.server.readers import Reader, reading
from wire.codec import compress
from wire.digests import DayRow, DayTally, day_kind_channel, days_digest, encode_days, event_mark
from wire.event import Event, body_of, encode


@pytest.fixture
async def device(ctx: ServerContext) -> Device:
    return await new_device(ctx)


@pytest.fixture
async def reader(ctx: ServerContext) -> AsyncIterator[Reader]:
    async with reading(ctx, "reports") as opened:
        yield opened


def days_of(device: Device, upto: int) -> list[DayRow]:
    tally = DayTally()
    for seq in range(1, upto + 1):
        mark = event_mark(device.device_id, device.journal, seq, device.place(seq).hash)
        tally.add(*day_kind_channel(device.events[seq - 1]), mark)
    return tally.rows()


def report(device: Device, delivered: int, days: Sequence[DayRow] | None = None) -> bytes:
    """Return a report as it travels; `days` when the office counted otherwise."""
    rows = days_of(device, delivered) if days is None else days
    facts: dict[str, Any] = {
        "journal": device.journal.hex(),
        "agent": "1.0.0",
        "generated_at": "2026-11-21T08:00:00+07:00",
        "head_seq": len(device.events),
        "delivered_seq": delivered,
        "days_digest": days_digest(rows).hex(),
    }
    return compress(msgspec.json.encode(facts), 1, 3)


async def test_an_office_that_was_never_heard_is_not_equal(reader: Reader, device: Device) -> None:
    compared = await reader.json("/v1/reconciliation/H26.107")
    (head,) = compared["heads"]
    assert compared["equal"] is False
    assert head["office"] is None
    assert head["province"][0] == 0


async def test_after_one_sync_both_sides_are_equal(reader: Reader, device: Device) -> None:
    for _ in range(5):
        device.note()
    await device.sync(report=report(device, delivered=0))
    compared = await reader.json("/v1/reconciliation/H26.107")
    assert compared["equal"] is True
    (head,) = compared["heads"]
    assert head["journal"] == device.journal.hex()
    assert head["office"] == head["province"] == [5, device.head.hash.hex()]
    (day,) = compared["days"]
    (row,) = days_of(device, 5)
    assert (day["day"], day["kind"]) == ("2026-11-21", "office.noted")
    assert day["office"] == day["province"] == {"count": 5, "digest": row.digest.hex()}


async def test_long_words_are_counted_alike_on_both_sides(reader: Reader, device: Device) -> None:
    body = body_of({"channel": "c" * 5_000})
    device.write(encode(Event(kind="k" * 81, at="2026-11-21T08:00:00+07:00", actor="x", body=body)))
    await device.sync()
    await device.sync(first=2, report=report(device, delivered=1))
    compared = await reader.json("/v1/reconciliation/H26.107")
    assert compared["equal"] is True
    assert [day["kind"] for day in compared["days"]] == ["k" * 80]


async def test_what_is_still_at_the_office_is_missing(reader: Reader, device: Device) -> None:
    for _ in range(5):
        device.note()
    await device.sync(last=3, report=report(device, delivered=0))
    compared = await reader.json("/v1/reconciliation/H26.107")
    (head,) = compared["heads"]
    assert compared["equal"] is False
    assert (head["office"][0], head["province"][0]) == (5, 3)


async def test_an_office_that_counted_otherwise_is_shown_beside_ours(
    reader: Reader, device: Device
) -> None:
    device.note()
    device.note()
    await device.sync()
    (row,) = days_of(device, 2)
    wrong = [row._replace(count=3)]
    device.note()
    down = await device.sync(first=3, report=report(device, 2, wrong))
    assert down.want_days
    unsaid = await reader.json("/v1/reconciliation/H26.107")
    assert unsaid["equal"] is False
    assert [day["office"] for day in unsaid["days"]] == [None]
    await device.sync(first=4, report=report(device, 2, wrong), days=encode_days(wrong))
    compared = await reader.json("/v1/reconciliation/H26.107")
    (day,) = compared["days"]
    assert compared["equal"] is False
    assert (day["office"]["count"], day["province"]["count"]) == (4, 3)


async def test_an_office_that_was_set_back_is_not_equal(reader: Reader, device: Device) -> None:
    for _ in range(4):
        device.note()
    await device.sync(report=report(device, delivered=0))
    await device.sync(first=5, head=device.place(2))
    compared = await reader.json("/v1/reconciliation/H26.107")
    (head,) = compared["heads"]
    assert compared["equal"] is False
    assert head["office"] == [2, device.place(2).hash.hex()]


async def test_a_report_of_more_than_the_province_holds_counts_once_it_does(
    reader: Reader, device: Device
) -> None:
    device.note()
    device.note()
    await device.sync(last=1, report=report(device, delivered=2))
    assert (await reader.json("/v1/reconciliation/H26.107"))["equal"] is False
    await device.sync(first=2)
    assert (await reader.json("/v1/reconciliation/H26.107"))["equal"] is True


async def test_days_before_the_report_covers_are_not_known(reader: Reader, device: Device) -> None:
    old = device.now
    device.now = old - 60 * 86_400_000
    device.note()
    device.now = old
    device.note()
    covered = [row for row in days_of(device, 2) if row.day > "2026-10-01"]
    await device.sync(report=report(device, 0))
    await device.sync(first=3, report=report(device, 2, covered))
    path = "/v1/reconciliation/H26.107"
    assert len((await reader.json(path))["days"]) == 1
    compared = await reader.json(path, **{"from": "2026-01-01", "to": "2026-12-31"})
    assert compared["equal"] is True
    assert [day["office"] is None for day in compared["days"]] == [True, False]


async def test_a_report_of_no_day_proves_nothing(
    ctx: ServerContext, reader: Reader, device: Device
) -> None:
    device.note()
    await device.sync(report=report(device, 0))
    facts = {"journal": "", "agent": "", "generated_at": "hôm nay", "delivered_seq": 0}
    told = msgspec.json.encode(facts | {"days_digest": days_digest([]).hex()})
    async with ctx.store.write() as conn:
        await conn.execute(report_table.update().values(report=told))
    compared = await reader.json("/v1/reconciliation/H26.107")
    assert compared["equal"] is False
    assert compared["heads"][0]["office"] == compared["heads"][0]["province"]


async def test_an_office_is_known_by_its_id_too(reader: Reader, device: Device) -> None:
    by_id = await reader.json(f"/v1/reconciliation/{device.office.hex()}")
    assert by_id == await reader.json("/v1/reconciliation/H26.107")
    status = await reader.refusal("/v1/reconciliation/H99.1")
    assert status == (404, "office-unknown", [])


async def test_a_period_must_be_two_days_in_order(reader: Reader, device: Device) -> None:
    path = "/v1/reconciliation/H26.107"
    assert await reader.refusal(path, **{"from": "2026-11-21"}) == (422, "field-missing", ["to"])
    backwards = {"from": "2026-11-21", "to": "2026-11-20"}
    assert await reader.refusal(path, **backwards) == (422, "field-invalid", ["to"])
    assert (await reader.refusal(path, **{"from": "hôm qua", "to": "2026-11-20"}))[2] == ["from"]
