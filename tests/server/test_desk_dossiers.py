"""What the province says about one dossier: to one device, and into its own tables."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from records.dossier import Dossier
from server import rebuilding
from server.config import Config
from server.context import ServerContext
from server.enrolment import revoke
from server.projections import project
from server.publishing import publish
from server.sayings import Refused
from server.store.tables import desk_told, event
from tests.server.province import Device, FakeClock, new_device, open_province
from tests.server.test_desk import NOTICE, said
from tests.server.test_projections import contents, dossiers, event_of, problems
from wire.chain import event_id
from wire.event import body_of, decode, encode
from wire.problems import Refusal

CODE = "H26.107-261120-9001"
ASSIGNED: dict[str, Any] = {
    "procedure_code": "1.001193", "version": "1", "channel": "online", "return_channel": "direct",
    "applicant": {"full_name": "Nguyễn Thị Ngọc Hà"}, "code": CODE, "holder": "office",
}  # fmt: skip
RECEIVED: dict[str, Any] = {
    "procedure_code": "1.001193", "channel": "direct", "return_channel": "direct",
    "applicant": {"full_name": "Lê Văn An"}, "book": "2026/1/1",
}  # fmt: skip


@pytest.fixture
async def ctx(config: Config, clock: FakeClock) -> AsyncIterator[ServerContext]:
    """A province that projects."""
    context = await open_province(config, clock, project)
    yield context
    await context.store.close()


@pytest.fixture
async def device(ctx: ServerContext) -> Device:
    return await new_device(ctx)


def item(kind: str, body: dict[str, Any]) -> tuple[str, bytes]:
    return kind, json.dumps(body).encode()


async def tell(device: Device, kind: str, **body: Any) -> UUID:
    """Publish one thing to the device's office and return the id its desk event has."""
    await publish(device.ctx, [device.office], [item(kind, body)])
    await device.sync()
    return event_id(device.desk_head.hash)


async def act(device: Device, kind: str, subject: int | str | None = None, **body: Any) -> int:
    """Let the office record something; return its seq."""
    device.write(encode(event_of(device, kind, body_of(body), subject)))
    await device.sync()
    return len(device.events)


async def only(ctx: ServerContext) -> Dossier:
    (found,) = (await dossiers(ctx)).values()
    return found


async def refused(
    ctx: ServerContext, offices: list[bytes] | None, kind: str, body: dict[str, Any]
) -> list[tuple[str, str]]:
    """Return code and path of everything that keeps this from being said."""
    with pytest.raises(Refused) as refusal:
        await publish(ctx, offices, [item(kind, body)])
    (found,) = refusal.value.refusals.values()
    return [(found.code, error.path) for error in found.errors]


async def test_an_assigned_dossier_counts_at_once_and_takes_the_office_s_events(
    ctx: ServerContext, device: Device
) -> None:
    dossier_id = await tell(device, "dossier.assigned", **ASSIGNED)
    assert list(await dossiers(ctx)) == [dossier_id.bytes]
    await act(device, "dossier.resolved", str(dossier_id), result={"kind": "paper"})
    assert (await only(ctx)).state == "resolved"
    assert await problems(ctx) == []


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("dossier.assigned", ASSIGNED),
        ("dossier.progressed", {"dossier": CODE, "state": "resolved"}),
        ("numbers.mapped", {"dossier": "2026/1/1", "code": CODE}),
    ],
)
async def test_a_citizen_s_dossier_is_told_to_one_office(
    ctx: ServerContext, device: Device, kind: str, body: dict[str, Any]
) -> None:
    other = await new_device(ctx, seed=3, code="H26.108")
    for offices in (None, [device.office, other.office], []):
        assert await refused(ctx, offices, kind, body) == [("field-invalid", "kind")]
    for each in (device, other):
        await each.sync()
        assert said(each, kind) == []


