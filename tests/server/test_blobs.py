"""Documents arrive by tus 1.0.0: once, whole, from those who may, and of those asked for."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator

import pytest

from records.sync_report import DocumentsIn
from server.blobs import counted, grants
from server.blobs.uploads import Checksum
from server.rebuilding import rebuild
from server.store.tables import blob as blob_table
from server.store.tables import device as device_table
from tests.server.blob_story import (
    BLOB,
    ID,
    PATCH_TYPE,
    PLACE,
    Story,
    sealed,
    state,
    story,
    told_of,
)
from wire.event import Event, body_of, encode, format_time
from wire.limits import GRANT_S_MAX, UPLOAD_S_MAX
from wire.problems import Refusal

__all__ = ["story"]  # a fixture


async def test_a_blob_that_was_asked_for_arrives_in_two_pieces(story: Story) -> None:
    made = await story.create()
    assert (made.status_code, made.headers["upload-offset"]) == (201, "0")
    assert made.headers["location"].endswith(PLACE)
    assert "upload-expires" in made.headers
    first = await story.patch(0, BLOB[:70_000])
    assert (first.status_code, first.headers["upload-offset"]) == (204, "70000")
    asked = await story.head()
    assert (asked.headers["upload-offset"], asked.headers["upload-length"]) == (
        "70000", str(len(BLOB)),
    )  # fmt: skip
    assert asked.headers["cache-control"] == "no-store"
    assert await story.held() == 0
    last = await story.patch(70_000, BLOB[70_000:])
    assert (last.status_code, last.headers["upload-offset"]) == (204, str(len(BLOB)))
    name = ID.hex()
    here = story.ctx.config.blobs_dir / story.device.office.hex() / name[:2] / name
    assert here.read_bytes() == BLOB
    assert await story.held() == 1
    down = await story.device.sync(3, blobs=(state(len(BLOB)),))
    assert (down.wanted, down.grant) == ((), None)
    again = await story.head()
    assert again.headers["upload-offset"] == str(len(BLOB))


async def test_a_small_blob_comes_with_its_creation(story: Story) -> None:
    made = await story.create(content=BLOB, head={"content-type": PATCH_TYPE})
    assert (made.status_code, made.headers["upload-offset"]) == (201, str(len(BLOB)))
    assert (await story.create()).json()["code"] == "blob-held"
    assert await story.held() == 1


@pytest.mark.parametrize("algorithm", ["sha256", "sha1"])
async def test_a_checksum_takes_wrong_bytes_away_again(story: Story, algorithm: str) -> None:
    await story.create()
    digest = base64.b64encode(hashlib.new(algorithm, BLOB[:9]).digest()).decode()
    wrong = await story.patch(0, BLOB[1:10], **{"upload-checksum": f"{algorithm} {digest}"})
    assert (wrong.status_code, wrong.json()["code"]) == (460, "upload-checksum")
    assert (await story.head()).headers["upload-offset"] == "0"
    right = await story.patch(0, BLOB[:9], **{"upload-checksum": f"{algorithm} {digest}"})
    assert (right.status_code, right.headers["upload-offset"]) == (204, "9")


async def test_what_is_another_whole_is_dropped(story: Story) -> None:
    await story.create()
    answer = await story.patch(0, bytes(len(BLOB)))
    assert (answer.status_code, answer.json()["code"]) == (409, "blob-differs")
    assert (await story.head()).status_code == 404
    assert await story.held() == 0


async def test_more_than_the_blob_has_is_refused(story: Story) -> None:
    await story.create()
    assert (await story.patch(0, BLOB + b"x")).json()["code"] == "blob-differs"


async def test_what_came_before_a_cut_stays(story: Story) -> None:
    await story.create()

    async def broken() -> AsyncIterator[bytes]:
        yield BLOB[:65_536]
        raise ConnectionError

    uploads, key = story.uploads()
    with pytest.raises(Refusal, match="busy"):
        await uploads.add(key, 0, broken(), Checksum("sha256", bytes(32)))
    assert (await story.head()).headers["upload-offset"] == "65536"
    assert (await story.patch(65_536, BLOB[65_536:])).status_code == 204
    assert await story.held() == 1


async def test_a_newer_request_takes_over_from_a_silent_one(story: Story) -> None:
    await story.create()
    began = asyncio.Event()

    async def silent() -> AsyncIterator[bytes]:
        yield BLOB[:1000]
        began.set()
        await asyncio.Event().wait()

    uploads, key = story.uploads()
    older = asyncio.create_task(uploads.add(key, 0, silent(), None))
    await began.wait()
    assert (await uploads.standing(key)).offset == 1000
    with pytest.raises(Refusal, match="busy"):
        await older
    assert (await story.patch(1000, BLOB[1000:])).status_code == 204


@pytest.mark.parametrize(
    ("head", "status", "code"),
    [
        ({"upload-length": "9"}, 409, "blob-differs"),
        ({"upload-length": "x"}, 400, "message-malformed"),
        ({"upload-metadata": "blob_id " + "A" * 43 + "="}, 404, "blob-unknown"),
        ({"upload-metadata": "blob_id !"}, 404, "blob-unknown"),
        ({"upload-metadata": "filename YQ=="}, 404, "blob-unknown"),
        ({"upload-checksum": "md5 YQ=="}, 400, "message-malformed"),
        ({"upload-checksum": "sha256 !"}, 400, "message-malformed"),
        ({"tus-resumable": "0.2.2"}, 412, "tus-version"),
        ({"authorization": ""}, 401, "grant-wrong"),
        ({"authorization": "Bearer !!"}, 401, "grant-wrong"),
        ({"authorization": "Bearer AAAA"}, 401, "grant-wrong"),
        ({"authorization": "Bearer " + "A" * 86}, 401, "grant-wrong"),
    ],
)  # fmt: skip
async def test_a_creation_that_is_none(
    story: Story, head: dict[str, str], status: int, code: str
) -> None:
    answer = await story.create(head=head)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["tus-resumable"] == "1.0.0"


async def test_bytes_follow_those_that_are_here(story: Story) -> None:
    assert (await story.patch(0, b"x")).json()["code"] == "upload-unknown"
    await story.create()
    assert (await story.patch(5, b"x")).json()["code"] == "upload-offset"
    other = {"content-type": "text/plain"}
    assert (await story.patch(0, b"x", **other)).json()["code"] == "media-type-unknown"
    assert (await story.http.patch("/v1/blobs/zz")).json()["code"] == "blob-unknown"


async def test_an_upload_is_ended_by_who_began_it(story: Story) -> None:
    assert (await story.http.delete(PLACE)).status_code == 404
    await story.create()
    assert (await story.http.delete(PLACE)).status_code == 204
    assert (await story.head()).status_code == 404
    await story.create(content=BLOB, head={"content-type": PATCH_TYPE})
    assert (await story.http.delete(PLACE)).json()["code"] == "blob-held"


async def test_a_begun_upload_is_forgotten_after_a_week(story: Story) -> None:
    await story.create()
    folder = story.ctx.config.blobs_dir / "parts"
    (part,) = folder.iterdir()
    story.clock.ms = int((part.stat().st_mtime + UPLOAD_S_MAX + 5) * 1000)
    other = sealed(b"another")
    told_of(story.device, other, 7)
    # The grant is over by then: a newer one goes on.
    down = await story.device.sync(3, blobs=(state(0, other),))
    assert down.grant is not None
    bearer = base64.urlsafe_b64encode(down.grant).rstrip(b"=").decode()
    story.http.headers["authorization"] = f"Bearer {bearer}"
    name = base64.b64encode(hashlib.sha256(other).digest()).decode()
    head = {"upload-length": str(len(other)), "upload-metadata": f"blob_id {name}"}
    assert (await story.create(head=head)).status_code == 201
    assert [path.name[-8:] for path in folder.iterdir()] == [hashlib.sha256(other).hexdigest()[-8:]]


async def test_a_proxy_that_knows_no_patch_is_gone_around(story: Story) -> None:
    await story.create()
    head = {
        "content-type": PATCH_TYPE, "upload-offset": "0", "x-http-method-override": "PATCH",
    }  # fmt: skip
    answer = await story.http.post(PLACE, content=BLOB, headers=head)
    assert (answer.status_code, answer.headers["upload-offset"]) == (204, str(len(BLOB)))
    assert (await story.http.post(PLACE)).status_code == 405


async def test_the_server_says_what_it_can_do(story: Story) -> None:
    for place in ("/v1/blobs", PLACE):
        answer = await story.http.options(place)
        assert answer.status_code == 204
        assert answer.headers["tus-version"] == "1.0.0"
        assert "creation-with-upload" in answer.headers["tus-extension"]
        assert answer.headers["tus-checksum-algorithm"] == "sha256,sha1"
        assert int(answer.headers["tus-max-size"]) > 1 << 30


@pytest.mark.parametrize(
    ("state_", "code"), [("revoked", "device-revoked"), ("pending", "grant-wrong")]
)
async def test_a_grant_is_no_good_once_its_device_is_not(
    story: Story, state_: str, code: str
) -> None:
    await story.create()
    async with story.ctx.store.write() as conn:
        await conn.execute(device_table.update().values({"state": state_}))
    assert (await story.patch(0, BLOB)).json()["code"] == code


async def test_a_grant_ends_and_belongs_to_one_office(story: Story) -> None:
    turn, device, office = story.ctx.keys.turn, story.device.device_id, story.device.office
    grant = grants.read(f"Bearer {base64.urlsafe_b64encode(story.grant).decode()}")
    grants.check(grant, turn, office, story.ctx.now_ms())
    for key, place, later_ms in (
        (bytes(32), office, 0), (turn, bytes(16), 0), (turn, office, GRANT_S_MAX * 1000),
    ):  # fmt: skip
        with pytest.raises(Refusal, match="grant-wrong"):
            grants.check(grant, key, place, story.ctx.now_ms() + later_ms)
    assert grants.issue(turn, device, office, story.ctx.now_ms()) == story.grant


async def test_a_crash_after_the_last_byte_is_made_good(story: Story) -> None:
    await story.create()
    folder = story.ctx.config.blobs_dir
    (part,) = (folder / "parts").iterdir()
    part.write_bytes(BLOB)
    assert (await story.head()).headers["upload-offset"] == str(len(BLOB))
    assert await story.held() == 1
    async with story.ctx.store.write() as conn:
        await conn.execute(blob_table.delete())
    assert (await story.head()).headers["upload-offset"] == str(len(BLOB))
    assert await story.held() == 1


async def test_a_province_that_lost_a_blob_asks_for_it_when_a_session_opens(story: Story) -> None:
    down = await story.device.sync(3, session=bytes(32))
    assert down.wanted == (ID,)
    await story.create(content=BLOB, head={"content-type": PATCH_TYPE})
    down = await story.device.sync(3, session=b"s" * 32)
    assert down.wanted == ()


async def test_a_rebuild_asks_for_the_same_documents(story: Story) -> None:
    async with story.ctx.store.read() as conn:
        before = await counted.by_office(conn)
    assert before == {story.device.office: DocumentsIn(told=1, missing_bytes=len(BLOB))}
    await rebuild(story.ctx)
    async with story.ctx.store.read() as conn:
        assert await counted.by_office(conn) == before


async def test_an_event_that_names_no_blob_is_a_problem_of_its_own(story: Story) -> None:
    body = {"name": "x", "blob_id": "zz", "key": "", "bytes": 1, "sha256": "", "media_type": ""}
    event = Event(
        kind="document.attached", subject=1, at=format_time(story.device.now), actor="a",
        body=body_of(body),
    )  # fmt: skip
    story.device.write(encode(event))
    down = await story.device.sync(3)
    assert [(p.seq, p.code) for p in down.problems] == [(3, "projection-failed")]
