"""A client nobody of us wrote (tuspy) uploads to the province."""

from __future__ import annotations

import asyncio
import base64
import io

import pytest
from tusclient import client as tus

from tests.server.blob_story import BLOB, ID, Story
from tests.server.blob_story import story as story  # noqa: PLC0414 - the fixture

PIECE_BYTES = 40_000


def uploader(story: Story, *, checksum: bool, url: str | None = None) -> tus.Uploader:  # type: ignore[name-defined]
    bearer = base64.urlsafe_b64encode(story.grant).rstrip(b"=").decode()
    address = f"{str(story.http.base_url).rstrip('/')}/v1/blobs"
    client = tus.TusClient(address, headers={"Authorization": f"Bearer {bearer}"})
    return client.uploader(
        file_stream=io.BytesIO(BLOB),
        chunk_size=PIECE_BYTES,
        metadata={"blob_id": ID.hex()},
        upload_checksum=checksum,
        url=url,
    )


@pytest.mark.parametrize("checksum", [False, True])
async def test_a_foreign_client_uploads_in_pieces(story: Story, checksum: bool) -> None:
    def upload() -> None:
        uploader(story, checksum=checksum).upload()

    await asyncio.to_thread(upload)
    assert await story.held() == 1


async def test_a_foreign_client_goes_on_where_another_stopped(story: Story) -> None:
    def upload() -> int:
        first = uploader(story, checksum=True)
        first.upload_chunk()
        again = uploader(story, checksum=True, url=first.url)
        offset = int(again.offset)
        again.upload()
        return offset

    assert await asyncio.to_thread(upload) == PIECE_BYTES
    assert await story.held() == 1
