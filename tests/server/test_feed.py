"""The feed: every event once, in order, with the bytes that were written."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import AsyncIterator

import pytest

from server import cursors
from server.context import ServerContext
from server.store.tables import event as event_table
from tests.server.province import Device, new_device
from tests.server.readers import Reader, counted, reading
from wire.chain import event_id


@pytest.fixture
async def device(ctx: ServerContext) -> Device:
    return await new_device(ctx)


@pytest.fixture
async def reader(ctx: ServerContext) -> AsyncIterator[Reader]:
    async with reading(ctx, "feed") as opened:
        yield opened


async def test_a_new_province_has_nothing_to_tell(reader: Reader) -> None:
    assert await reader.lines("/v1/events") == []


async def test_each_event_stands_once_and_can_be_hashed_again(
    reader: Reader, device: Device
) -> None:
    for number in range(20):
        device.note(f"lần {number}")
        if number % 3 == 0:
            await device.sync(first=len(device.heads))
    await device.sync()
    found = await reader.lines("/v1/events")
    previous = device.place(0).hash
    for seq, line in enumerate(found, start=1):
        written = line[line.index('"event":') + len('"event":') : -1].encode()
        assert written == device.events[seq - 1]
        digest = hashlib.sha256(b"\x02" + written).digest()
        previous = hashlib.sha256(b"\x01" + previous + digest).digest()
        read = json.loads(line)
        assert (read["seq"], read["hash"]) == (seq, previous.hex())
        assert list(read)[-1] == "event"
    assert len(found) == 20


async def test_a_line_says_who_wrote_what_and_when(reader: Reader, device: Device) -> None:
    device.note()
    await device.sync()
    (line,) = await reader.feed()
    own = str(event_id(device.head.hash))
    assert line["office"] == "H26.107"
    assert line["journal"] == device.journal.hex()
    assert (line["id"], line["subject"]) == (own, own)
    assert line["received_at"] == line["occurred_at"] == "2026-11-21T08:00:00+07:00"
    assert (line["clock"], line["problem"]) == ("ok", None)
    assert "redacted" not in line


async def test_a_subject_is_an_id_whichever_way_it_was_written(
    reader: Reader, device: Device
) -> None:
    device.note()
    other = "0f8fad5b-d9cb-469f-a165-70867728950e"
    device.note(subject=1)
    device.note(subject=other)
    await device.sync()
    lines = await reader.feed()
    assert [line["subject"] for line in lines] == [lines[0]["id"], lines[0]["id"], other]


async def test_a_cursor_goes_on_behind_its_line(reader: Reader, device: Device) -> None:
    for _ in range(7):
        device.note()
    await device.sync()
    first = await reader.feed(limit=3)
    second = await reader.feed(limit=3, after=first[-1]["cursor"])
    third = await reader.feed(limit=3, after=second[-1]["cursor"])
    assert [line["seq"] for line in first + second + third] == [1, 2, 3, 4, 5, 6, 7]
    assert await reader.feed(after=third[-1]["cursor"]) == []
    device.note()
    await device.sync()
    assert [line["seq"] for line in await reader.feed(after=third[-1]["cursor"])] == [8]


async def test_a_page_longer_than_a_piece_has_no_seam(
    reader: Reader, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.feed.CHUNK_EVENTS", 3)
    for _ in range(11):
        device.note()
    await device.sync()
    assert [line["seq"] for line in await reader.feed(limit=10)] == list(range(1, 11))


async def test_a_page_in_many_batches_is_one_question_to_the_database(
    ctx: ServerContext, reader: Reader, device: Device
) -> None:
    other = await new_device(ctx, seed=3, code="H26.108")
    for number in range(1, 16):
        for each in (device, other):
            each.note()
            if number % 4 != 3:
                await each.sync()
    everything = await reader.feed()
    with counted(ctx) as statements:
        assert await reader.feed(limit=len(everything)) == everything
    assert len([text for text in statements if "FROM feed" in text]) == 1
    for size in (1, 2, 7):
        found: list[dict[str, object]] = []
        after: dict[str, object] = {}
        while page := await reader.feed(limit=size, **after):
            found += page
            after = {"after": page[-1]["cursor"]}
        assert found == everything


async def test_what_is_forgotten_stands_as_forgotten(
    ctx: ServerContext, reader: Reader, device: Device
) -> None:
    device.note("một")
    device.note("hai")
    await device.sync()
    async with ctx.store.write() as conn:
        gone = event_table.update().where(event_table.c.seq == 1)
        await conn.execute(gone.values(event=None, digest=bytes(32)))
    first, second = await reader.lines("/v1/events")
    assert json.loads(first)["redacted"] is True
    assert "event" not in json.loads(first)
    assert bytes(32).hex() not in first
    assert "redacted" not in json.loads(second)


async def test_poison_travels_named_and_whole(reader: Reader, device: Device) -> None:
    device.write(b"\xff no JSON at all")
    device.write(b'{"kind":"visit.checked_in","at":"hom qua","actor":"lan.nt","v":1,"body":{}}')
    device.write(
        b'{"kind":"x","subject":true,"at":"2026-11-21T08:00:00+07:00","actor":"x","body":{}}'
    )
    await device.sync()
    raw, wrong, odd = await reader.feed()
    assert (odd["subject"], odd["problem"] is None) == (None, False)
    assert base64.b64decode(raw["event_base64"]) == device.events[0]
    assert (raw["event"], raw["problem"], raw["subject"]) == (None, "not-json", None)
    assert wrong["event"]["at"] == "hom qua"
    assert wrong["problem"] == "field-invalid"
    assert wrong["occurred_at"] is None


@pytest.mark.parametrize(
    "after",
    [
        "x",
        "AAAA",
        "đ",
        "A" * 500,
        cursors.write("dossiers", 1),
        cursors.write("events", "1"),
        cursors.write("events", 2**63),
        cursors.write("events", -1),
    ],
)
async def test_a_cursor_of_somebody_else_is_refused(reader: Reader, after: str) -> None:
    assert await reader.refusal("/v1/events", after=after) == (422, "field-invalid", ["after"])


async def test_all_wrong_parameters_are_named_at_once(reader: Reader) -> None:
    status, _, paths = await reader.refusal("/v1/events", limit="0", since="1")
    assert (status, sorted(paths)) == (422, ["limit", "since"])
