"""Dossiers of the province: their figures, and themselves."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from records import statistics as rules
from server.config import Config
from server.context import ServerContext
from server.projections import project
from server.publishing import publish
from tests.server.province import Device, FakeClock, new_device, open_province
from tests.server.readers import Reader, reading
from tests.server.test_projections import work

PATH = "/v1/statistics/dossiers"
MONTH = {"from": "2026-11-01", "to": "2026-11-30"}
STATES = ("resolved_early", "resolved_on_time", "resolved_late", "refused", "withdrawn", "stopped")
LEFT = ("pending_in_time", "pending_late", "waiting_for_papers")


@pytest.fixture
async def ctx(config: Config, clock: FakeClock) -> AsyncIterator[ServerContext]:
    """A province that projects."""
    context = await open_province(config, clock, project)
    yield context
    await context.store.close()


@pytest.fixture
async def offices(ctx: ServerContext, clock: FakeClock) -> list[Device]:
    """Two offices after a fortnight's work."""
    clock.ms += 14 * 86_400_000
    found = []
    for number in (1, 2):
        device = await new_device(ctx, seed=number, code=f"H26.10{number}")
        work(device, 300, seed=number)
        await device.sync()
        found.append(device)
    await new_device(ctx, seed=3, code="H26.103")
    return found


@pytest.fixture
async def reports(ctx: ServerContext) -> AsyncIterator[Reader]:
    async with reading(ctx, "reports") as opened:
        yield opened


@pytest.fixture
async def feed(ctx: ServerContext) -> AsyncIterator[Reader]:
    async with reading(ctx, "feed") as opened:
        yield opened


def balanced(row: dict[str, Any]) -> bool:
    came = row["carried_in"] + row["received"]
    return bool(came == sum(row[name] for name in (*STATES, *LEFT)))


async def test_every_row_and_the_totals_add_up(reports: Reader, offices: list[Device]) -> None:
    found = await reports.json(PATH, **MONTH)
    assert all(balanced(row) for row in found["rows"])
    assert balanced(found["totals"])
    assert found["totals"]["received"] == sum(row["received"] for row in found["rows"]) > 50
    assert {row["office"] for row in found["rows"]} == {"H26.101", "H26.102"}


async def test_who_was_silent_is_named(
    reports: Reader, offices: list[Device], clock: FakeClock
) -> None:
    found = await reports.json(PATH, **MONTH)
    assert found["completeness"] == {"offices": 3, "in": 2, "silent": ["H26.103"]}
    clock.ms += 2 * 86_400_000
    await offices[0].sync(first=301)
    found = await reports.json(PATH, **MONTH)
    assert found["completeness"]["silent"] == ["H26.102", "H26.103"]


async def test_one_office_alone(reports: Reader, offices: list[Device]) -> None:
    both = await reports.json(PATH, **MONTH, group="office")
    alone = await reports.json(PATH, **MONTH, group="office", office="H26.102")
    assert [row for row in both["rows"] if row["office"] == "H26.102"] == alone["rows"]
    assert alone["completeness"]["offices"] == 1
    assert (await reports.refusal(PATH, **MONTH, office="H99"))[:2] == (404, "office-unknown")


async def test_a_finished_period_does_not_weigh_on_a_later_one(
    reports: Reader, offices: list[Device], clock: FakeClock
) -> None:
    clock.ms += 365 * 86_400_000
    later = await reports.json(PATH, **{"from": "2027-06-01", "to": "2027-06-30"})
    november = await reports.json(PATH, **MONTH)
    left = sum(november["totals"][name] for name in LEFT)
    assert (later["totals"]["received"], later["totals"]["carried_in"]) == (0, left)


async def test_fields_come_from_the_published_catalogue(
    ctx: ServerContext, reports: Reader, offices: list[Device]
) -> None:
    found = await reports.json(PATH, **MONTH, group="procedure")
    code = found["rows"][0]["procedure_code"]
    body = {"code": code, "name": "Thủ tục", "field": "Lĩnh vực thử", "working_days": 1}
    body |= {"fee": {"rule": "none"}, "papers": [], "channels": ["direct"], "version": "x"}
    body |= {"return_channels": ["direct"], "must_collect": False, "online_level": "full"}
    await publish(ctx, None, [("procedure.set", json.dumps(body).encode())])
    found = await reports.json(PATH, **MONTH, group="field,procedure")
    fields = {row["procedure_code"]: row["field"] for row in found["rows"]}
    assert fields[code] == "Lĩnh vực thử"
    assert set(fields.values()) == {"Lĩnh vực thử", None}


async def test_as_a_table(reports: Reader, offices: list[Device]) -> None:
    answer = await reports.http.get(
        PATH, params=MONTH | {"group": "office,month"}, headers={"Accept": "text/csv"}
    )
    heading, *rows = csv.reader(io.StringIO(answer.content.decode("utf-8-sig")))
    assert tuple(heading) == (*rules.COLUMNS, "month")
    assert [(row[0], row[-1]) for row in rows] == [("H26.101", "2026-11"), ("H26.102", "2026-11")]


async def test_a_question_without_its_days_is_refused(reports: Reader) -> None:
    status, _, paths = await reports.refusal(PATH, group="office,street")
    assert (status, sorted(paths)) == (422, ["from", "group", "to"])


async def test_dossiers_are_read_page_by_page(feed: Reader, offices: list[Device]) -> None:
    items, after = [], None
    while True:
        page = await feed.json("/v1/dossiers", limit=17, **({"after": after} if after else {}))
        items += page["items"]
        after = page["next"]
        if after is None:
            break
    assert len(items) > 50
    assert len({item["id"] for item in items}) == len(items)
    alone = await feed.json("/v1/dossiers", limit=500, office="H26.101")
    assert {item["id"] for item in alone["items"]} < {item["id"] for item in items}


async def test_a_dossier_names_its_office_by_code_and_id(
    feed: Reader, offices: list[Device]
) -> None:
    page = await feed.json("/v1/dossiers", limit=500)
    named = {(item["office"], item["office_id"]) for item in page["items"]}
    one, other = (str(UUID(bytes=each.office)) for each in offices)
    assert named == {("H26.101", one), ("H26.102", other)}


async def test_a_dossier_is_shown_as_it_stands_and_whole(
    feed: Reader, offices: list[Device]
) -> None:
    page = await feed.json("/v1/dossiers", limit=500)
    item = next(item for item in page["items"] if item["applicant"]["id_number"])
    assert "•" not in json.dumps(item, ensure_ascii=False)
    assert item["delivery"] == "delivered"
    assert item["delivered_at"] is not None
    assert {item["state"] for item in page["items"]} > {"received", "returned"}


async def test_a_cursor_of_another_list_is_refused(feed: Reader, offices: list[Device]) -> None:
    cursor = (await feed.feed(limit=1))[0]["cursor"]
    refused = await feed.refusal("/v1/dossiers", after=cursor)
    assert refused == (422, "field-invalid", ["after"])