async def test_a_dossier_goes_to_the_active_device_that_was_heard_last(
    ctx: ServerContext, device: Device, clock: FakeClock
) -> None:
    second = await new_device(ctx, seed=3)
    third = await new_device(ctx, seed=4, automatic=False)
    for each in (device, second, third):
        clock.ms += 1_000
        await each.sync()
    done = await publish(ctx, [device.office], [item("dossier.assigned", ASSIGNED)])
    assert done.published == 1
    assert second.record is not None
    assert set(done.desk_seq) == {(second.office, second.record.desk)}
    for each in (device, second, third):
        await each.sync()
    assert [len(said(each, "dossier.assigned")) for each in (device, second, third)] == [0, 1, 0]
    await tell(second, "dossier.progressed", dossier=CODE, note="Đã xem")
    await device.sync()
    assert len(said(second, "dossier.progressed")) == 1
    assert said(device, "dossier.progressed") == []


async def test_a_dossier_is_found_by_id_by_code_of_any_width_and_by_book(
    ctx: ServerContext, device: Device
) -> None:
    await act(device, "dossier.received", **RECEIVED)
    (key,) = await dossiers(ctx)
    own_id = str(UUID(bytes=key))
    await tell(device, "numbers.mapped", dossier="2026/1/1", code="h26.107-261120-9002")
    assert (await only(ctx)).code == "H26.107-261120-9002"
    for ref in (own_id, "H26.107-261120-009002", " h26.107-261120-9002", "2026/1/1"):
        await tell(device, "dossier.progressed", dossier=ref, note="Đã xem")
    bodies = said(device, "dossier.progressed") + said(device, "numbers.mapped")
    assert [body["dossier"] for body in bodies] == [own_id] * 5
    assert said(device, "numbers.mapped")[0]["code"] == "H26.107-261120-9002"


@pytest.mark.parametrize("ref", ["1/1", "2026/1/2", "H26.107-261120-0001", str(UUID(int=5)), "x"])
@pytest.mark.parametrize("kind", ["dossier.progressed", "numbers.mapped"])
async def test_nothing_is_told_of_a_dossier_that_the_office_does_not_have(
    ctx: ServerContext, device: Device, kind: str, ref: str
) -> None:
    await act(device, "dossier.received", **RECEIVED)
    body = {"dossier": ref} | ({"code": CODE} if kind == "numbers.mapped" else {})
    expected = [("dossier-unknown", "body.dossier")]
    assert await refused(ctx, [device.office], kind, body) == expected
    other = await new_device(ctx, seed=3, code="H26.108")
    body["dossier"] = "2026/1/1"
    assert await refused(ctx, [other.office], kind, body) == expected


async def test_progress_says_how_far_the_office_had_been_heard(
    ctx: ServerContext, device: Device
) -> None:
    await act(device, "dossier.received", **RECEIVED)
    await tell(device, "dossier.progressed", dossier="2026/1/1", note="Đã xem")
    device.note()
    device.note()
    await publish(ctx, [device.office], [item("dossier.progressed", {"dossier": "2026/1/1"})])
    await device.sync()
    await tell(device, "dossier.progressed", dossier="2026/1/1")
    assert [body["heard"] for body in said(device, "dossier.progressed")] == [1, 1, 3]


async def test_a_dossier_assigned_without_a_code_gets_it_later(
    ctx: ServerContext, device: Device
) -> None:
    bare = {name: value for name, value in ASSIGNED.items() if name != "code"}
    dossier_id = str(await tell(device, "dossier.assigned", **bare))
    await tell(device, "numbers.mapped", dossier=dossier_id, code=CODE)
    assert (await only(ctx)).code == CODE


async def test_a_code_is_given_to_one_dossier(ctx: ServerContext, device: Device) -> None:
    await act(device, "dossier.received", **RECEIVED)
    await tell(device, "dossier.assigned", **ASSIGNED)
    taken = [("field-invalid", "body.code")]
    wide = ASSIGNED | {"code": "H26.107-261120-09001"}
    assert await refused(ctx, [device.office], "dossier.assigned", wide) == taken
    mapped = {"dossier": "2026/1/1", "code": CODE}
    assert await refused(ctx, [device.office], "numbers.mapped", mapped) == taken
    await tell(device, "numbers.mapped", dossier=CODE, code=CODE)
    assert len(await dossiers(ctx)) == 2


