"""What the province says, and the numbers it lends."""

from __future__ import annotations

import asyncio
import json
from datetime import date, timedelta
from random import Random

import msgspec
import pytest

from records.catalogue import load
from server.context import ServerContext
from server.publishing import publish
from server.sayings import Refused
from tests.server.province import Device, FakeClock, new_device
from wire.chain import Head, genesis
from wire.codec import compress
from wire.event import decode
from wire.problems import Refusal

NOTICE = b'{"title":"Lich","text":"Mai mat dien","until":"2026-12-31","lobby":true}'
DAY_MS = 86_400_000


def said(device: Device, kind: str) -> list[dict[str, object]]:
    """Return the bodies of the desk events of this kind that a device holds."""
    events = [decode(raw) for raw in device.desk_events]
    return [json.loads(bytes(event.body)) for event in events if event.kind == kind]


async def test_a_notice_reaches_every_office_once(ctx: ServerContext) -> None:
    one, other = await new_device(ctx), await new_device(ctx, seed=3, code="H26.108")
    done = await publish(ctx, None, [("notice.published", NOTICE)])
    assert done.published == 2
    for device in (one, other):
        await device.sync()
        await device.sync()
        assert len(said(device, "notice.published")) == 1
        assert device.desk_head.seq == done.desk_seq[device.office, device.record.desk]  # type: ignore[union-attr]


async def test_one_office_hears_what_is_meant_for_it(ctx: ServerContext) -> None:
    one, other = await new_device(ctx), await new_device(ctx, seed=3, code="H26.108")
    await publish(ctx, [one.office], [("notice.published", NOTICE)])
    await one.sync()
    await other.sync()
    assert len(said(one, "notice.published")) == 1
    assert said(other, "notice.published") == []


async def test_a_new_desk_begins_with_the_present_state(
    ctx: ServerContext, clock: FakeClock
) -> None:
    await new_device(ctx)
    old, new = list(load().procedures())[:2]

    bodies = [msgspec.json.encode(item) for item in (old, new, old)]
    await publish(ctx, None, [("procedure.set", body) for body in bodies])
    await publish(ctx, None, [("notice.published", NOTICE)])
    await publish(
        ctx,
        None,
        [("policy.set", b'{"order":"18","title":"CT 18","from":"2026-11-22T00:00:00+07:00"}')],
    )
    await publish(
        ctx,
        None,
        [
            (
                "policy.set",
                b'{"order":"18","title":"C","from":"2026-11-22T00:00:00+07:00","hotline":"1022"}',
            )
        ],
    )
    await publish(ctx, None, [("policy.revoked", b'{"order":"18"}')])
    clock.ms += 90 * DAY_MS
    later = await new_device(ctx, seed=4, code="H26.109")
    kinds = [decode(raw).kind for raw in later.desk_events]
    assert kinds == [
        "procedure.set",
        "procedure.set",
        "policy.set",
        "policy.set",
        "policy.revoked",
        "numbers.leased",
    ]


async def test_a_small_budget_gets_the_rest_later(ctx: ServerContext) -> None:
    device = await new_device(ctx)
    items = [
        (
            "notice.published",
            json.dumps({"title": str(n), "text": Random(n).randbytes(200).hex()}).encode(),
        )
        for n in range(200)
    ]
    await publish(ctx, None, items)
    budget, rounds = 4_000, 0
    while len(said(device, "notice.published")) < 200:
        down = await device.sync(budget=budget)
        assert down.events is not None
        assert down.next_after == 1 or device.desk_head == down.desk_head
        rounds += 1
    assert rounds > 1
    assert [body["title"] for body in said(device, "notice.published")] == [
        str(n) for n in range(200)
    ]
    nothing = await device.sync(budget=0)
    assert nothing.events is None


