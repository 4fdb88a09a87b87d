"""Proving the journal whole, copying it while it runs, and putting a copy back."""

import asyncio
import errno
import os
from pathlib import Path

import pytest

from agent.journal import Journal, NoViews, backup, database
from agent.journal.verify import VerifyReport, verify
from tests.agent.world import IDENTITY, KEY, START_MS, FakeClock, chained, desk_event, note
from wire.problems import Refusal

EVENTS = 30


async def opened(file: Path) -> Journal:
    return await Journal.open(file, KEY, identity=IDENTITY, projector=NoViews(), clock=FakeClock())


@pytest.fixture
async def full(file: Path) -> Path:
    """A journal with events of both sides and a receipt, closed."""
    journal = await opened(file)
    notice = desk_event("notice.published", {"title": "a", "text": "b"})
    await journal.write(lambda t: t.append_desk(chained(t.desk_head, [notice])))
    await journal.write_many([lambda t: t.append(note("x" * 100))] * EVENTS)
    await journal.write(lambda t: t.set_delivered(t.head, START_MS))
    await journal.close()
    return file


def looked_at(file: Path) -> VerifyReport:
    connection = database.open_reader(file, KEY)
    try:
        return verify(connection)
    finally:
        connection.close()


def changed(file: Path, statement: str) -> VerifyReport:
    connection = database.open_writer(file, KEY)
    connection.execute(statement)
    connection.close()
    return looked_at(file)


def test_a_whole_journal_is_whole(full: Path) -> None:
    report = looked_at(full)
    assert report.ok
    assert report.events == EVENTS + 1
    assert report.head is not None
    assert report.head.seq == EVENTS


@pytest.mark.parametrize(
    ("statement", "what", "seq"),
    [
        (
            "UPDATE event SET body = CAST(body || x'20' AS BLOB) WHERE journal = 1 AND seq = 7",
            "changed",
            7,
        ),
        ("UPDATE event SET body = NULL WHERE journal = 1 AND seq = 8", "changed", 8),
        ("UPDATE event SET hash = zeroblob(32) WHERE journal = 1 AND seq = 9", "changed", 9),
        ("DELETE FROM event WHERE journal = 1 AND seq = 5", "missing", 5),
        ("DELETE FROM event WHERE journal = 1 AND seq = 30", "head", 30),
        ("UPDATE journal SET head_seq = 29 WHERE side = 'office'", "head", 29),
        ("UPDATE journal SET head_bytes = 1 WHERE side = 'office'", "bytes", None),
        ("UPDATE delivered SET hash = zeroblob(32) WHERE seq = 30", "receipt", 30),
        ("INSERT INTO view VALUES ('views', 1, 999)", "views", None),
    ],
)
def test_damage_is_named_with_the_first_event_it_concerns(
    full: Path, statement: str, what: str, seq: int | None
) -> None:
    damages = changed(full, statement).damages
    assert (damages[0].what, damages[0].seq) == (what, seq)


def test_a_flipped_byte_in_a_page_is_found(full: Path) -> None:
    with full.open("r+b") as raw:
        raw.seek(-database.PAGE_BYTES // 2, os.SEEK_END)
        byte = raw.read(1)
        raw.seek(-1, os.SEEK_CUR)
        raw.write(bytes([byte[0] ^ 1]))
    assert not looked_at(full).ok


async def test_verifying_goes_on_beside_a_daemon_that_records(full: Path) -> None:
    journal = await opened(full)
    look = asyncio.create_task(journal.read_apart(verify))
    while not look.done():
        await journal.write(lambda t: t.append(note()))
    assert (await look).ok
    await journal.close()


async def test_a_copy_taken_while_recording_is_whole_and_of_one_moment(full: Path) -> None:
    journal = await opened(full)
    target = full.with_name("copy.db")
    copying = asyncio.create_task(asyncio.to_thread(backup.backup, full, KEY, target))
    while not copying.done():
        await journal.write(lambda t: t.append(note()))
    written = await copying
    await journal.close()
    report = looked_at(target)
    assert report.ok
    assert EVENTS + 1 <= report.events <= journal.head.seq + 1
    assert written == target.stat().st_size
    assert target.stat().st_mode & 0o777 == 0o600
    assert not [p for p in full.parent.iterdir() if p.name.startswith(".copy")]


def test_a_copy_never_overwrites(full: Path) -> None:
    target = full.with_name("copy.db")
    target.write_text("mine")
    with pytest.raises(Refusal, match="file-exists"):
        backup.backup(full, KEY, target)
    assert target.read_text() == "mine"


def test_a_copy_to_nowhere_says_so(full: Path) -> None:
    with pytest.raises(Refusal, match="file-unwritable") as refused:
        backup.backup(full, KEY, full.parent / "no" / "copy.db")
    assert refused.value.detail.vi.endswith("no/copy.db: không có thư mục này")
    with pytest.raises(Refusal, match=r"file-unwritable: .*there is no such directory"):
        backup.backup(full, KEY, full / "copy.db")
    with pytest.raises(Refusal, match=r"file-unwritable: .*File name too long"):
        backup.backup(full, KEY, full.with_name("x" * 300))


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [
        (errno.ENOSPC, "disk-full", "No space left"),
        (errno.EACCES, "file-unwritable", "may not write there"),
        (errno.EROFS, "file-unwritable", "can only be read"),
        (errno.EIO, "file-unwritable", "Input/output error"),
    ],
)
def test_why_a_copy_cannot_be_written_is_told(
    full: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: str, said: str
) -> None:
    def fails(_file: Path) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(backup, "sync_file", fails)
    with pytest.raises(Refusal, match=said) as refused:
        backup.backup(full, KEY, full.with_name("copy.db"))
    assert refused.value.code == code
    assert str(full.with_name("copy.db")) in refused.value.detail.vi
    assert [part.name for part in full.parent.iterdir() if "copy" in part.name] == []


