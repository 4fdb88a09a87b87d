"""An office without a line, a stick, and a province: real programs, a real file system."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from bench.workload import command_lines
from tests.e2e.world import BIN, World, environment, set_value
from tests.ports import free_port

pytestmark = pytest.mark.timeout(180)
RECORDS = 300
SEED = 8


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Give an office whose province is at an address where nobody answers."""
    nowhere = f"http://127.0.0.1:{free_port()}"
    with World(tmp_path / "world", province_url=nowhere) as made:
        made.start_agent()
        yield made


def commands(count: int, first: int = 0) -> list[dict[str, Any]]:
    """Give made-up receptions and check-ins."""
    lines = islice(command_lines(SEED), first, first + count)
    return [json.loads(line) for line in lines]


def run(program: str, config: Path, *words: str) -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [str(BIN / program), "--config", str(config), *words, "--json"],
        capture_output=True,
        text=True,
        env=environment(),
        timeout=60,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def export(world: World, stick: Path) -> tuple[int, dict[str, Any]]:
    return run("commune-agent", world.config, "export", str(stick))


def take_in(world: World, stick: Path) -> tuple[int, dict[str, Any]]:
    return run("commune-server", world.folder / "server" / "server.toml", "import", str(stick))


def bring_back(world: World, stick: Path) -> tuple[int, dict[str, Any]]:
    return run("commune-agent", world.config, "import", str(stick))


def status(world: World) -> dict[str, Any]:
    return world.status()


def test_what_an_office_recorded_without_a_line_goes_by_stick_and_the_receipt_comes_back(
    world: World, tmp_path: Path
) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    assert all(result["ok"] for result in world.submit(commands(RECORDS)))
    code, out = export(world, stick)
    assert (code, out["ok"], out["safe_to_remove"], out["refused"]) == (0, True, True, [])
    assert out["messages"] >= 1
    names = [path.name for path in (stick / "COMMUNE").iterdir()]
    assert all(len(name) == 12 and name == name.upper() for name in names)

    code, taken = take_in(world, stick)
    assert (code, taken["messages"], taken["refused"]) == (0, out["messages"], [])
    code, back = bring_back(world, stick)
    assert (code, back["messages"], back["refused"]) == (0, out["messages"], [])
    now = status(world)
    assert (now["backlog"], now["delivered"]) == (0, now["head"])

    # The same stick again, at either side: nothing changes.
    assert take_in(world, stick)[1]["messages"] == taken["messages"]
    assert bring_back(world, stick)[0] == 0
    assert status(world)["delivered"] == now["delivered"]


def test_stick_and_line_in_any_order_give_the_same(world: World, tmp_path: Path) -> None:
    early, late = tmp_path / "early", tmp_path / "late"
    for stick in (early, late):
        stick.mkdir()
    world.submit(commands(40))
    export(world, early)
    world.submit(commands(40, first=40))
    export(world, late)
    world.agent.stop()
    set_value(world.config, "url", world.server_url)
    world.start_both()
    world.sync()
    delivered = status(world)["delivered"]
    world.server.stop()
    for stick in (late, early):
        code, taken = take_in(world, stick)
        assert (code, taken["refused"]) == (0, [])
        assert bring_back(world, stick)[0] == 0
    assert status(world)["delivered"] == delivered
    world.start_server()
    feed = world.feed()
    seqs = [line["seq"] for line in feed]
    assert seqs == sorted(set(seqs))
    assert len(seqs) == delivered


def test_nothing_on_a_stick_is_trusted_but_its_content(world: World, tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    world.submit(commands(5))
    export(world, stick)
    folder = stick / "COMMUNE"
    [message] = folder.iterdir()
    whole = message.read_bytes()
    (folder / "0BADBAD0.CSE").write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    (folder / "0BADBAD1.CSE").write_bytes(b"no message")
    (folder / "0BADBAD2.CSE").symlink_to("/etc/hostname")
    message.rename(folder / "ffffffff.cse")  # names say nothing
    code, taken = take_in(world, stick)
    assert (code, taken["ok"], taken["messages"]) == (1, False, 1)
    refused = {each["file"]: each["code"] for each in taken["refused"]}
    assert refused == {"0BADBAD0.CSE": "signature-wrong", "0BADBAD1.CSE": "message-malformed"}

    [answer] = folder.glob("R*.CSE")
    (folder / "S0000000.CSE").write_bytes(b"no answer")
    forged = answer.read_bytes()
    (folder / "T0000000.CSE").write_bytes(forged[:-1] + bytes([forged[-1] ^ 1]))
    code, back = bring_back(world, stick)
    assert (code, back["messages"]) == (1, 1)
    codes = {each["file"]: each["code"] for each in back["refused"]}
    assert codes == {"S0000000.CSE": "answer-forged", "T0000000.CSE": "answer-forged"}
    assert status(world)["backlog"] == 0


@contextmanager
def mounted(kind: str, folder: Path, megabytes: int) -> Iterator[Path]:
    """Give a file system of this kind and size; skips where this machine has none."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    stick = folder / "mounted"
    stick.mkdir()
    words = ["mount", "-t", kind, "-o", f"size={megabytes}m", "none", str(stick)]
    if kind == "vfat":
        if "vfat" not in Path("/proc/filesystems").read_text(encoding="ascii"):
            pytest.skip("does not apply: this kernel knows no FAT")
        image = folder / "stick.img"
        image.write_bytes(bytes(megabytes << 20))
        subprocess.run(["mkfs.vfat", str(image)], check=True, capture_output=True)
        words = ["mount", "-o", "loop", str(image), str(stick)]
    subprocess.run(words, check=True)
    try:
        yield stick
    finally:
        subprocess.run(["umount", str(stick)], check=True)


@pytest.mark.system
@pytest.mark.parametrize("kind", ["tmpfs", "vfat"])
def test_a_stick_carries_and_a_full_one_is_called_so(
    world: World, tmp_path: Path, kind: str
) -> None:
    world.submit(commands(RECORDS))
    with mounted(kind, tmp_path, 4) as stick:
        assert export(world, stick)[0] == 0
        assert take_in(world, stick)[0] == 0
        free = os.statvfs(stick)
        (stick / "FILLER.BIN").write_bytes(bytes((free.f_bavail - 1) * free.f_frsize))
        done = world.run("export", str(stick))
        assert done.returncode == 1
        assert b"carrier-full" in done.stderr
        assert bring_back(world, stick)[0] == 0
    assert status(world)["backlog"] == 0
