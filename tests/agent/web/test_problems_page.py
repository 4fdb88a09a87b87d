"""Every open problem stands on its page with what to do; a conflict is settled in place."""

from typing import Any

from agent.journal import Transaction
from tests.agent.views.test_twice import fork
from tests.agent.web.office import CHECK_IN, RECEIVE, Office
from tests.agent.web.test_line_page import page
from tests.agent.web.test_pages import active_parts
from tests.agent.world import IDENTITY, as_json, chained, desk_event


async def say(office: Office, kind: str, **body: Any) -> None:
    event = desk_event(kind, body, at_ms=office.clock.now_ms())

    def job(transaction: Transaction) -> None:
        transaction.append_desk(chained(transaction.desk_head, [event]))

    await office.journal.write(job)


async def crossed(office: Office) -> str:
    """A dossier that the office holds and the province says is resolved."""
    done = await office.parts.service.submit_line(as_json(RECEIVE), "lan.nt")
    await say(
        office, "dossier.progressed", dossier=str(done.id), state="resolved", by="Bà Hoa", heard=1
    )
    return str(done.id)


async def test_nothing_to_do_is_said(office: Office) -> None:
    assert "There is nothing to do." in await page(office, "/problems")


async def test_a_conflict_stands_there_with_both_values_and_is_settled_in_place(
    office: Office,
) -> None:
    ref = await crossed(office)
    whole = await page(office, "/problems")
    assert active_parts(whole) == []
    assert "Office and province say different things of a dossier" in whole
    assert f'href="/dossiers/{ref}"' in whole
    assert "State of the dossier: which value is right?" in whole
    assert "<strong>Received</strong> — the office (stands now)" in whole
    assert "Bà Hoa, 20/11/2026 08:31" in whole
    async with office.signed_in() as client:
        (problem,) = (await client.get("/api/problems")).json()["items"]
        conflict = problem["conflict"]
        assert (conflict["stands"]["keep"], conflict["other"]["value"]) == ("office", "resolved")
        command = {"conflict": conflict["id"], "keep": "province", "reason": "Tỉnh đúng"}
        done = await client.post("/api/commands", json={"type": "conflict.resolve", **command})
        assert (done.status_code, done.json()["id"]) == (200, ref)
        assert (await client.get("/api/problems")).json()["items"] == []
        shown = (await client.get(f"/api/dossiers/{ref}")).json()
        assert (shown["state"], shown["open_conflicts"]) == ("resolved", [])
        again = await client.post("/api/commands", json={"type": "conflict.resolve", **command})
        assert (again.status_code, again.json()["code"]) == (404, "conflict-unknown")


async def test_the_page_of_a_dossier_shows_its_conflicts_and_what_happened(office: Office) -> None:
    ref = await crossed(office)
    for address in (ref, "2026/1/1"):
        whole = await page(office, f"/dossiers/{address}")
        assert active_parts(whole) == []
        assert "Office and province differ" in whole
        assert "Progress in the province" in whole
        assert "0912345678" not in whole
    async with office.signed_in() as client:
        gone = await client.get("/dossiers/2026/1/9")
        assert gone.status_code == 404


async def test_what_the_province_sent_back_leads_to_the_dossier_it_is_about(office: Office) -> None:
    done = await office.parts.service.submit_line(as_json(RECEIVE), "lan.nt")
    stop = {"type": "dossier.stop", "dossier": str(done.id), "reason": "Dừng"}
    late = await office.parts.service.submit_line(as_json(stop), "lan.nt")
    visit = await office.parts.service.submit_line(as_json(CHECK_IN), "lan.nt")
    for seq in (late.seq, visit.seq):
        await say(
            office, "event.rejected", journal=IDENTITY.journal.hex(), seq=seq, code="field-invalid"
        )
    async with office.signed_in() as client:
        items = (await client.get("/api/problems")).json()["items"]
    assert {item["subject"] for item in items} == {str(done.id), str(visit.id)}
    whole = await page(office, "/problems")
    assert f'href="/dossiers/{done.id}"' in whole
    assert str(visit.id) not in whole


async def test_a_number_that_two_dossiers_bear_is_shown_with_both(office: Office) -> None:
    done = await office.parts.service.submit_line(as_json(RECEIVE), "lan.nt")
    await fork(office.journal, "Trần Văn Bốn")
    async with office.signed_in() as client:
        page = (await client.get("/problems", headers={"accept-language": "en"})).text
        told = (await client.get("/api/problems")).json()["items"]
    assert page.count("Two dossiers bear the same number") == 2
    assert page.count("Trần Văn Bốn") == 2
    assert f"<h3>{done.code}</h3>" in page
    kinds = {item["twice"]["kind"] for item in told if item["code"] == "number-taken-twice"}
    assert kinds == {"code", "book"}
