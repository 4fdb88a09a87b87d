"""What cannot be trusted is not touched: the agent refuses to start, says why and what to do."""

import hashlib
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlcipher3 import dbapi2

from tests.e2e.exactly_once import realistic
from tests.e2e.world import World

PAGE_BYTES = 8192
RECORDS = 60
TOUCHED = 5
LARGE_BYTES = 40 << 20


def fingerprint(data: Path, files: str = "journal.db*") -> dict[str, str]:
    """Hash every file that holds records (`-shm` is an index that any reader may make anew)."""
    return {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in data.glob(files)
        if not file.name.endswith("-shm")
    }


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data of an office that has worked and was stopped cleanly."""
    with World(tmp_path_factory.mktemp("w")) as world:
        world.start_agent()
        assert all(result["ok"] for result in world.submit(realistic(RECORDS)))
        assert world.agent.stop() == 0
        yield world.data


@pytest.fixture
def stopped(place: Path, worked: Path) -> Iterator[World]:
    """That office, a copy for each accident."""
    with World(place) as world:
        shutil.copytree(worked, world.data, dirs_exist_ok=True)
        yield world


def refused(world: World, code: int, *words: str) -> str:
    """Start it: it ends by itself, with this exit code and these words, and nothing changed."""
    before = fingerprint(world.data)
    world.agent.log.write_text("")
    world.agent.start()
    assert world.agent.await_end() == code, world.agent.tail()
    said = world.agent.tail()
    for word in words:
        assert word in said, said
    assert "Traceback" not in said
    assert fingerprint(world.data) == before, "the files changed"
    return said


def other_key(world: World) -> None:
    """The key of another office lies there."""
    (world.home / "keys" / "journal.key").write_bytes(random.Random(1).randbytes(32))


def no_key(world: World) -> None:
    """Somebody deleted the key."""
    (world.home / "keys" / "journal.key").unlink()


def flip_bits(content: bytearray, seed: int, page_bytes: int) -> None:
    """Flip one bit each in several pages, anywhere."""
    source = random.Random(seed)
    for page in source.sample(range(len(content) // page_bytes), TOUCHED):
        content[page * page_bytes + source.randrange(page_bytes)] ^= 1 << source.randrange(8)


def flipped(seed: int) -> Callable[[World], None]:
    def flip(world: World) -> None:
        content = bytearray(world.database.read_bytes())
        flip_bits(content, seed, PAGE_BYTES)
        world.database.write_bytes(content)

    return flip


def first_page_zeroed(world: World) -> None:
    with world.database.open("r+b") as file:
        file.write(bytes(PAGE_BYTES))


def emptied(world: World) -> None:
    world.database.write_bytes(b"")


def cut_short(world: World) -> None:
    with world.database.open("r+b") as file:
        file.truncate(world.database.stat().st_size // 2 // PAGE_BYTES * PAGE_BYTES)


def something_else(world: World) -> None:
    world.database.write_text("Sổ theo dõi hồ sơ\n" * 4000)


KEYS = {"another key": other_key, "no key": no_key}
DAMAGES = {
    **{f"bits flipped, seed {seed}": flipped(seed) for seed in range(4)},
    "first page zeroed": first_page_zeroed,
    "emptied": emptied,
    "cut short": cut_short,
    "something else": something_else,
}


@pytest.mark.parametrize("how", KEYS)
def test_a_wrong_key_opens_nothing(stopped: World, how: str) -> None:
    KEYS[how](stopped)
    refused(stopped, 4, "key")


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_journal_is_refused_and_kept(stopped: World, how: str) -> None:
    DAMAGES[how](stopped)
    refused(stopped, 4, "backup")
    done = stopped.run("verify", "--json")
    assert done.returncode == 4, done.stderr


def opened(world: World) -> dbapi2.Connection:
    """Open the journal as a person with its key and a tool of their own would."""
    connection = dbapi2.connect(str(world.database), isolation_level=None)
    key = (world.home / "keys" / "journal.key").read_bytes()
    connection.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
    connection.execute(f"PRAGMA cipher_page_size = {PAGE_BYTES}")
    return connection


def test_a_large_journal_starts_at_once_and_is_looked_over_beside_the_work(
    stopped: World,
) -> None:
    connection = opened(stopped)
    connection.execute("CREATE TABLE large(body BLOB)")
    connection.execute("INSERT INTO large VALUES (zeroblob(?))", (LARGE_BYTES,))
    connection.close()
    stopped.start_agent()
    assert stopped.submit(realistic(1, seed=1))[0]["ok"]
    assert stopped.agent.stop() == 0
    with stopped.database.open("r+b") as file:
        file.seek(LARGE_BYTES - 5)
        file.write(b"?")
    stopped.agent.start()
    assert stopped.agent.await_end(30) == 4, stopped.agent.tail()
    assert "Traceback" not in stopped.agent.tail()
    assert "backup" in stopped.agent.tail()


def test_a_journal_of_a_newer_version_is_left_alone(stopped: World) -> None:
    connection = opened(stopped)
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    refused(stopped, 1, "999", "newer")


def test_a_wrong_configuration_is_told_whole(stopped: World) -> None:
    text = stopped.config.read_text().replace('office = "H26.107"', "office = 107")
    stopped.config.write_text(text + 'colour = "blue"\n')
    said = refused(stopped, 2, "office", "colour")
    assert "line" in said or "dòng" in said


def test_without_a_configuration_it_says_which_file_it_wanted(stopped: World) -> None:
    stopped.config.unlink()
    refused(stopped, 2, str(stopped.config))


def test_a_second_daemon_is_refused_and_the_first_goes_on(place: Path) -> None:
    with World(place) as world:
        world.start_agent()
        done = world.run("run")
        assert done.returncode == 1
        assert str(world.agent.pid) in done.stderr.decode()
        assert world.submit(realistic(1))[0]["ok"]


def test_after_the_right_key_is_back_work_goes_on(stopped: World) -> None:
    key = stopped.home / "keys" / "journal.key"
    right = key.read_bytes()
    other_key(stopped)
    refused(stopped, 4)
    key.write_bytes(right)
    stopped.start_agent()
    assert stopped.verify()["ok"]
    assert stopped.head > 0


@pytest.fixture
def held(place: Path) -> Iterator[World]:
    """A province that holds records, stopped."""
    with World(place) as world:
        world.start_both()
        world.submit(realistic(RECORDS))
        world.sync()
        assert world.agent.stop() == world.server.stop() == 0
        yield world


def test_the_province_refuses_a_wrong_key_and_a_damaged_database(held: World) -> None:
    data = held.folder / "server" / "data"
    database, key = data / "province.db", held.folder / "server" / "keys" / "database.key"
    right, whole = key.read_bytes(), database.read_bytes()

    def refuses(word: str) -> None:
        before = fingerprint(data, "province.db*")
        held.server.log.write_text("")
        held.server.start()
        assert held.server.await_end() == 4, held.server.tail()
        said = held.server.tail()
        assert word in said, said
        assert "What to do" in said, said
        assert fingerprint(data, "province.db*") == before, "the files changed"

    key.write_bytes(random.Random(1).randbytes(32))
    refuses("key-wrong")
    key.write_bytes(right)
    for seed in range(3):
        content = bytearray(whole)
        flip_bits(content, seed, page_bytes=4096)
        database.write_bytes(content)
        refuses("store-damaged")
    database.write_bytes(whole)
    held.start_both()
    assert held.reconciliation()["equal"] is True
