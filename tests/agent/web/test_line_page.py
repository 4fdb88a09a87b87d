"""The page of the line says whether anything is missing, and offers what a person can do."""

import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from agent.journal import Transaction
from agent.mounts import Mount
from agent.status import SavingShown
from agent.web.sync_words import written_bytes
from records.sync_report import BlobBacklog, ExchangeReport
from tests.agent.web.office import RECEIVE, SUPERVISOR, Office
from tests.agent.web.test_pages import active_parts
from tests.agent.world import START_MS, as_json
from wire.chain import Head


async def receive(office: Office, count: int = 1) -> None:
    for _ in range(count):
        await office.parts.service.submit_line(as_json(RECEIVE), "lan.nt")


async def deliver(office: Office, seq: int) -> None:
    def job(transaction: Transaction) -> None:
        hash_ = transaction.hash_at(seq)
        assert hash_ is not None
        transaction.set_delivered(Head(seq, hash_), START_MS)

    await office.journal.write(job)


async def page(office: Office, address: str = "/sync", lang: str = "en") -> str:
    async with office.signed_in() as client:
        answer = await client.get(address, headers={"accept-language": lang})
        assert answer.status_code == 200
        return answer.text


async def test_the_page_is_for_those_who_are_signed_in(office: Office) -> None:
    async with office.browser() as client:
        for address in ("/sync", "/problems", "/dossiers/2026/1/1"):
            answer = await client.get(address)
            assert (answer.status_code, answer.headers["location"]) == (303, "/login")
        assert (await client.get("/sync/parts")).status_code == 401
    async with office.through_socket() as client:
        assert "Gửi về tỉnh" in (await client.get("/sync")).text


async def test_one_sentence_says_whether_anything_is_missing(office: Office) -> None:
    assert "nothing has been recorded here yet" in await page(office)
    await receive(office, 3)
    office.clock.advance(2 * 3_600_000)
    assert "lacks 3 records (numbers 1 to 3), the oldest made at 08:31" in await page(office)
    await deliver(office, 2)
    assert "lacks 1 record (number 3), made at 08:31" in await page(office)
    office.parts.board.update(line_held=True)
    assert 'class="line bad"' in await page(office)
    await deliver(office, 3)
    assert "the province has acknowledged all 3 records." in await page(office)
    office.parts.board.update(blobs=BlobBacklog(count=2, bytes=1_300_000))
    whole = await page(office)
    assert "2 scanned files are missing" in whole
    assert "2 files wait (1.3 MB)" in whole
    assert active_parts(whole) == []


async def test_what_waits_to_spare_the_line_is_said_with_the_time_it_goes_on(
    office: Office,
) -> None:
    assert "Moved over the line today" in await page(office)
    shown = SavingShown(
        why="day-bytes",
        documents="urgent",
        until="2026-11-22T00:00:00+07:00",
        bytes_today=16_100_000,
        day_bytes_max=20_000_000,
    )
    for held, words in (
        (shown, "that are not urgent wait until 22/11/2026 00:00"),
        (replace(shown, documents="wait", records="rarely"), "ordinary records go once an hour"),
        (replace(shown, why="quiet-hours", documents="wait"), "Quiet hours: scanned documents"),
    ):
        office.parts.board.update(saving=held)
        whole = await page(office)
        assert words in whole
        assert "16.1 MB" in whole
        assert "of 20.0 MB a day" in whole


async def test_the_last_error_stands_there_with_its_remedy(office: Office) -> None:
    failed = ExchangeReport(last_failed_at="2026-11-20T08:00:00+07:00", last_error="dns-failed")
    office.parts.board.update(exchange=failed)
    assert "Last error: The province" in await page(office)
    office.parts.board.update(exchange=ExchangeReport(last_error="of-a-later-version"))
    assert "of-a-later-version" in await page(office)


