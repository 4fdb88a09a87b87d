"""Sync reports as the central server pulls them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from records.sync_report import (
    Backlog,
    BlobBacklog,
    ClockReport,
    DiskReport,
    ExchangeReport,
    NumbersReport,
    SyncReport,
    columns,
)
from server.context import ServerContext
from server.enrolment import approve, revoke
from server.exchange import exchange
from server.store.tables import device as device_table
from server.store.tables import report as report_table
from tests.server.province import NOW_MS, Device, FakeClock, new_device
from tests.server.readers import Reader, counted, reading
from tests.server.test_reconcile import days_of, report
from wire.codec import compress, inflate
from wire.digests import days_digest
from wire.keys import device10
from wire.limits import REPORT_PLAIN_BYTES_MAX

PATH = "/v1/sync-reports"


@pytest.fixture
async def device(ctx: ServerContext) -> Device:
    return await new_device(ctx)


@pytest.fixture
async def reader(ctx: ServerContext) -> AsyncIterator[Reader]:
    async with reading(ctx, "reports") as opened:
        yield opened


def full_report(device: Device, delivered: int) -> bytes:
    """Return a whole report as it travels."""
    left = len(device.events) - delivered
    told = SyncReport(
        office="H00.000",  # what a device says of its office is not believed
        office_id="",
        name="=HYPERLINK()",
        province="H00",
        device="aaaaaaaaaa",
        journal=device.journal.hex(),
        agent="1.0.0",
        generated_at="2026-11-21T08:00:00+07:00",
        head_seq=len(device.events),
        delivered_seq=delivered,
        backlog=Backlog(events=left, bytes=left * 500, oldest_age_s=60 if left else None),
        blobs=BlobBacklog(),
        exchange=ExchangeReport(count_24h=3),
        clock=ClockReport(state="trusted", offset_ms=-120),
        disk=DiskReport(free_bytes=1 << 30),
        numbers=NumbersReport(left_today=951),
        days_digest=days_digest(days_of(device, delivered)).hex(),
    )
    return compress(msgspec.json.encode(told), 1, 3)


async def one(reader: Reader, **params: Any) -> dict[str, Any]:
    (report,) = (await reader.json(PATH, **params))["reports"]
    return dict(report)


async def test_a_device_that_never_spoke_is_there(reader: Reader, device: Device) -> None:
    report = await one(reader)
    assert (report["state"], report["received_at"]) == ("never", None)
    assert (report["office"], report["name"]) == ("H26.107", "Xã Ứng Hòa")
    assert (report["head_seq"], report["backlog"]["events"]) == (0, 0)
    assert set(report["reason"]) == {"vi", "en"}


async def test_a_report_is_brought_up_to_what_came_with_it(reader: Reader, device: Device) -> None:
    for _ in range(10):
        device.note()
    await device.sync(report=full_report(device, delivered=0))
    report = await one(reader)
    assert (report["head_seq"], report["delivered_seq"]) == (10, 10)
    assert report["backlog"] == {"events": 0, "bytes": 0, "oldest_age_s": None}
    assert report["days_digest"] == days_digest(days_of(device, 10)).hex()
    assert report["clock"] == {"state": "trusted", "offset_ms": -120}
    assert (report["state"], report["received_at"]) == ("fresh", "2026-11-21T08:00:00+07:00")


async def test_what_is_still_at_the_office_is_its_backlog(reader: Reader, device: Device) -> None:
    for _ in range(10):
        device.note()
    await device.sync(last=4, report=full_report(device, delivered=0))
    report = await one(reader)
    assert (report["head_seq"], report["delivered_seq"]) == (10, 4)
    assert report["backlog"] == {"events": 6, "bytes": 3000, "oldest_age_s": 60}


async def test_a_report_that_nothing_followed_stays_as_it_was_made(
    reader: Reader, device: Device
) -> None:
    device.note()
    await device.sync()
    await device.sync(first=2, report=full_report(device, delivered=1))
    report = await one(reader)
    assert report["days_digest"] == days_digest(days_of(device, 1)).hex()


async def test_the_province_says_which_office_it_is(reader: Reader, device: Device) -> None:
    await device.sync(report=full_report(device, 0))
    report = await one(reader)
    assert (report["office"], report["name"], report["province"]) == (
        "H26.107",
        "Xã Ứng Hòa",
        "H26",
    )
    assert report["device"] == device10(device.device_id)
    assert report["office_id"].replace("-", "") == device.office.hex()


async def test_one_office_brings_its_days(reader: Reader, device: Device) -> None:
    device.note()
    device.note()
    await device.sync(report=full_report(device, 0))
    (report,) = (await reader.json(f"{PATH}/H26.107"))["reports"]
    (row,) = days_of(device, 2)
    assert report["days"] == [
        {
            "day": "2026-11-21",
            "kind": "office.noted",
            "channel": "",
            "count": 2,
            "digest": row.digest.hex(),
        }
    ]
    assert report["days_digest"] == days_digest([row]).hex()
    assert (await reader.refusal(f"{PATH}/H99.1"))[:2] == (404, "office-unknown")


async def test_days_both_sides_count_differently_are_not_handed_on(
    reader: Reader, device: Device
) -> None:
    device.note()
    await device.sync()
    (row,) = days_of(device, 1)
    await device.sync(first=2, report=report(device, 1, [row._replace(count=2)]))
    for path in (PATH, f"{PATH}/H26.107"):
        (told,) = (await reader.json(path))["reports"]
        assert told["days"] is None


async def test_a_page_brings_the_days_of_each_office_as_its_own_address_does(
    ctx: ServerContext, reader: Reader
) -> None:
    devices = [await new_device(ctx, seed=seed, code=f"H26.10{seed}") for seed in (1, 2, 3)]
    for count, device in enumerate(devices):
        for _ in range(count):
            device.note()
        await device.sync(report=full_report(device, 0))
        device.note()
        await device.sync(count + 1)  # events without a report
    page = (await reader.json(PATH))["reports"]
    for told, device in zip(page, devices, strict=True):
        assert (await reader.json(f"{PATH}/{told['office']}"))["reports"] == [told]
        rows = days_of(device, len(device.events))
        assert [row["count"] for row in told["days"]] == [row.count for row in rows]
        assert told["days_digest"] == days_digest(rows).hex()


async def test_a_page_costs_as_many_statements_for_three_offices_as_for_one(
    ctx: ServerContext, reader: Reader
) -> None:
    counts = []
    with counted(ctx) as statements:
        for seed in (1, 2, 3):
            device = await new_device(ctx, seed=seed, code=f"H26.10{seed}")
            device.note()
            await device.sync(report=full_report(device, 0))
            statements.clear()
            await reader.json(PATH)
            counts.append(len(statements))
    assert len(set(counts)) == 1


async def test_events_of_a_message_that_came_late_are_a_change(
    reader: Reader, ctx: ServerContext, device: Device, clock: FakeClock
) -> None:
    device.note()
    delayed = device.seal(device.up())
    await device.sync(1, 0)
    await device.sync(1, 0)
    clock.ms += 60_000
    assert device.open(await exchange(delayed, ctx), delayed).stale
    report = await one(reader, changed_since="2026-11-21T08:01:00+07:00")
    assert (report["delivered_seq"], report["received_at"]) == (1, "2026-11-21T08:01:00+07:00")


async def test_silence_is_named_by_its_length(
    reader: Reader, device: Device, clock: FakeClock
) -> None:
    await device.sync()
    states = []
    for waited_s in (3_600, 3_601, 86_400, 86_401):
        clock.ms = NOW_MS + waited_s * 1000
        report = await one(reader)
        states.append(report["state"])
    assert states == ["fresh", "late", "late", "silent"]
    assert "1 ngày" in report["reason"]["vi"]


async def test_what_a_person_decided_comes_before_silence(
    ctx: ServerContext, reader: Reader
) -> None:
    waiting = await new_device(ctx, automatic=False)
    assert (await one(reader))["state"] == "pending"
    await approve(ctx, waiting.device_id)
    assert (await one(reader))["state"] == "never"
    async with ctx.store.write() as conn:
        await conn.execute(device_table.update().values(state="quarantined"))
    assert (await one(reader))["state"] == "quarantined"
    await revoke(ctx, waiting.device_id)
    assert (await one(reader))["state"] == "revoked"


async def test_pages_go_through_all_offices_in_order(ctx: ServerContext, reader: Reader) -> None:
    for number in (3, 1, 2):
        await new_device(ctx, seed=number, code=f"H26.10{number}")
    first = await reader.http.get(PATH, params={"limit": 2})
    page = first.json()
    assert [report["office"] for report in page["reports"]] == ["H26.101", "H26.102"]
    second = await reader.json(PATH, limit=2, after=page["next"])
    assert [report["office"] for report in second["reports"]] == ["H26.103"]
    assert second["next"] is None
    linked = await reader.http.get(first.links["next"]["url"])
    assert linked.json() == second


async def test_only_what_changed_since(
    ctx: ServerContext, reader: Reader, clock: FakeClock
) -> None:
    early = await new_device(ctx, seed=1, code="H26.101")
    late = await new_device(ctx, seed=2, code="H26.102")
    await new_device(ctx, seed=3, code="H26.103")
    await early.sync()
    clock.ms += 60_000
    await late.sync()
    report = await one(reader, changed_since="2026-11-21T08:01:00+07:00")
    assert report["office"] == "H26.102"
    bad = await reader.refusal(PATH, changed_since="hôm qua")
    assert bad == (422, "field-invalid", ["changed_since"])


async def test_a_page_that_did_not_change_is_not_sent_again(reader: Reader, device: Device) -> None:
    first = await reader.http.get(PATH)
    tag = first.headers["etag"]
    again = await reader.http.get(PATH, headers={"If-None-Match": f'"x", W/{tag}'})
    assert (again.status_code, again.content) == (304, b"")
    device.note()
    await device.sync()
    fresh = await reader.http.get(PATH, headers={"If-None-Match": tag})
    assert fresh.status_code == 200


async def test_as_a_table_it_opens_without_a_formula(
    ctx: ServerContext, reader: Reader, device: Device
) -> None:
    await device.sync(report=full_report(device, 0))
    answer = await reader.http.get(PATH, headers={"Accept": "text/csv"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    heading, row = csv.reader(io.StringIO(answer.content.decode("utf-8-sig")))
    assert tuple(heading) == columns()
    assert dict(zip(heading, row, strict=True))["clock_offset_ms"] == "-120"
    assert not any(cell.startswith("=") for cell in row)


async def test_as_lines_each_is_a_report(reader: Reader, device: Device) -> None:
    answer = await reader.http.get(PATH, headers={"Accept": "application/x-ndjson"})
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert json.loads(answer.text)["office"] == "H26.107"


POISONED = (b'{"office":"\xff\xfe"}', b'{"x":' + b"[" * 20_000 + b"]" * 20_000 + b"}")


@pytest.mark.parametrize("poison", POISONED, ids=["no UTF-8", "too deep"])
async def test_a_report_nobody_can_read_is_named_and_hides_no_other_office(
    ctx: ServerContext, reader: Reader, device: Device, poison: bytes
) -> None:
    other = await new_device(ctx, seed=3, code="H26.108")
    await other.sync(report=full_report(other, 0))
    whole = inflate(full_report(device, 0), 1, REPORT_PLAIN_BYTES_MAX)
    device.note()
    down = await device.sync(report=compress(whole[:-1] + b"," + poison[1:], 1, 3))
    assert down.receipt == device.head
    assert [(problem.seq, problem.code) for problem in down.problems] == [(0, "field-invalid")]
    reports = (await reader.json(PATH))["reports"]
    assert [each["office"] for each in reports] == ["H26.107", "H26.108"]
    assert (await reader.http.get("/metrics")).status_code == 200


@pytest.mark.parametrize("poison", POISONED, ids=["no UTF-8", "too deep"])
async def test_what_a_former_version_kept_hides_nobody(
    ctx: ServerContext, reader: Reader, device: Device, poison: bytes
) -> None:
    await device.sync(report=full_report(device, 0))
    async with ctx.store.write() as conn:
        await conn.execute(report_table.update().values(report=poison))
    assert (await one(reader))["office"] == "H26.107"
    assert (await reader.json("/v1/reconciliation/H26.107"))["equal"] is False
    assert (await reader.json(f"{PATH}/H26.107"))["reports"][0]["days"] is None
    assert (await reader.http.get("/metrics")).status_code == 200


async def test_a_report_of_a_later_version_hides_nobody(
    ctx: ServerContext, reader: Reader, device: Device
) -> None:
    device.note()
    await device.sync(report=full_report(device, 0))
    async with ctx.store.write() as conn:
        await conn.execute(report_table.update().values(report=b'{"v":9,"head_seq":"many"}'))
    report = await one(reader)
    assert (report["office"], report["state"], report["head_seq"]) == ("H26.107", "fresh", 1)
    assert report["days"] is None


@pytest.mark.parametrize("limit", ["0", "5001", "x", "-1"])
async def test_a_limit_has_bounds(reader: Reader, limit: str) -> None:
    assert await reader.refusal(PATH, limit=limit) == (422, "field-invalid", ["limit"])
