"""A province put back to an older state, as an operator does it: nothing is lost, nothing twice."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.exactly_once import SEED, assert_exactly_once, realistic
from tests.e2e.world import BIN, World, environment

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]  # a dozen processes begin and end

NOTICE = {
    "kind": "notice.published",
    "body": {"title": "Nghỉ lễ", "text": "Cả ngày", "until": None, "lobby": True},
}


def server(world: World, *words: str, stdin: str = "") -> Any:
    """Run a `commune-server` command; give what it prints."""
    config = world.folder / "server" / "server.toml"
    done = subprocess.run(
        [str(BIN / "commune-server"), "--config", str(config), *words],
        input=stdin,
        capture_output=True,
        text=True,
        env=environment(),
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, (done.stdout, done.stderr)
    return json.loads(done.stdout)


def publish(world: World, *items: dict[str, Any]) -> Any:
    lines = "\n".join(json.dumps(item, ensure_ascii=False) for item in items)
    return server(world, "publish", "--office", world.office["office"], "-", "--json", stdin=lines)


def assigned(code: str) -> dict[str, Any]:
    return {
        "kind": "dossier.assigned",
        "body": {
            "procedure_code": "1.001193",
            "channel": "online",
            "return_channel": "direct",
            "applicant": {"full_name": "Trần Thị Bình"},
            "code": code,
            "due_at": "2026-12-25T17:00:00+07:00",
        },
    }


def put_back(world: World, copy: Path) -> None:
    """Put a copy in the place of the database; the province is down then."""
    data = world.folder / "server" / "data"
    for file in data.glob("province.db*"):
        file.unlink()
    shutil.copy(copy, data / "province.db")


def the_code(world: World) -> str:
    """A code in no range that was lent."""
    return f"{world.office['office']}-261121-900001"


def incidents(world: World) -> list[str]:
    """The kind of each incident."""
    found = server(world, "incidents", "list", "--json")
    return [one["kind"] for one in found["incidents"]]


@pytest.mark.parametrize("how", ["marked", "told", "silent"])
def test_a_province_put_back_gets_everything_again(place: Path, how: str) -> None:
    """`marked`: the copy says it is one. `told`: by `restored`. `silent`: nobody says so."""
    with World(place) as world:
        world.start_both()
        results = world.submit(realistic(40))
        world.sync()
        copy, raw = place / "copy.db", place / "raw.db"
        server(world, "backup", str(copy), "--json")
        assert world.server.stop() == 0
        shutil.copy(world.folder / "server" / "data" / "province.db", raw)
        world.start_server()
        publish(world, NOTICE, assigned(the_code(world)))
        results += world.submit(realistic(20, seed=SEED + 1))
        world.sync()
        held = world.call("GET", f"/api/dossiers/{the_code(world)}")[2]
        done = world.submit(
            [
                {
                    "type": "dossier.forward",
                    "dossier": held["id"],
                    "to": "Tư pháp",
                    "holder": "office",
                }
            ]
        )
        assert done[0]["ok"], done
        results += done
        world.sync()
        world.server.kill()
        put_back(world, copy if how == "marked" else raw)
        if how == "told":
            told = server(world, "restored", "--json")
            assert (told["offices"], told["devices"], told["already"]) == (1, 1, None)
        world.start_server()
        results += world.submit(realistic(20, seed=SEED + 2))
        world.sync()
        assert_exactly_once(world, results)
        codes = [one["code"] for one in world.dossiers_at_province()]
        assert the_code(world) in codes
        assert len(set(codes)) == len(codes)
        allowed = {"desk-lost", "device-restored"} if how == "silent" else set()
        assert set(incidents(world)) <= allowed
        assert world.agent.stop() == 0
        world.start_agent()
        world.submit(realistic(1, seed=SEED + 3))
        world.sync()


def test_the_server_killed_while_desks_are_opened_again(place: Path) -> None:
    """The plug is pulled again and again; whatever was said once is said once."""
    with World(place) as world:
        world.start_both()
        results = world.submit(realistic(20))
        world.sync()
        copy = place / "copy.db"
        server(world, "backup", str(copy), "--json")
        for number in range(3):
            publish(world, NOTICE, assigned(f"{world.office['office']}-261121-90010{number}"))
            results += world.submit(realistic(5, seed=SEED + 1 + number))
            world.sync()
        world.server.kill()
        put_back(world, copy)
        for _ in range(3):
            world.start_server()
            world.call("POST", "/api/sync", b'{"wait_s":1}')
            world.server.kill()
        world.start_server()
        results += world.submit(realistic(5, seed=SEED + 9))
        world.sync()
        assert_exactly_once(world, results)
        codes = [one["code"] for one in world.dossiers_at_province()]
        assert len(set(codes)) == len(codes)
        assert server(world, "verify", "--json")["ok"]
