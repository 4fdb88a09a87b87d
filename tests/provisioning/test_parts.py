"""Small parts: communes, ports, settings texts, children, what a machine is."""

import asyncio
import os
import socket
import sys
from pathlib import Path

import pytest

from agent.machine import box_of, read_parts
from provisioning.sandbox.children import STOP_S_MAX, Child, Died
from provisioning.sandbox.communes import communes
from provisioning.sandbox.facts import PLAN_FILE, PlanDamaged, load
from provisioning.sandbox.household import Household, side_by_side
from provisioning.sandbox.ports import NoPortFree, free_port
from provisioning.toml_text import quoted, with_value


def test_the_communes_are_real_and_ung_hoa_is_first() -> None:
    known = communes()
    assert (known[0].code, known[0].name, known[0].ward_code) == ("H26.107", "Xã Ứng Hòa", "10402")
    assert len(known) == 126
    assert len({commune.code for commune in known}) == len({c.ward_code for c in known}) == 126


def test_a_taken_port_gives_the_next_free_one() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        found = free_port(port)
        assert found > port
        assert free_port(port, but=frozenset({found})) > found
    with pytest.raises(NoPortFree):
        free_port(65_535, but=frozenset({65_535}))


def test_one_value_changes_and_the_rest_stays() -> None:
    text = "# mine\nurl = 'a'  # note\nlisten=\"b\"\n"
    assert with_value(text, "url", "x\\1") == '# mine\nurl = "x\\\\1"  # note\nlisten="b"\n'
    assert with_value(text, "listen", "c") == "# mine\nurl = 'a'  # note\nlisten=\"c\"\n"
    with pytest.raises(ValueError, match="other"):
        with_value(text, "other", "x")
    assert quoted('a"\n') == '"a\\"\\n"'


@pytest.mark.parametrize("kept", [b"{", b'{"code":"\xff"}', b"[" * 20_000])
def test_a_plan_that_cannot_be_read_is_told(tmp_path: Path, kept: bytes) -> None:
    assert load(tmp_path) is None
    (tmp_path / PLAN_FILE).write_bytes(kept)
    with pytest.raises(PlanDamaged, match=PLAN_FILE):
        load(tmp_path)


def child(tmp_path: Path, script: str, told: list[Died]) -> Child:
    argv = [sys.executable, "-c", script]
    return Child("test", argv, tmp_path / "log", dict(os.environ), told.append)


async def test_a_child_that_dies_is_told_with_its_last_lines_and_restarted(tmp_path: Path) -> None:
    told: list[Died] = []
    died = asyncio.Event()
    script = "print('one'); print('two'); raise SystemExit(7)"
    each = child(tmp_path, script, told)

    def tell(death: Died) -> None:
        told.append(death)
        if len(told) == 2:
            died.set()

    each.told = tell
    async with Household() as household:
        household.start(each)
        await died.wait()
    assert [death.code for death in told] == [7, 7]
    assert tuple(told[0].last_lines) == ("one", "two")
    assert told[1].again_s == 2 * told[0].again_s


@pytest.mark.slow
async def test_a_child_that_does_not_follow_is_killed(tmp_path: Path) -> None:
    told: list[Died] = []
    up = tmp_path / "up"
    os.mkfifo(up)
    script = (
        "import signal, pathlib\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"pathlib.Path({str(up)!r}).write_text('up')\n"
        "signal.pause()\n"
    )
    async with Household() as household:
        household.start(child(tmp_path, script, told))
        assert await asyncio.to_thread(up.read_text) == "up"
        began = asyncio.get_running_loop().time()
    assert STOP_S_MAX <= asyncio.get_running_loop().time() - began < STOP_S_MAX + 1
    assert told == [], "who was told to end did not die by itself"


async def test_the_first_failure_ends_what_runs_beside_it() -> None:
    ended = []

    async def fails() -> None:
        raise ValueError("first")

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    with pytest.raises(ValueError, match="first"):
        await side_by_side([waits(), fails(), waits()], at_once=3)
    assert ended == [True, True]


def card(net: Path, name: str, *, kind: str, address: str, removable: str | None = None) -> None:
    folder = net / name
    (folder / "device").mkdir(parents=True)
    (folder / "addr_assign_type").write_text(f"{kind}\n")
    (folder / "address").write_text(f"{address}\n")
    if removable is not None:
        (folder / "device" / "removable").write_text(f"{removable}\n")


def test_the_lowest_fixed_address_stands_for_the_net(tmp_path: Path) -> None:
    net = tmp_path / "sys/class/net"
    card(net, "eth1", kind="0", address="AA:00:00:00:00:02")
    card(net, "eth0", kind="0", address="aa:00:00:00:00:03", removable="fixed")
    card(net, "usb0", kind="0", address="aa:00:00:00:00:01", removable="removable")
    card(net, "wlan0", kind="3", address="aa:00:00:00:00:00")
    (net / "lo").mkdir()
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/machine-id").write_text("0123\n")
    parts = read_parts(tmp_path, root=tmp_path)
    assert (parts.machine, parts.disk, parts.net) == ("0123", "", "aa:00:00:00:00:02")


def test_a_partition_has_the_serial_of_its_disk(tmp_path: Path) -> None:
    place = tmp_path.stat().st_dev
    disk = tmp_path / "sys/devices/sda"
    (disk / "sda1").mkdir(parents=True)
    (disk / "device").mkdir()
    (disk / "device/serial").write_text("S3X9\n")
    blocks = tmp_path / "sys/dev/block"
    blocks.mkdir(parents=True)
    (blocks / f"{os.major(place)}:{os.minor(place)}").symlink_to(disk / "sda1")
    assert read_parts(tmp_path / "not/yet/there", root=tmp_path).disk == "S3X9"


def test_the_same_machine_gives_the_same_box(tmp_path: Path) -> None:
    assert box_of(bytes(32), tmp_path) == box_of(bytes(32), tmp_path)
    assert box_of(bytes(32), tmp_path) != box_of(b"\x01" * 32, tmp_path)
    assert len(box_of(bytes(32), tmp_path)) == 24