async def test_the_last_hours_are_summed_from_the_log(office: Office) -> None:
    rows = [(-90, 1, 900, 700), (-5, 1, 1_500, 300), (-4, 0, 200, 0), (-900, 1, 7, 7)]

    def job(transaction: Transaction) -> None:
        for minutes, ok, up, down in rows:
            transaction.conn.execute(
                "INSERT INTO exchange(at_ms, ok, error, bytes_up, bytes_down, took_ms)"
                " VALUES (?, ?, NULL, ?, ?, 1)",
                (START_MS + minutes * 60_000, ok, up, down),
            )

    await office.journal.write(job)
    whole = " ".join((await page(office)).split())
    assert '<th scope="row">08:00–09:00</th><td class="number">1</td>' in whole
    assert '<td class="number">1</td><td class="number">1 kB</td><td class="number">300 B' in whole
    assert '<th scope="row">07:00–08:00</th>' in whole
    assert whole.count('scope="row">') == 2


async def test_sync_now_is_a_button_for_anybody_signed_in(office: Office) -> None:
    async with office.signed_in() as client:
        assert (await client.post("/api/sync-now")).json() == {"ok": True}
    assert office.synced == [1]


async def test_a_plugged_stick_is_offered_written_and_read(office: Office, tmp_path: Path) -> None:
    assert "No stick is plugged in" in await page(office)
    office.mounted.append(Mount("40", tmp_path, writable=True))
    whole = await page(office)
    assert tmp_path.name in whole
    assert 'data-post="/api/sticks/40/export"' in whole
    assert "/api/sticks/40/import" not in whole
    async with office.signed_in() as client:
        done = (await client.post("/api/sticks/40/export")).json()
        assert done == {
            "ok": True, "messages": 2, "blobs": 0, "bytes": 14, "refused": [],
            "safe_to_remove": True,
        }  # fmt: skip
        for number, answer in enumerate((b"taken", b"foreign", b"forged")):
            (tmp_path / "COMMUNE" / f"R000000{number}.CSE").write_bytes(answer)
        (stick,) = (await client.get("/api/sticks")).json()["items"]
        assert (stick["id"], stick["answers"], stick["writable"]) == ("40", 3, True)
        assert "/api/sticks/40/import" in await page(office)
        done = (await client.post("/api/sticks/40/import")).json()
        assert (done["ok"], done["messages"], done["bytes"]) == (False, 1, 5)
        assert done["refused"] == [{"file": "R0000002.CSE", "code": "answer-forged"}]


async def test_a_stick_that_was_pulled_or_is_locked_is_said_to_be_so(
    office: Office, tmp_path: Path
) -> None:
    office.mounted.append(Mount("41", tmp_path / "gone", writable=True))
    office.mounted.append(Mount("42", tmp_path, writable=False))
    whole = await page(office)
    assert "this stick cannot be read" in whole
    assert whole.count("This stick is read-only.") == 2
    async with office.signed_in() as client:
        for what in ("export", "import"):
            gone = await client.post(f"/api/sticks/7/{what}")
            assert gone.json()["code"] == "carrier-missing"
            assert (await client.post(f"/api/sticks/41/{what}")).status_code >= 400


@pytest.mark.parametrize(
    ("count", "vi", "en"),
    [(999, "999 B", "999 B"), (812_345, "812 kB", "812 kB"), (1_300_000, "1,3 MB", "1.3 MB")],
)
def test_bytes_are_written_as_people_read_them(count: int, vi: str, en: str) -> None:
    assert (written_bytes(count, "vi"), written_bytes(count, "en")) == (vi, en)


async def test_a_clock_in_doubt_is_told_and_a_supervisor_confirms_it(office: Office) -> None:
    assert "It shows" not in await page(office)
    office.clock.believed = "suspect"
    for address in ("/", "/sync", "/problems"):
        whole = await page(office, address)
        assert "It shows 20/11/2026 08:31." in whole
        assert "A supervisor compares date and time" in whole
        assert 'data-type="clock.confirm"' not in whole
    async with office.signed_in(SUPERVISOR) as client:
        whole = (await client.get("/sync")).text
        (now,) = re.findall(r'name="now" value="([^"]+)"', whole)
        done = await client.post("/api/commands", json={"type": "clock.confirm", "now": now})
        assert done.status_code == 200
    assert "It shows" not in await page(office)