def test_a_damaged_journal_is_named_and_not_its_copy(full: Path) -> None:
    changed(full, "UPDATE event SET hash = zeroblob(32) WHERE journal = 1 AND seq = 9")
    with pytest.raises(Refusal, match="journal-damaged") as refused:
        backup.backup(full, KEY, full.with_name("copy.db"))
    assert refused.value.detail.en.startswith(f"{full}: changed 9")


def test_a_damaged_page_of_the_journal_is_named_and_not_its_copy(full: Path) -> None:
    content = bytearray(full.read_bytes())
    content[-database.PAGE_BYTES // 2] ^= 1
    full.write_bytes(content)
    with pytest.raises(Refusal, match="journal-damaged") as refused:
        backup.backup(full, KEY, full.with_name("copy.db"))
    assert refused.value.detail.en.startswith(f"{full}: ")


def test_a_copy_that_alone_is_damaged_is_named(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = backup.prove

    def prove(file: Path, key: bytes) -> None:
        content = bytearray(file.read_bytes())
        content[-1000] ^= 1
        file.write_bytes(content)
        whole(file, key)

    monkeypatch.setattr(backup, "prove", prove)
    with pytest.raises(Refusal, match="backup-damaged") as refused:
        backup.backup(full, KEY, full.with_name("copy.db"))
    assert refused.value.detail.en == str(full.with_name("copy.db"))


async def test_restoring_keeps_what_was_there_and_dates_the_keys(full: Path) -> None:
    target = full.with_name("copy.db")
    backup.backup(full, KEY, target)
    journal = await opened(full)
    await journal.write(lambda t: t.append(note("later")))
    await journal.close()
    aside = backup.restore(target, KEY, full, START_MS)
    assert aside is not None
    assert looked_at(aside).events == EVENTS + 2
    assert looked_at(full).events == EVENTS + 1
    journal = await opened(full)
    assert await journal.write(lambda t: t.get_meta(backup.KEYS_SINCE)) is not None
    await journal.close()
    second = backup.restore(target, KEY, full, START_MS)
    assert second is not None
    assert second != aside


def test_restoring_where_nothing_was(full: Path, tmp_path: Path) -> None:
    target = tmp_path / "fresh" / "journal.db"
    target.parent.mkdir()
    assert backup.restore(full, KEY, target, START_MS) is None
    assert looked_at(target).ok


@pytest.mark.parametrize("key", [KEY, bytes(32)], ids=["damaged", "other key"])
def test_a_bad_copy_is_refused_and_nothing_is_touched(full: Path, key: bytes) -> None:
    target = full.with_name("copy.db")
    backup.backup(full, KEY, target)
    if key == KEY:
        content = bytearray(target.read_bytes())
        content[-1000] ^= 1
        target.write_bytes(content)
    before = full.read_bytes()
    with pytest.raises(Refusal, match="backup-damaged"):
        backup.restore(target, key, full, START_MS)
    assert full.read_bytes() == before
    with pytest.raises(Refusal, match="file-unreadable"):
        backup.restore(full.with_name("none.db"), key, full, START_MS)


def test_a_copy_of_a_newer_version_says_so(full: Path) -> None:
    connection = database.connect(full, KEY, mode="rw")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(Refusal, match="schema-newer"):
        backup.prove(full, KEY)
