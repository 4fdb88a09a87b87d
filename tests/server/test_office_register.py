"""A list of offices becomes offices: whole, told to the offices, and never without a word."""

from __future__ import annotations

from datetime import date

import pytest
import sqlalchemy as sa

from server import offices, publishing
from server.context import ServerContext
from server.office_register import Entry, compare, take_in
from server.publishing import publish
from server.store.tables import office_code
from tests.server.province import new_device
from tests.server.test_desk import said

UNG_HOA = Entry("H26.107", "Xã Ứng Hòa", "10402", date(2025, 7, 1))
HOA_XA = Entry("H26.108", "Xã Hòa Xá")


async def codes(ctx: ServerContext) -> list[tuple[str, str, str]]:
    query = sa.select(office_code.c.code, office_code.c.valid_from, office_code.c.name)
    async with ctx.store.read() as conn:
        return sorted(tuple(row) for row in await conn.execute(query))


async def test_a_code_counts_from_the_day_the_list_names(ctx: ServerContext) -> None:
    done = await take_in(ctx, [UNG_HOA, HOA_XA])
    assert [item.state for item in done] == ["new", "new"]
    assert await codes(ctx) == [
        ("H26.107", "2025-07-01", "Xã Ứng Hòa"),
        ("H26.108", "2026-11-21", "Xã Hòa Xá"),
    ]


async def test_looking_first_says_what_would_be_and_writes_nothing(ctx: ServerContext) -> None:
    await take_in(ctx, [UNG_HOA])
    async with ctx.store.read() as conn:
        found = await compare(conn, [UNG_HOA, HOA_XA, UNG_HOA._replace(name="Xã Khác")])
    assert [(item.state, item.was) for item in found] == [
        ("known", "Xã Ứng Hòa"), ("new", None), ("changed", "Xã Ứng Hòa"),
    ]  # fmt: skip
    assert len(await codes(ctx)) == 1


async def test_another_name_reaches_the_office_and_leaves_its_telephone(
    ctx: ServerContext,
) -> None:
    device = await new_device(ctx)
    number = ("office.profile", b'{"name":"Xa Ung Hoa","phone":"0243388"}')
    await publish(ctx, [device.office], [number])
    (done,) = await take_in(ctx, [UNG_HOA._replace(name="Phường Ứng Hòa")])
    assert (done.state, done.was, done.office_id) == ("changed", "Xã Ứng Hòa", device.office)
    await device.sync()
    profile = said(device, "office.profile")[-1]
    assert (profile["name"], profile["phone"]) == ("Phường Ứng Hòa", "0243388")
    async with ctx.store.read() as conn:
        assert (await offices.named(conn, "H26.107")).name == "Phường Ứng Hòa"
    assert ("H26.107", "2025-07-01", "Phường Ứng Hòa") in await codes(ctx)


async def test_the_name_of_the_same_day_is_replaced_and_a_ward_code_alone_tells_nobody(
    ctx: ServerContext,
) -> None:
    await take_in(ctx, [HOA_XA])
    await take_in(ctx, [HOA_XA._replace(name="Xã Hoà Xá")])
    assert await codes(ctx) == [("H26.108", "2026-11-21", "Xã Hoà Xá")]
    device = await new_device(ctx, code="H26.108")
    before = len(said(device, "office.profile"))
    (done,) = await take_in(ctx, [HOA_XA._replace(name="Xã Hoà Xá", ward_code="10417")])
    assert done.state == "changed"
    await device.sync()
    assert len(said(device, "office.profile")) == before == 2


async def test_a_list_cut_off_in_the_middle_was_never_there(
    ctx: ServerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell, told = publishing.tell, 0

    async def second_fails(*words: object) -> None:
        nonlocal told
        told += 1
        if told == 2:
            raise OSError("the power is gone")
        await tell(*words)  # type: ignore[arg-type]

    monkeypatch.setattr(publishing, "tell", second_fails)
    with pytest.raises(OSError, match="power"):
        await take_in(ctx, [UNG_HOA, HOA_XA])
    assert await codes(ctx) == []
    monkeypatch.undo()
    await take_in(ctx, [UNG_HOA, HOA_XA])
    for entry in (UNG_HOA, HOA_XA):
        device = await new_device(ctx, seed=int(entry.code[-3:]), code=entry.code)
        assert said(device, "office.profile")[0]["name"] == entry.name


async def test_a_code_an_office_had_once_says_nothing_of_its_name(ctx: ServerContext) -> None:
    (first,) = await take_in(ctx, [UNG_HOA])
    row = {"office_id": first.office_id, "code": "H26.9", "valid_from": "2020-01-01", "name": "Cũ"}
    async with ctx.store.write() as conn:
        await conn.execute(office_code.insert().values(row))
    (done,) = await take_in(ctx, [Entry("H26.9", "Xã Cũ")])
    assert (done.state, done.was) == ("known", "Xã Ứng Hòa")