@pytest.mark.parametrize("code", ["H26.107-261121-0999", "H26.107-261220-0001"])
async def test_a_code_that_a_device_may_give_is_given_by_nobody_else(
    ctx: ServerContext, device: Device, code: str
) -> None:
    (lease,) = said(device, "numbers.leased")
    assert (lease["from"], lease["to"], lease["last_day"]) == (1, 999, "2026-12-20")
    body = ASSIGNED | {"code": code}
    taken = [("field-invalid", "body.code")]
    assert await refused(ctx, [device.office], "dossier.assigned", body) == taken


@pytest.mark.parametrize(
    ("kind", "body", "path"),
    [
        ("numbers.mapped", {"dossier": "2026/1/1", "code": "số 1"}, "body.code"),
        ("dossier.assigned", ASSIGNED | {"code": "H26.107-261131-0001"}, "body.code"),
        ("dossier.assigned", ASSIGNED | {"book": "2026/1/1"}, "body.book"),
        ("dossier.progressed", {"dossier": "2026/1/1", "heard": 1}, "body.heard"),
        ("dossier.assigned", ASSIGNED | {"due_at": "0001-01-01T00:00:00+14:00"}, "body.due_at"),
    ],
)
async def test_what_no_dossier_can_have_is_refused(
    ctx: ServerContext, device: Device, kind: str, body: dict[str, Any], path: str
) -> None:
    await act(device, "dossier.received", **RECEIVED)
    ((code, found),) = await refused(ctx, [device.office], kind, body)
    assert (code, found) == ("field-unknown" if "heard" in body else "field-invalid", path)


async def test_all_that_is_wrong_with_a_file_is_named_and_nothing_is_said(
    ctx: ServerContext, device: Device
) -> None:
    items = [
        item("dossier.assigned", ASSIGNED),
        item("dossier.assigned", ASSIGNED | {"code": "H26.107-261121-0001"}),
        item("dossier.progressed", {"dossier": "2026/9/9", "state": "resolved"}),
        ("notice.published", NOTICE),
        item("dossier.assigned", ASSIGNED),
    ]  # fmt: skip
    with pytest.raises(Refused) as refusal:
        await publish(ctx, [device.office], items)
    assert {place: one.code for place, one in refusal.value.refusals.items()} == {
        1: "field-invalid", 2: "dossier-unknown", 4: "field-invalid",
    }  # fmt: skip
    await device.sync()
    assert [decode(raw).kind for raw in device.desk_events] == ["numbers.leased"]
    assert await dossiers(ctx) == {}


async def test_one_file_may_assign_a_dossier_and_tell_of_it(
    ctx: ServerContext, device: Device
) -> None:
    items = [
        item("dossier.assigned", ASSIGNED | {"holder": "province"}),
        ("notice.published", NOTICE),
        item("dossier.progressed", {"dossier": CODE, "state": "resolved"}),
    ]
    done = await publish(ctx, [device.office], items)
    assert done.published == 3
    await device.sync()
    assert [decode(raw).kind for raw in device.desk_events[1:]] == [kind for kind, _ in items]
    assert (await only(ctx)).state == "resolved"


async def test_an_office_without_a_working_device_is_assigned_nothing(
    ctx: ServerContext, device: Device
) -> None:
    await tell(device, "dossier.assigned", **ASSIGNED)
    await revoke(ctx, device.device_id)
    other = ASSIGNED | {"code": "H26.107-261120-9002"}
    gone = await refused(ctx, [device.office], "dossier.assigned", other)
    assert gone == [("device-unknown", "kind")]
    body = {"dossier": CODE, "state": "resolved"}
    await new_device(ctx, seed=3)
    kept = await refused(ctx, [device.office], "dossier.progressed", body)
    assert kept == [("device-unknown", "body.dossier")]


