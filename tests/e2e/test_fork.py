"""Two histories of one office: it goes on in a successor, and nothing is lost or told twice."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.link import Link
from tests.e2e.exactly_once import SEED, realistic
from tests.e2e.world import World
from tests.ports import free_port

pytestmark = pytest.mark.slow


@contextmanager
def forked(place: Path) -> Iterator[tuple[World, Link, list[dict[str, Any]]]]:
    """Give an office that went back to an old copy and recorded on while the line was cut."""
    server_port = free_port()
    with (
        Link(server_port) as link,
        World(place, server_port=server_port, province_url=link.url) as world,
    ):
        world.start_both()
        results = world.submit(realistic(20))
        world.sync()
        copy = place / "copy.db"
        assert world.run("backup", str(copy)).returncode == 0
        for number in (1, 2):
            results += world.submit(realistic(20, seed=SEED + number))
            world.sync()
        assert world.agent.stop() == 0
        assert world.run("restore", str(copy)).returncode == 0
        link.cut()
        world.start_agent()
        results += world.submit(realistic(20, seed=SEED + 3))
        yield world, link, results


def test_what_was_recorded_after_a_restore_is_at_the_province_once(place: Path) -> None:
    with forked(place) as (world, link, results):
        before = world.status()
        link.restore()
        world.await_status(120, backlog=0, line="online", line_error=None)
        after = world.status()
        assert after["journal"] != before["journal"]
        feed = world.feed()
        entered = [line for line in feed if "again" in line["event"]]
        assert all(result["ok"] for result in results)
        received = [line for line in feed if line["event"]["kind"] == "dossier.received"]
        told = {line["id"] for line in feed} | {line["event"].get("again") for line in feed}
        assert {result["id"] for result in results} <= told
        opened = [line for line in feed if line["event"]["kind"] == "journal.opened"]
        (first,) = opened
        assert (first["journal"], first["seq"]) == (after["journal"], 1)
        assert len(entered) == before["head"] - first["event"]["body"]["after"][1]
        listed = await_dossiers(world, len(received))
        assert len(listed) == len(set(listed))
        assert world.verify()["ok"]
        assert world.run("rebuild").returncode == 0
        assert dossiers(world) == listed, "rebuilt equals grown"
        assert world.reconciliation()["equal"] is True


def test_a_successor_is_opened_once_however_often_the_box_is_killed(place: Path) -> None:
    with forked(place) as (world, link, _):
        head = world.status()["head"]
        link.restore()
        for _ in range(6):
            world.agent.kill()
            world.start_agent()
        world.await_status(120, backlog=0, line="online", line_error=None)
        feed = world.feed()
        opened = [line for line in feed if line["event"]["kind"] == "journal.opened"]
        (first,) = opened
        entered = [line["event"]["again"] for line in feed if "again" in line["event"]]
        assert len(entered) == len(set(entered)) == head - first["event"]["body"]["after"][1]
        assert world.verify()["ok"]


def await_dossiers(world: World, count: int) -> list[str]:
    """Wait until the office lists so many: the province's branch comes after the records went."""
    until = time.monotonic() + 60
    while len(listed := dossiers(world)) < count and time.monotonic() < until:
        time.sleep(0.1)  # another process's state cannot be awaited, only asked for
    assert len(listed) == count
    return listed


def dossiers(world: World) -> list[str]:
    """Give the ids of all dossiers that the office lists, newest first."""
    found: list[str] = []
    after: str | None = ""
    while after is not None:
        query = f"limit=500&after={after}" if after else "limit=500"
        status, _, page = world.call("GET", f"/api/dossiers?{query}")
        assert status == 200, page
        found += [item["id"] for item in page["items"]]
        after = page["next"]
    return found
