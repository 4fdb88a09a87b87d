"""A province that takes documents, a device that told of one, and a client with its grant."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from random import Random
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from records.documents import Captured, event_of
from server import projections
from server.blobs.folder import BlobFolder
from server.blobs.uploads import Uploads
from server.config import Config
from server.context import ServerContext
from server.store.tables import blob as blob_table
from tests.server.province import Device, FakeClock, new_device, open_province
from tests.server.test_http import served
from wire.blob import Encryptor
from wire.event import Event, body_of, encode, format_time
from wire.plaintext import BlobState

PATCH_TYPE = "application/offset+octet-stream"
FILE = Random(5).randbytes(150_000)


def sealed(plain: bytes, key: bytes = b"k" * 32) -> bytes:
    encryptor = Encryptor(key)
    return encryptor.update(plain) + encryptor.finish()


BLOB = sealed(FILE)
ID = hashlib.sha256(BLOB).digest()
PLACE = f"/v1/blobs/{ID.hex()}"


def told_of(device: Device, data: bytes = BLOB, plain_bytes: int = len(FILE)) -> None:
    """Let an office record a dossier and a document of it."""
    received = {
        "procedure_code": "1.001193", "channel": "direct", "return_channel": "direct",
        "applicant": {"full_name": "Nguyễn Thị Ngọc Hà"},
    }  # fmt: skip
    captured = Captured(
        blob_id=hashlib.sha256(data).hexdigest(),
        key="A" * 43,
        bytes=plain_bytes,
        sha256="5a" * 32,
        media_type="application/pdf",
    )
    at = format_time(device.now)
    if not device.events:
        first = Event(kind="dossier.received", at=at, actor="lan.nt", body=body_of(received))
        device.write(encode(first))
    body = body_of(event_of("Tờ khai", captured))
    event = Event(kind="document.attached", subject=1, at=at, actor="lan.nt", body=body)
    device.write(encode(event))


def state(have: int = 0, data: bytes = BLOB) -> BlobState:
    return BlobState(hashlib.sha256(data).digest(), have, len(data))


@dataclass
class Story:
    """A province on the network, a device, and a client with its grant."""

    ctx: ServerContext
    clock: FakeClock
    device: Device
    http: httpx.AsyncClient
    grant: bytes

    async def create(self, **more: Any) -> httpx.Response:
        name = base64.b64encode(ID).decode()
        head = {"upload-length": str(len(BLOB)), "upload-metadata": f"blob_id {name}"}
        return await self.http.post("/v1/blobs", headers=head | more.pop("head", {}), **more)

    async def patch(self, offset: int, data: Any, **head: str) -> httpx.Response:
        headers = {"content-type": PATCH_TYPE, "upload-offset": str(offset)} | head
        return await self.http.patch(PLACE, content=data, headers=headers)

    async def head(self) -> httpx.Response:
        return await self.http.head(PLACE)

    def uploads(self) -> tuple[Uploads, tuple[bytes, bytes]]:
        """The uploads themselves, for what a client cannot time, and the blob's key there."""
        folder = BlobFolder(self.ctx.config.blobs_dir)
        return Uploads(self.ctx, folder), (self.device.office, ID)

    async def held(self) -> int:
        async with self.ctx.store.read() as conn:
            return (await conn.execute(select(func.count()).select_from(blob_table))).scalar_one()


@pytest.fixture
async def story(config: Config, clock: FakeClock) -> AsyncIterator[Story]:
    ctx = await open_province(config, clock, projections.project)
    device = await new_device(ctx)
    told_of(device)
    down = await device.sync(blobs=(state(),))
    assert (down.wanted, down.problems) == ((ID,), ())
    assert down.grant is not None
    bearer = base64.urlsafe_b64encode(down.grant).rstrip(b"=").decode()
    headers = {"authorization": f"Bearer {bearer}", "tus-resumable": "1.0.0"}
    async with (
        served(ctx) as door,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{door.port}", headers=headers) as http,
    ):
        yield Story(ctx, clock, device, http, down.grant)
