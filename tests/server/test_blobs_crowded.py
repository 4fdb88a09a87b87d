"""Documents that come while the disk fills, or too many at once."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from server.blobs.uploads import OFFICE_UPLOADS_MAX
from tests.server.blob_story import (
    BLOB,
    Story,
    story,
)
from wire.problems import Refusal

__all__ = ["story"]  # a fixture


async def test_a_full_disk_takes_no_upload(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.blobs.folder.shutil.disk_usage", lambda _: _Full())
    assert (await story.create()).json()["code"] == "disk-full"


async def test_a_disk_that_fills_meanwhile_keeps_its_reserve(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    await story.create()
    monkeypatch.setattr("server.blobs.folder.shutil.disk_usage", lambda _: _Full())
    assert (await story.patch(0, BLOB)).json()["code"] == "disk-full"
    monkeypatch.undo()
    assert (await story.head()).headers["upload-offset"] == "0"
    assert (await story.patch(0, BLOB)).status_code == 204


async def test_a_write_that_finds_no_room_says_so(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    await story.create()

    def full(_file: int, _data: memoryview) -> int:
        raise OSError(errno.ENOSPC, "no space")

    with monkeypatch.context() as patch:
        patch.setattr("server.blobs.uploads.os.write", full)
        uploads, key = story.uploads()
        with pytest.raises(Refusal, match="disk-full"):
            await uploads.add(key, 0, whole(), None)
    assert (await story.patch(0, BLOB)).status_code == 204


async def test_one_office_leaves_room_for_the_others(story: Story) -> None:
    await story.create()
    uploads, key = story.uploads()
    others = [(key[0], bytes([number]) * 32) for number in range(OFFICE_UPLOADS_MAX)]
    async with AsyncExitStack() as stack:
        for other in others:
            uploads._running[other] = await stack.enter_async_context(asyncio.timeout(None))
        with pytest.raises(Refusal, match="busy"):
            await uploads.add(key, 0, whole(), None)
        del uploads._running[others[0]]
        assert (await uploads.add(key, 0, whole(), None)).whole


async def test_three_at_one_blob_take_their_turns(story: Story) -> None:
    await story.create()
    uploads, key = story.uploads()
    inside: list[int] = []
    most = 0

    async def visit(number: int, *, again: bool) -> None:
        nonlocal most
        async with uploads._alone(key):
            inside.append(number)
            most = max(most, len(inside))
            await asyncio.sleep(0)
            inside.remove(number)
        if again:
            await visit(number + 10, again=False)

    await asyncio.gather(*(visit(number, again=True) for number in range(3)))
    assert (most, uploads._turns) == (1, {})


async def whole() -> AsyncIterator[bytes]:
    yield BLOB


class _Full:
    free = 0