UNKNOWN_FIELD = (
    b'{"order":"1","title":"t","from":"2026-11-22T00:00:00+07:00",'
    b'"direct_intake":{"suspended":true,"except_fields":["Khong co"]}}'
)
LONG = json.dumps(
    {"checklist": "a", "items": [{"id": "x", "text": "y" * 500, "points_max": 1}] * 200}
).encode()
BAD = [
    ("checklist.set", LONG, "event-malformed"),
    ("policy.sett", b"{}", "type-unknown"),
    ("numbers.leased", b"{}", "type-unknown"),
    ("notice.published", b"{", "not-json"),
    ("notice.published", b'{"title":"a"}', "field-missing"),
    ("notice.published", b'{"title":"a","text":"b","untill":null}', "field-unknown"),
    (
        "policy.set",
        b'{"order":"1","title":"t","from":"2026-11-22T00:00:00+07:00","seats":[{"room":"a","max":1}]}',
        "field-unknown",
    ),
    ("policy.set", UNKNOWN_FIELD, "field-invalid"),
    ("device.revoked", b'{"device":"abcdefghij"}', "type-unknown"),
    ("office.recoded", b'{"code":"H26.9","name":"x","valid_from":"2027-01-01"}', "type-unknown"),
    (
        "policy.set",
        b'{"order":"1","title":"t","from":"2026-11-22T00:00:00Z","until":"2026-11-22T00:00:00Z"}',
        "field-invalid",
    ),
    ("policy.revoked", b'{"order":"99"}', "field-invalid"),
    ("notice.published", b'{"title":"' + b"x" * 70_000 + b'","text":"b"}', "field-invalid"),
]


@pytest.mark.parametrize("number", range(len(BAD)))
async def test_a_wrong_body_is_refused_and_nothing_is_said(ctx: ServerContext, number: int) -> None:
    device = await new_device(ctx)
    kind, body, code = BAD[number]
    with pytest.raises(Refused) as refused:
        await publish(ctx, None, [("notice.published", NOTICE), (kind, body)])
    assert {place: item.code for place, item in refused.value.refusals.items()} == {1: code}
    await device.sync()
    assert said(device, "notice.published") == []


async def test_an_order_can_be_revoked_that_stands_before_it_in_the_file(
    ctx: ServerContext,
) -> None:
    device = await new_device(ctx)
    order = b'{"order":"7","title":"t","from":"2026-11-22T00:00:00+07:00"}'
    revoked = ("policy.revoked", b'{"order":"7"}')
    with pytest.raises(Refused) as refused:
        await publish(ctx, [device.office], [revoked, ("policy.set", order)])
    assert [error.path for error in refused.value.refusals[0].errors] == ["body.order"]
    await publish(ctx, [device.office], [("policy.set", order), revoked])
    await device.sync()
    assert said(device, "policy.revoked") == [{"order": "7"}]


async def test_everything_wrong_with_a_body_is_named_by_its_path(ctx: ServerContext) -> None:
    body = (
        b'{"title":7,"from":"yesterday","untill":null,'
        b'"seats":[{"room":"a","max":1}],"temperature_max_c":99}'
    )
    with pytest.raises(Refused) as refused:
        await publish(ctx, None, [("policy.set", body)])
    assert [error.path for error in refused.value.refusals[0].errors] == [
        "body.order",
        "body.title",
        "body.from",
        "body.seats[0].max",
        "body.temperature_max_c",
        "body.untill",
    ]


async def test_a_calendar_and_a_fee_are_judged_by_their_own_rules_too(ctx: ServerContext) -> None:
    hours = b'{"hours":[["13:30","17:00"],["07:30","11:30"]]}'
    days = b'{"days":{"2026-02-30":"off","2026-03-01":"rest"},"cutoff":"25:00"}'
    with pytest.raises(Refused) as refused:
        await publish(ctx, None, [("calendar.set", hours), ("calendar.set", days)])
    paths = {
        place: [error.path for error in item.errors]
        for place, item in refused.value.refusals.items()
    }
    assert paths == {
        0: ["body"],
        1: ["body.days.2026-02-30", "body.days.2026-03-01", "body.cutoff"],
    }


