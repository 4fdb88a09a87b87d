"""Documents through the local door: a form in, the file out, and nothing that runs."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.agent.web.office import RECEIVE, Office

PDF = b"%PDF-1.7 " + bytes(range(256)) * 700
PLACE = "/api/dossiers/2026/1/1/documents"


async def receive(client: httpx.AsyncClient) -> None:
    assert (await client.post("/api/commands", json=RECEIVE)).status_code == 200


async def send(client: httpx.AsyncClient, scan: bytes = PDF, **more: Any) -> httpx.Response:
    form: dict[str, Any] = {"files": {"file": ("To khai.pdf", scan)}, "data": {"name": "Tờ khai"}}
    form |= more
    return await client.post(PLACE, **form)


async def test_a_clerk_uploads_a_scan_and_opens_it(office: Office) -> None:
    async with office.signed_in() as client:
        await receive(client)
        answer = await send(client)
        assert answer.json()["book"] == "1/1", answer.text
        (paper,) = (await client.get("/api/dossiers/2026/1/1")).json()["documents"]
        assert (paper["name"], paper["bytes"], paper["delivery"]) == (
            "Tờ khai", len(PDF), "waiting",
        )  # fmt: skip
        back = await client.get(f"/api/documents/{paper['id']}")
    assert back.content == PDF
    assert back.headers["content-type"] == "application/pdf"
    assert back.headers["content-disposition"] == "inline; filename*=UTF-8''T%E1%BB%9D%20khai"
    assert back.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in back.headers["content-security-policy"]
    assert int(back.headers["content-length"]) == len(PDF)


async def test_what_is_no_scan_is_kept_as_a_file_first(office: Office) -> None:
    async with office.signed_in() as client:
        await receive(client)
        await send(client, b"<script>alert(1)</script>", data={})
        papers = (await client.get("/api/dossiers/2026/1/1")).json()["documents"]
        assert papers[-1]["name"] == "To khai"
        back = await client.get(f"/api/documents/{papers[-1]['id']}")
    assert back.headers["content-type"] == "application/octet-stream"
    assert back.headers["content-disposition"].startswith("attachment;")


async def test_an_upload_sent_again_with_its_key_is_recorded_once(office: Office) -> None:
    async with office.signed_in() as client:
        await receive(client)
        head = {"idempotency-key": "k1"}
        first, again = [await send(client, headers=head) for _ in range(2)]
        assert first.json() == again.json()
        assert (await send(client, b"other", headers=head)).status_code == 409


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"files": None, "data": {"name": "x"}}, "media-type-unknown"),
        ({"files": {"other": ("a", b"x")}}, "field-missing"),
        ({"data": {"name": "x" * 600}}, "field-invalid"),
        ({"data": {"name": "\u202e"}}, "field-invalid"),
        ({"data": {"name": "x" * 3000}}, "too-large"),
        ({"files": None, "data": None, "content": b"--b\r\nbroken",
          "headers": {"content-type": "multipart/form-data; boundary=b"}}, "field-invalid"),
    ],
)  # fmt: skip
async def test_a_form_that_is_none_records_nothing(
    office: Office, form: dict[str, Any], code: str
) -> None:
    async with office.signed_in() as client:
        await receive(client)
        answer = await send(client, **form)
    assert answer.json()["code"] == code, answer.text
    assert list((office.journal.path.parent / "blobs").iterdir()) == []


async def test_there_is_nothing_else_to_post_to_a_dossier(office: Office) -> None:
    async with office.signed_in() as client:
        assert (await client.post("/api/dossiers/2026/1/1")).status_code == 404
        assert (await client.get("/api/documents/00")).json()["code"] == "document-unknown"


async def test_without_a_token_of_the_session_nothing_is_taken(office: Office) -> None:
    async with office.signed_in() as client:
        del client.headers["x-csrf-token"]
        assert (await send(client)).json()["code"] == "csrf"


async def test_a_damaged_document_breaks_off(office: Office) -> None:
    async with office.signed_in() as client:
        await receive(client)
        await send(client, PDF * 4)
        (blob,) = (office.journal.path.parent / "blobs").iterdir()
        data = bytearray(blob.read_bytes())
        data[-1] ^= 1
        await asyncio.to_thread(blob.write_bytes, data)
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(f"/api/documents/{blob.stem}")