async def test_a_rebuild_folds_what_was_told_where_it_was_told(
    ctx: ServerContext, device: Device, clock: FakeClock
) -> None:
    other = await new_device(ctx, seed=3, code="H26.108")
    await act(other, "dossier.received", **RECEIVED)
    mine = await act(device, "dossier.received", **RECEIVED)
    assigned = str(await tell(device, "dossier.assigned", **ASSIGNED))
    clock.ms += 60_000
    await tell(device, "dossier.progressed", dossier="2026/1/1", state="resolved")  # a clash
    await act(device, "dossier.forwarded", mine, to="Sở Tư pháp", holder="province")
    await tell(device, "dossier.progressed", dossier="2026/1/1", state="resolved")
    await act(device, "dossier.withdrawn", mine, reason="Đổi ý")  # too late
    await act(device, "dossier.resolved", assigned, result={"kind": "paper"})
    await tell(device, "numbers.mapped", dossier="2026/1/1", code="H26.107-261120-9002")
    before = await contents(ctx)
    stands = await dossiers(ctx)
    assert sorted(found.conflicts for found in stands.values()) == [0, 0, 2]
    assert await rebuilding.rebuild(ctx) == 5 + 4
    assert await contents(ctx) == before


async def test_a_rebuild_passes_over_what_was_told_of_a_dossier_whose_events_are_gone(
    ctx: ServerContext, device: Device
) -> None:
    await act(device, "dossier.received", **RECEIVED)
    await tell(device, "numbers.mapped", dossier="2026/1/1", code=CODE)
    async with ctx.store.write() as conn:
        await conn.execute(event.update().values(event=None, digest=bytes(32), day="", channel=""))
    await rebuilding.rebuild(ctx)
    assert await dossiers(ctx) == {}


async def test_a_fold_that_fails_for_another_reason_is_logged_and_stops_no_rebuild(
    ctx: ServerContext, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    await tell(device, "dossier.assigned", **ASSIGNED)
    before = await dossiers(ctx)

    def faulty(*_args: object) -> None:
        raise Refusal("field-invalid")

    with monkeypatch.context() as fault, capture_logs() as logged:
        fault.setattr("server.projected_dossiers.evolve", faulty)
        await rebuilding.rebuild(ctx)
    assert await dossiers(ctx) == {}
    assert logged == [
        {
            "event": "desk-event-not-folded",
            "log_level": "error",
            "hash": device.desk_head.hash.hex(),
            "error": "Refusal",
        }
    ]
    await rebuilding.rebuild(ctx)
    assert await dossiers(ctx) == before


async def test_a_range_that_holds_a_granted_serial_is_lent_to_nobody(
    ctx: ServerContext, device: Device
) -> None:
    await tell(device, "dossier.assigned", **ASSIGNED | {"code": "H26.107-261130-1500"})
    await tell(device, "dossier.assigned", **ASSIGNED | {"code": "H26.107-261030-2500"})
    await tell(device, "dossier.assigned", **ASSIGNED | {"code": "H26.1070-261130-2500"})
    second = await new_device(ctx, seed=3)
    (lease,) = said(second, "numbers.leased")
    assert (lease["from"], lease["to"]) == (2_001, 2_999)


async def test_what_was_told_is_remembered_by_desk_and_place(
    ctx: ServerContext, device: Device
) -> None:
    await act(device, "dossier.received", **RECEIVED)
    await tell(device, "numbers.mapped", dossier="2026/1/1", code=CODE)
    async with ctx.store.read() as conn:
        (row,) = (await conn.execute(sa.select(desk_told))).all()
    assert device.record is not None
    assert (row.desk_id, row.seq, row.after_position) == (
        device.record.desk, device.desk_head.seq, 1,
    )  # fmt: skip
