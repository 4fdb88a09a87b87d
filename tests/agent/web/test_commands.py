"""Commands in, results out: one by one and as a stream, good and bad side by side."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from agent.journal import Transaction
from agent.web.limits import BATCH_LINES_MAX
from records.limits import COMMAND_BYTES_MAX
from tests.agent.web.office import CHECK_IN, RECEIVE, Office
from wire.problems import Refusal

NDJSON = {"content-type": "application/x-ndjson"}


def line(command: dict[str, Any], **changes: Any) -> bytes:
    return json.dumps(command | changes, ensure_ascii=False).encode()


async def submit(office: Office, body: bytes | AsyncIterator[bytes], **headers: str) -> Any:
    async with office.through_socket() as client:
        answer = await client.post("/api/commands", content=body, headers=NDJSON | headers)
    assert answer.status_code == 200
    return [json.loads(text) for text in answer.text.splitlines()]


async def test_one_command_is_answered_with_its_numbers(office: Office) -> None:
    async with office.signed_in() as client:
        answer = await client.post("/api/commands", json=RECEIVE)
    result = answer.json()
    assert answer.status_code == 200
    assert result["ok"] is True
    assert (result["seq"], result["code"], result["book"]) == (1, "H26.107-261120-0001", "1/1")
    assert result["due_at"].endswith("+07:00")
    assert set(result) >= {"id", "book_year", "warnings"}


async def test_on_the_web_the_actor_is_who_is_signed_in(office: Office) -> None:
    async with office.signed_in() as client:
        ref = (await client.post("/api/commands", json=RECEIVE | {"actor": "somebody"})).json()
        shown = (await client.get(f"/api/dossiers/{ref['id']}")).json()
    assert shown["events"][0]["actor"] == "lan.nt"
    results = await submit(office, line(RECEIVE, actor="hoa.tt"))
    async with office.through_socket() as client:
        shown = (await client.get(f"/api/dossiers/{results[0]['id']}")).json()
    assert shown["events"][0]["actor"] == "hoa.tt"


async def test_the_header_is_the_key(office: Office) -> None:
    headers = {"idempotency-key": "k-1"}
    async with office.signed_in() as client:
        first = await client.post("/api/commands", json=RECEIVE, headers=headers)
        again = await client.post("/api/commands", json=RECEIVE, headers=headers)
        other = await client.post("/api/commands", json=CHECK_IN, headers=headers)
    assert first.json() == again.json()
    assert (other.status_code, other.json()["code"]) == (409, "key-reused")
    assert office.journal.head.seq == 1


async def test_a_bad_line_among_good_ones_is_named(office: Office) -> None:
    body = b"\n".join(
        [
            line(RECEIVE),
            b"",
            b'{"type":"no.such"}',
            b"\xff\xfe",
            b"{",
            line(RECEIVE, colour="red", applicant={"full_name": "Lê Văn An", "id_number": "12"}),
            line(RECEIVE, procedure_code="9.999999"),
            line(CHECK_IN),
        ]
    )
    results = await submit(office, body)
    assert [result["ok"] for result in results] == [True, *[False] * 5, True]
    assert [(r["line"], r["problem"]["code"]) for r in results[1:4]] == [
        (3, "type-unknown"),
        (4, "not-utf8"),
        (5, "not-json"),
    ]
    paths = {error["path"] for error in results[4]["problem"]["errors"]}
    assert {"colour", "applicant.id_number"} <= paths
    assert results[5]["problem"]["code"] == "procedure-unknown"
    assert office.journal.head.seq == 2


async def test_ten_megabytes_in_a_line_harm_nobody(office: Office) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield line(RECEIVE) + b"\n"
        yield b'{"type":"dossier.receive","note":"'
        for _ in range(160):
            yield b"x" * (64 << 10)
        yield b'"}\n' + line(CHECK_IN)

    results = await submit(office, body())
    assert [result["ok"] for result in results] == [True, False, True]
    assert (results[1]["line"], results[1]["problem"]["code"]) == (2, "too-large")


async def test_one_large_command_is_refused_before_it_is_read(office: Office) -> None:
    async with office.signed_in() as client:
        big = await client.post(
            "/api/commands",
            content=b" " * (COMMAND_BYTES_MAX + 1),
            headers={"content-type": "application/json"},
        )
    assert (big.status_code, big.json()["code"]) == (413, "too-large")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_what_a_foreign_form_could_send_is_refused(office: Office, kind: str) -> None:
    async with office.signed_in() as client:
        headers = {"content-type": kind}
        answer = await client.post("/api/commands", content=line(RECEIVE), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "media-type-unknown")
    assert office.journal.head.seq == 0


async def test_problems_speak_the_language_of_their_reader(office: Office) -> None:
    async with office.through_socket() as client:
        vi = (await client.post("/api/commands", json={"type": "x"})).json()
        en = (
            await client.post(
                "/api/commands", json={"type": "x"}, headers={"accept-language": "en"}
            )
        ).json()
    assert vi["type"] == en["type"] == "urn:commune:problem:type-unknown"
    assert vi["title"] != en["title"]


async def test_answers_come_while_the_sender_still_talks(office: Office) -> None:
    reader, writer = await asyncio.open_unix_connection(str(office.socket))
    writer.write(
        b"POST /api/commands HTTP/1.1\r\nhost: agent\r\ntransfer-encoding: chunked\r\n"
        b"content-type: application/x-ndjson\r\n\r\n"
    )
    for seq in (1, 2, 3):
        chunk = line(RECEIVE) + b"\n"
        writer.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        answer = await reader.readuntil(b"}\n")
        assert json.loads(b"{" + answer.partition(b"{")[2])["seq"] == seq
    writer.write(b"0\r\n\r\n")
    await reader.readuntil(b"\r\n0\r\n\r\n")
    writer.close()
    await writer.wait_closed()


async def test_a_sender_that_vanishes_has_said_whole_lines_only(office: Office) -> None:
    _, writer = await asyncio.open_unix_connection(str(office.socket))
    said = line(RECEIVE) + b"\n" + line(RECEIVE)
    writer.write(
        b"POST /api/commands HTTP/1.1\r\nhost: agent\r\ncontent-length: 100000\r\n"
        b"content-type: application/x-ndjson\r\n\r\n" + said
    )
    await writer.drain()
    await office.journal.wait_beyond(0)
    writer.transport.abort()
    assert (await submit(office, line(CHECK_IN)))[0]["seq"] == 2


async def test_order_is_kept_over_many_batches(office: Office) -> None:
    count = BATCH_LINES_MAX * 3 + 7
    results = await submit(office, (line(RECEIVE) + b"\n") * count)
    assert [result["seq"] for result in results] == list(range(1, count + 1))


async def test_a_journal_that_takes_nothing_answers_every_line(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(office.journal, "broken", Refusal("disk-failed"))
    results = await submit(office, (line(RECEIVE) + b"\n") * 3)
    assert [r["problem"]["code"] for r in results] == ["disk-failed"] * 3
    assert [r["line"] for r in results] == [1, 2, 3]


async def test_an_accident_cuts_the_stream_instead_of_ending_it_well(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def accident(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(office.parts.service, "submit_many", accident)
    reader, writer = await asyncio.open_unix_connection(str(office.socket))
    body = line(RECEIVE)
    writer.write(
        b"POST /api/commands HTTP/1.1\r\nhost: agent\r\ncontent-type: application/x-ndjson\r\n"
        b"content-length: %d\r\n\r\n%b" % (len(body), body)
    )
    answer = await reader.read()
    assert not answer.endswith(b"0\r\n\r\n")
    writer.close()
    await writer.wait_closed()


async def test_looking_at_a_person_is_recorded_before_it_is_shown(office: Office) -> None:
    async with office.signed_in() as client:
        ref = (await client.post("/api/commands", json=RECEIVE)).json()["code"]
        masked = (await client.get(f"/api/dossiers/{ref}")).json()
        assert office.journal.head.seq == 1
        shown = (await client.get(f"/api/dossiers/{ref}?reveal=1")).json()
    assert masked["applicant"]["id_number"] == "001•••••017"
    assert "001184000017" not in json.dumps(masked)
    assert shown["applicant"]["id_number"] == "001184000017"
    assert office.journal.head.seq == 2
    last = await office.journal.read(
        lambda c: c.execute("SELECT body FROM event ORDER BY pos DESC LIMIT 1").fetchone()[0]
    )
    event = json.loads(last)
    assert (event["kind"], event["actor"], event["subject"]) == (
        "person.looked_up", "lan.nt", masked["id"],
    )  # fmt: skip


async def test_every_record_shows_where_it_is(office: Office) -> None:
    async with office.signed_in() as client:
        ref = (await client.post("/api/commands", json=RECEIVE)).json()["id"]
        await client.post("/api/commands", json=CHECK_IN)
        before = (await client.get(f"/api/dossiers/{ref}")).json()
        head = office.journal.head

        def receipt(transaction: Transaction) -> None:
            transaction.set_delivered(head, office.clock.now_ms())

        await office.journal.write(receipt)
        after = (await client.get(f"/api/dossiers/{ref}")).json()
        visit = (await client.get("/api/visits?on=2026-11-20")).json()["items"][0]
    assert (before["delivery"], before["delivered_at"]) == ("waiting", None)
    assert (after["delivery"], after["delivered_at"]) == (
        "delivered", "2026-11-20T08:31:05+07:00",
    )  # fmt: skip
    assert visit["delivery"] == "delivered"
