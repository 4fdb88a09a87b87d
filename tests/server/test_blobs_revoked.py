"""A device that is revoked while it uploads stops in the middle, whatever it still sends."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from server.blobs.watching import watched
from server.store.tables import device as device_table
from tests.server.blob_story import BLOB, ID, PATCH_TYPE, PLACE, Story, story

__all__ = ["story"]  # a fixture


@pytest.mark.parametrize("method", ["PATCH", "POST"])
async def test_a_running_upload_ends_when_its_device_is_revoked(
    story: Story, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await story.create()
    running = asyncio.Event()

    @asynccontextmanager
    async def noted(look: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
        async with watched(look):
            running.set()
            yield

    monkeypatch.setattr("server.routes_blobs.watched", noted)
    name = base64.b64encode(ID).decode()
    head = [
        f"{method} {PLACE if method == 'PATCH' else '/v1/blobs'} HTTP/1.1",
        f"host: {story.http.base_url.host}",
        f"authorization: {story.http.headers['authorization']}",
        "tus-resumable: 1.0.0",
        f"content-type: {PATCH_TYPE}",
        "upload-offset: 0",
        f"upload-length: {len(BLOB)}",
        f"upload-metadata: blob_id {name}",
        f"content-length: {len(BLOB)}",
    ]
    reader, writer = await asyncio.open_connection("127.0.0.1", story.http.base_url.port)
    writer.write(("\r\n".join(head) + "\r\n\r\n").encode() + BLOB[:1000])
    async with asyncio.timeout(20):
        await running.wait()
    async with story.ctx.store.write() as conn:
        await conn.execute(device_table.update().values({"state": "revoked"}))
    async with asyncio.timeout(20):  # a silent line alone is cut after a minute
        answer = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    assert answer.split()[1] == b"403"
    assert await story.held() == 0


async def test_a_block_that_is_let_run_keeps_its_own_end() -> None:
    async def fine() -> None: ...

    async with watched(fine):
        pass
    with pytest.raises(TimeoutError):
        async with watched(fine):
            raise TimeoutError
