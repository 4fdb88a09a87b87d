"""Documents reach the province whole and once, over a line that is cut and ends that are killed."""

import hashlib
import json
import time
from pathlib import Path
from random import Random
from typing import Any

from tests.chaos.link import Link
from tests.e2e.world import World
from tests.ports import free_port

RECEIVE: dict[str, Any] = {
    "type": "dossier.receive", "procedure_code": "1.001193", "channel": "direct",
    "return_channel": "direct", "applicant": {"full_name": "Nguyễn Thị Ngọc Hà"},
}  # fmt: skip
FILES = 20
WAIT_S = 90


def scans(folder: Path) -> list[Path]:
    """Write made-up scans of many sizes, two of them alike."""
    random, paths = Random(20), []
    folder.mkdir()
    for number in range(FILES):
        path = folder / f"{number}.pdf"
        path.write_bytes(b"%PDF-1.7 " + random.randbytes(random.choice([0, 900, 70_000, 900_000])))
        paths.append(path)
    paths[-1].write_bytes(paths[0].read_bytes())
    return paths


def attach(world: World, paths: list[Path]) -> None:
    commands = [
        {"type": "document.attach", "dossier": "2026/1/1", "name": path.stem, "path": str(path)}
        for path in paths
    ]
    results = world.submit(commands)
    assert [result["ok"] for result in results] == [True] * len(paths), results


def dossier(world: World) -> dict[str, Any]:
    _, _, answer = world.call("GET", "/api/dossiers")
    (item,) = answer["items"]
    return dict(item)


def here(world: World) -> dict[str, bytes]:
    """Give every whole blob of the province by its name."""
    folder = world.folder / "server" / "data" / "blobs"
    files = [path for path in folder.rglob("*") if path.is_file() and path.parent.name != "parts"]
    return {path.name: path.read_bytes() for path in files}


def some_arrived(world: World, count: int) -> None:
    until = time.monotonic() + WAIT_S
    while len(here(world)) < count:
        assert time.monotonic() < until, f"{len(here(world))} of {count} blobs arrived"
        time.sleep(0.02)


def test_twenty_documents_arrive_once_over_cuts_and_kills(place: Path, tmp_path: Path) -> None:
    port = free_port()
    with Link(port) as link, World(place, server_port=port, province_url=link.url) as world:
        world.start_both()
        received = world.submit([RECEIVE])[0]
        assert received["ok"], received
        paths = scans(tmp_path / "scans")
        attach(world, paths)
        distinct = len({path.read_bytes() for path in paths})
        for part, trouble in enumerate((link.cut, world.agent.kill, world.server.kill, link.cut)):
            some_arrived(world, (part + 1) * distinct // 6)
            trouble()
            link.restore()
            if trouble == world.agent.kill:
                world.start_agent()
            elif trouble == world.server.kill:
                world.start_server()
        done = world.sync(WAIT_S)
        assert (done["backlog"], done["blobs_waiting"]) == (0, 0), done
        blobs = here(world)
        shown = dossier(world)["documents"]
        assert {document["delivery"] for document in shown} == {"delivered"}
        assert blobs.keys() == {document["id"] for document in shown}
        assert all(hashlib.sha256(data).hexdigest() == name for name, data in blobs.items())
        assert len(blobs) == distinct
        assert world.status()["blobs"]["count"] == 0


def test_documents_wait_apart_from_their_events(place: Path, tmp_path: Path) -> None:
    port = free_port()
    with World(place, province_url=f"http://127.0.0.1:{port}") as world:
        world.start_agent()
        world.submit([RECEIVE])
        attach(world, scans(tmp_path / "scans")[:1])
        (document,) = dossier(world)["documents"]
        assert document["delivery"] == "waiting"
        left = world.run("sync", "--wait", "0", "--json")
        assert left.returncode == 3
        assert json.loads(left.stdout)["blobs_waiting"] == 1