async def test_an_unknown_office_is_refused(ctx: ServerContext) -> None:
    with pytest.raises(Refusal, match="office-unknown"):
        await publish(ctx, [b"?" * 16], [("notice.published", NOTICE)])


async def test_a_device_ahead_of_its_desk_is_told_what_is_left(ctx: ServerContext) -> None:
    device = await new_device(ctx)
    ahead = Head(device.desk_head.seq + 3, b"\x01" * 32)
    down = await device.sync(cursor=ahead)
    assert (down.verdict, down.events) == ("ok", None)
    assert down.desk_lost[0] == device.desk_head


async def test_a_device_with_another_desk_gets_its_record_and_begins_again(
    ctx: ServerContext,
) -> None:
    device = await new_device(ctx)
    down = await device.sync(desk=b"\x05" * 16, cursor=Head(0, bytes(32)))
    assert down.device == device.record_cose
    assert down.events is not None
    assert down.events.first == 1


async def test_a_device_far_in_a_desk_that_is_not_known_is_asked_for_it(
    ctx: ServerContext,
) -> None:
    device = await new_device(ctx)
    other = b"\x05" * 16
    down = await device.sync(desk=other)
    assert (down.desk, down.device, down.events) == (other, None, None)
    assert down.desk_lost == (genesis(ctx.keys.signing.key_id, other),)


async def test_leases_renew_by_themselves(ctx: ServerContext, clock: FakeClock) -> None:
    device = await new_device(ctx)
    for _ in range(60):
        await device.sync()
        clock.ms += DAY_MS
    leases = said(device, "numbers.leased")
    assert len(leases) > 2
    until = date(2026, 11, 20)
    for lease in leases:
        assert date.fromisoformat(str(lease["first_day"])) == until + timedelta(days=1)
        until = date.fromisoformat(str(lease["last_day"]))
        assert (lease["from"], lease["to"], lease["volume"]) == (1, 999, 1)
    assert until >= date(2026, 11, 21) + timedelta(days=60 + 14)


async def test_few_numbers_left_bring_more(ctx: ServerContext) -> None:
    device = await new_device(ctx)
    facts = {
        "journal": device.journal.hex(),
        "agent": "0.1.0",
        "generated_at": "2026-11-21T08:00:00+07:00",
        "delivered_seq": 0,
        "numbers": {"left_today": 20},
    }
    report = compress(json.dumps(facts).encode(), 1, 3)
    await device.sync(report=report)
    first, second = said(device, "numbers.leased")
    assert (second["from"], second["to"], second["width"]) == (1_001, 1_999, 4)
    assert second["first_day"] == "2026-11-21"
    assert second["last_day"] == first["last_day"]


async def test_no_serial_and_no_volume_belongs_to_two_journals(
    ctx: ServerContext, clock: FakeClock
) -> None:
    devices = [await new_device(ctx, seed=seed) for seed in range(3, 9)]
    for _ in range(3):
        await asyncio.gather(*(device.sync() for device in devices))
        clock.ms += 20 * DAY_MS
    owners: dict[tuple[str, int], bytes] = {}
    volumes: dict[int, bytes] = {}
    for device in devices:
        for lease in said(device, "numbers.leased"):
            assert lease["journal"] == device.journal.hex()
            day = date.fromisoformat(str(lease["first_day"]))
            while day <= date.fromisoformat(str(lease["last_day"])):
                for serial in range(int(str(lease["from"])), int(str(lease["to"])) + 1, 111):
                    key = (day.isoformat(), serial)
                    assert owners.setdefault(key, device.journal) == device.journal
                day += timedelta(days=1)
            volume = int(str(lease["volume"]))
            assert volumes.setdefault(volume, device.journal) == device.journal
    assert sorted(volumes) == [1, 2, 3, 4, 5, 6]
