"""'Events in' and 'documents in' stand apart wherever the province says what it has."""

from __future__ import annotations

from typing import Any

import pytest

from records.sync_report import DocumentsIn
from server import offices
from server.web import asking
from server.web.detail import detail, documents
from server.web.overview import Question, overview
from tests.server.blob_story import BLOB, PATCH_TYPE, Story, story
from tests.server.readers import reading

__all__ = ["story"]  # a fixture

LACKING = {"told": 1, "held": 0, "missing_bytes": len(BLOB)}
WHOLE = {"told": 1, "held": 1, "missing_bytes": 0}


async def told(story: Story) -> tuple[Any, Any, Any]:
    """What the report, the reconciliation and the dossier say of documents."""
    async with reading(story.ctx, "reports") as reports, reading(story.ctx, "feed") as feed:
        (report,) = (await reports.json("/v1/sync-reports"))["reports"]
        (same,) = (await reports.json("/v1/sync-reports/H26.107"))["reports"]
        assert report == same
        compared = await reports.json("/v1/reconciliation/H26.107")
        (dossier,) = (await feed.json("/v1/dossiers"))["items"]
    assert (report["backlog"]["events"], dossier["delivery"]) == (0, "delivered")
    return report["documents"], compared["documents"], dossier["complete"]


async def test_events_are_in_before_their_documents(story: Story) -> None:
    assert await told(story) == (LACKING, LACKING, False)
    await story.create(content=BLOB, head={"content-type": PATCH_TYPE})
    assert await told(story) == (WHOLE, WHOLE, True)


async def test_pages_for_people_say_both(story: Story) -> None:
    async def shown() -> tuple[list[str], str]:
        async with story.ctx.store.read() as conn:
            lines = await asking.lines(conn, story.ctx)
            office = await offices.named(conn, "H26.107")
            known = await asking.known(conn, story.ctx, office)
        now_ms = story.ctx.now_ms()
        rows = overview(lines, Question(sort="documents"), now_ms, "en").rows
        return [row.documents for row in rows], detail(known, now_ms, "en").documents

    said = "Documents: 0 of 1 are here, 1 still to come (151 kB)."
    assert await shown() == (["1"], said)
    await story.create(content=BLOB, head={"content-type": PATCH_TYPE})
    assert await shown() == (["0"], "Documents: all 1 are here.")


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (DocumentsIn(), "Đơn vị chưa đính kèm tài liệu nào."),
        (DocumentsIn(told=1_200, held=1_200), "Tài liệu: tỉnh đã có đủ 1.200."),
        (
            DocumentsIn(told=3, held=1, missing_bytes=2_345_600_000),
            "Tài liệu: tỉnh có 1 trên 3, còn thiếu 2 (2.345,6 MB).",
        ),
    ],
)
def test_the_sentence_of_documents(count: DocumentsIn, words: str) -> None:
    assert documents(count, "vi") == words
