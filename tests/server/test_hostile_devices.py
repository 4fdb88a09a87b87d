"""What one device, hostile or out of order, can do to the others, to readers and to secrets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from server.admission import IN_FLIGHT_MAX, Admission
from server.context import ServerContext
from server.enrolment import approve, enrol, issue_ticket, revoke
from server.exchange import exchange
from server.offices import add_office
from server.publishing import publish
from server.rates import Rates, TooOften
from tests.server.province import new_device, use_ticket
from tests.server.readers import Reader, reading
from tests.server.test_enrolment import request_of
from tests.server.test_http import served
from wire.block import EventsBlock
from wire.codec import compress
from wire.event import Event, body_of, decode, encode
from wire.keys import SigningKey
from wire.message import MEDIA_TYPE
from wire.problems import Refusal

ASSIGNED = {
    "procedure_code": "1.001193", "version": "1", "channel": "online", "return_channel": "direct",
    "applicant": {"full_name": "Nguyễn Thị Ngọc Hà"}, "code": "H26.107-261120-9001",
    "holder": "office",
}  # fmt: skip


@pytest.fixture
async def reader(ctx: ServerContext) -> AsyncIterator[Reader]:
    async with reading(ctx, "feed") as opened:
        yield opened


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
async def test_a_time_nobody_can_write_never_stops_the_feed(
    ctx: ServerContext, reader: Reader, at: str
) -> None:
    device = await new_device(ctx)
    body = body_of({"kind": "disinfection", "note": "x"})
    device.write(encode(Event(kind="office.noted", at=at, actor="lan.nt", body=body)))
    device.note()
    down = await device.sync()
    assert [(problem.seq, problem.code) for problem in down.problems] == [(1, "field-invalid")]
    assert [line["seq"] for line in await reader.feed()] == [1, 2]


@pytest.mark.parametrize("now", [0, 2**53 - 1])
async def test_a_clock_beyond_all_measure_corrects_nothing(
    ctx: ServerContext, reader: Reader, now: int
) -> None:
    device = await new_device(ctx)
    device.clock = "unsynced"
    device.note(clock="unsynced", boot=device.boot.hex(), mono=1)
    assert (await device.sync(now=now)).receipt == device.head
    (line,) = await reader.feed()
    assert (line["clock"] == "corrected") == (now == 0)


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+07:00", "9999-12-31T23:59:59+07:00"])
async def test_a_report_of_any_day_is_answered(ctx: ServerContext, at: str) -> None:
    device = await new_device(ctx)
    facts = {
        "journal": device.journal.hex(), "agent": "0.1.0", "generated_at": at,
        "delivered_seq": 0, "days_digest": "00" * 32,
    }  # fmt: skip
    down = await device.sync(report=compress(json.dumps(facts).encode(), 1, 3))
    assert down.verdict == "ok"


async def test_a_device_nobody_approved_is_told_nothing_about_people(ctx: ServerContext) -> None:
    office = await add_office(ctx, "H26.107", "Xã Ứng Hòa")
    paper = await issue_ticket(ctx, office)
    device = await use_ticket(ctx, paper)
    await publish(ctx, [office], [("calendar.set", b'{"days":{"2026-11-24":"off"}}')])
    await publish(ctx, [office], [("dossier.assigned", json.dumps(ASSIGNED).encode())])
    await device.sync()
    assert [decode(raw).kind for raw in device.desk_events] == ["calendar.set"]
    again = await use_ticket(ctx, paper)
    assert [decode(raw).kind for raw in again.desk_events] == ["calendar.set"]
    await approve(ctx, device.device_id)
    await device.sync()
    kinds = [decode(raw).kind for raw in device.desk_events]
    assert kinds == ["calendar.set", "dossier.assigned", "numbers.leased"]


async def test_the_enrolment_of_a_revoked_device_is_answered_no_more(ctx: ServerContext) -> None:
    office = await add_office(ctx, "H26.107", "Xã Ứng Hòa")
    paper = await issue_ticket(ctx, office, automatic=True)
    ticket_id, request = request_of(ctx, paper, seed=2)
    await enrol(ctx, ticket_id, request, "127.0.0.1")
    device = await use_ticket(ctx, paper)
    await revoke(ctx, device.device_id)
    with pytest.raises(Refusal, match="device-revoked"):
        await enrol(ctx, ticket_id, request, "127.0.0.1")
    with pytest.raises(Refusal, match="device-revoked"):
        await use_ticket(ctx, await issue_ticket(ctx, office, automatic=True))


async def test_a_revoked_device_is_told_so_before_anything_is_inflated(ctx: ServerContext) -> None:
    device = await new_device(ctx)
    device.note()
    await revoke(ctx, device.device_id)
    unread = EventsBlock(1, device.place(0).hash, 7, b"no frame of any codec")
    down = await device.sync(events=unread, report=b"no frame either")
    assert (down.verdict, down.receipt, down.problems) == ("revoked", device.place(0), ())
    assert down.statement is not None


async def test_keys_of_a_device_enrol_no_second_time(ctx: ServerContext) -> None:
    device = await new_device(ctx)
    elsewhere = await add_office(ctx, "H26.108", "Xã Hòa Xá")
    with pytest.raises(Refusal, match="already-enrolled"):
        await use_ticket(ctx, await issue_ticket(ctx, elsewhere, automatic=True))
    assert (await device.sync()).verdict == "ok"


async def test_strangers_who_send_slowly_keep_nobody_out(ctx: ServerContext) -> None:
    device = await new_device(ctx)
    head = (
        b"POST /v1/exchange HTTP/1.1\r\nHost: a\r\nContent-Type: %b\r\nContent-Length: 999\r\n\r\nx"
    )
    async with served(ctx) as door, AsyncExitStack() as strangers:
        for _ in range(IN_FLIGHT_MAX + 1):
            _, writer = await asyncio.open_connection("127.0.0.1", door.port)
            strangers.callback(writer.close)
            writer.write(head % MEDIA_TYPE.encode())
            await writer.drain()
        await asyncio.sleep(0.2)
        assert (await door.post("/v1/exchange", device.seal(device.up())))[0] == 200


async def test_a_body_that_does_not_go_on_is_given_up() -> None:
    admission = Admission(reading_bytes=10)

    async def stuck() -> AsyncIterator[bytes]:
        yield b"12345"
        await asyncio.sleep(60)

    async def all_of(*chunks: bytes) -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    with pytest.raises(Refusal, match="busy"):
        await admission.read(stuck(), 100, grace_s=0.01)
    with pytest.raises(Refusal, match="busy"):
        await admission.read(all_of(b"12345", b"67890", b"1"), 100)
    assert await admission.read(all_of(b"12345", b"67890"), 100) == b"1234567890"
    assert await admission.read(all_of(b"12345", b"67890"), 3) == b"12345"


async def test_who_speaks_in_a_name_of_others_uses_up_only_the_own_allowance(
    ctx: ServerContext,
) -> None:
    ctx = replace(ctx, senders=Rates(burst=3, per_s=0.001))
    device = await new_device(ctx)
    sealed = device.seal(device.up())
    forged = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for _ in range(3):
        with pytest.raises(Refusal, match="signature-wrong"):
            await exchange(forged, ctx, "10.0.0.66")
    with pytest.raises(TooOften):
        await exchange(forged, ctx, "10.0.0.66")
    await exchange(device.seal(device.up()), ctx, "10.0.0.1")


async def test_strangers_share_one_allowance_and_push_nobody_out(ctx: ServerContext) -> None:
    ctx = replace(ctx, senders=Rates(burst=3, per_s=0.001))
    device = await new_device(ctx)
    codes = []
    for seed in range(5):
        device.signing = SigningKey.from_seed(bytes([seed] * 32))
        with pytest.raises(Refusal) as refused:
            await exchange(device.seal(device.up(1, 0)), ctx, "10.0.0.66")
        codes.append(refused.value.code)
    assert codes == ["sender-unknown"] * 3 + ["rate-limited"] * 2


async def test_a_frame_of_a_million_nothings_is_refused(ctx: ServerContext) -> None:
    device = await new_device(ctx)
    data = compress(b"x\n" * 1_000_000 + b"x", 1, 3)
    block = EventsBlock(1, device.place(0).hash, 1, data)
    device.note()
    with pytest.raises(Refusal, match="too-large"):
        await device.send(device.up(events=block))
    assert (await device.sync()).receipt == device.head


async def test_days_at_the_ends_of_the_calendar_are_no_question(ctx: ServerContext) -> None:
    await new_device(ctx)
    async with reading(ctx, "reports") as reader:
        for first, last in (("0001-01-01", "2026-11-21"), ("2026-11-21", "9999-12-31")):
            span = {"from": first, "to": last}
            answer = await reader.http.get("/v1/statistics/dossiers", params=span)
            assert (answer.status_code, answer.json()["code"]) == (422, "field-invalid")
