"""What finds a dossier: parts of a name, a person's number as a whole, numbers of its own."""

import json
from typing import Any

import pytest

from tests.agent.web.office import RECEIVE, Office
from tests.agent.world import as_json

APPLICANT = {
    "full_name": "Nguyễn Thị Ngọc Hà",
    "id_number": "001184000017",
    "phone": "0912 345 678",
}


async def receive(office: Office, **changes: Any) -> None:
    await office.parts.service.submit_line(as_json(RECEIVE | changes), "lan.nt")


async def found(office: Office, q: str, **more: Any) -> list[str]:
    """The books of the dossiers that a clerk's search finds, with their years."""
    async with office.signed_in() as client:
        answer = await client.get("/api/dossiers", params={"q": q, **more})
    assert answer.status_code == 200, answer.text
    return [f"{item['book_year']}/{item['book']}" for item in answer.json()["items"]]


async def looks(office: Office) -> list[dict[str, Any]]:
    rows = await office.journal.read(
        lambda c: c.execute("SELECT body FROM event WHERE journal = 1 ORDER BY seq").fetchall()
    )
    events = [json.loads(body) for (body,) in rows]
    return [event for event in events if event["kind"] == "person.looked_up"]


@pytest.mark.parametrize(
    "q",
    [
        "001184000017",
        "0912345678",
        "0912 345 678",
        "+84912345678",
        "84912345678",
        "hà 001184000017",
    ],
)
async def test_a_whole_number_finds_its_person_and_is_recorded(office: Office, q: str) -> None:
    await receive(office, applicant=APPLICANT)
    await receive(office, applicant={"full_name": "Lê Văn An"})
    assert await found(office, q) == ["2026/1/1"]
    (look,) = await looks(office)
    assert look["actor"] == "lan.nt"
    assert look["body"] == {"fields": "number", "found": 1}
    assert "184000017" not in json.dumps(look)
    async with office.through_socket() as client:
        dossier = (await client.get("/api/dossiers/2026/1/1")).json()
    assert look["subject"] == dossier["id"]
    assert dossier["events"][-1]["kind"] == "person.looked_up"


@pytest.mark.parametrize("q", ["00118", "8400", "184000017", "00118400001", "912345678", "345 678"])
async def test_a_part_of_a_number_finds_nobody(office: Office, q: str) -> None:
    await receive(office, applicant=APPLICANT)
    assert await found(office, q) == []


async def test_a_number_of_nobody_is_a_look_up_too(office: Office) -> None:
    await receive(office, applicant=APPLICANT)
    assert await found(office, "001184000018") == []
    (look,) = await looks(office)
    assert look["body"] == {"fields": "number", "found": 0}
    assert "subject" not in look


async def test_a_passport_is_found_however_it_is_typed(office: Office) -> None:
    passport = {"full_name": "John Smith", "id_kind": "passport", "id_number": "C01X00T47"}
    await receive(office, applicant=passport)
    assert await found(office, "c01x00t47") == ["2026/1/1"]
    assert len(await looks(office)) == 1


@pytest.mark.parametrize("q", ["ngoc ha", "Hà", "1/1", "2026/1/1", "261120-0001", "an 29"])
async def test_other_searches_are_no_look_up(office: Office, q: str) -> None:
    organisation = {"full_name": "Trần Thị Ngọc Hà", "organisation": "Hợp tác xã An Phú 29"}
    await receive(office, applicant=APPLICANT | organisation)
    assert await found(office, q) == ["2026/1/1"]
    assert await looks(office) == []


async def test_digits_in_an_organisations_name_find_it(office: Office) -> None:
    organisation = {"full_name": "Trần Thị Hoa", "organisation": "Công ty 12345678"}
    await receive(office, applicant=organisation)
    assert await found(office, "công ty 12345678") == ["2026/1/1"]


async def test_a_corrected_number_is_found_and_the_wrong_one_is_not(office: Office) -> None:
    await receive(office, applicant=APPLICANT)
    correct = {
        "type": "dossier.correct", "dossier": "2026/1/1", "reason": "Gõ nhầm",
        "set": {"applicant.id_number": "001184000018"},
    }  # fmt: skip
    await office.parts.service.submit_line(as_json(correct), "lan.nt")
    assert await found(office, "001184000017") == []
    assert await found(office, "001184000018") == ["2026/1/1"]


async def test_a_place_in_the_register_without_its_year_begins_with_the_newest(
    office: Office,
) -> None:
    await receive(office)
    office.clock.advance(60 * 86_400_000)
    await receive(office)
    paper = {"volume": 7, "number": 1, "at": "2026-11-19T09:00:00+07:00"}
    await receive(office, paper=paper)
    assert await found(office, "1/1") == ["2027/1/1", "2026/1/1"]
    assert await found(office, "7/1") == ["2026/7/1"]
    assert await found(office, "9/1") == []
    async with office.signed_in() as client:
        first = (await client.get("/api/dossiers?q=1/1&limit=1")).json()
        second = (await client.get(f"/api/dossiers?q=1/1&limit=1&after={first['next']}")).json()
    assert [page["items"][0]["book_year"] for page in (first, second)] == [2027, 2026]
    assert second["next"] is None


@pytest.mark.parametrize(
    ("q", "count"),
    [
        ("261120-0002", 1),
        ("261120-2", 1),
        ("261120-0009", 0),
        ("261121-0002", 0),
        ("269920-0002", 0),
    ],
)
async def test_the_tail_of_a_code_finds_its_dossier(office: Office, q: str, count: int) -> None:
    for _ in range(3):
        await receive(office)
    assert len(await found(office, q)) == count
