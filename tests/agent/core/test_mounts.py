"""Sticks are noticed when they are plugged in, and nothing else is taken for one."""

import asyncio
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from agent import mounts
from agent.mounts import Mount

TABLE = """\
22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
40 22 8:17 / /media/xa/USB\\040TINH rw,nosuid shared:2 - vfat /dev/sdb1 rw
41 22 8:17 / /mnt/again rw - vfat /dev/sdb1 rw
42 22 8:33 / /media/xa/KHOA ro,nosuid - vfat /dev/sdc1 ro
43 22 0:55 / /tmp rw - tmpfs tmpfs rw
44 22 8:1 / /data rw - ext4 /dev/sda1 rw
short line
"""


def plug(block: Path, number: str, device: str, removable: str | None) -> None:
    """Make what the kernel shows of a partition."""
    partition = block.parent / "devices" / device / f"{device.rpartition('/')[2]}1"
    partition.mkdir(parents=True)
    if removable is not None:
        (partition.parent / "removable").write_text(f"{removable}\n")
    (block / number).symlink_to(partition)


def test_only_what_can_be_pulled_is_a_stick(tmp_path: Path) -> None:
    table, block = tmp_path / "mountinfo", tmp_path / "block"
    table.write_text(TABLE)
    block.mkdir()
    plug(block, "8:17", "pci0/usb1/sdb", "0")  # a disk in a USB case says that it is fixed
    plug(block, "8:33", "pci0/mmc/sdc", "1")
    plug(block, "8:1", "pci0/ata1/sda", "0")
    plug(block, "254:1", "pci0/virtio/vda", None)
    assert mounts.sticks(table, block) == [
        Mount("40", Path("/media/xa/USB TINH"), writable=True),
        Mount("42", Path("/media/xa/KHOA"), writable=False),
    ]


def test_the_machine_s_own_table_can_be_read() -> None:
    assert isinstance(mounts.sticks(), list)


@pytest.mark.skipif(os.getuid() != 0, reason="mounting needs root")
async def test_a_change_of_the_table_is_noticed_without_looking(tmp_path: Path) -> None:
    place = tmp_path / "stick"
    place.mkdir()
    program = shutil.which("mount")
    if program is None:
        pytest.skip("there is no mount")
    changes = mounts.changes()
    await anext(changes)
    made = await asyncio.to_thread(
        subprocess.run, [program, "-t", "tmpfs", "none", str(place)], capture_output=True
    )
    if made.returncode != 0:
        await changes.aclose()
        pytest.skip("mounting is not allowed here")
    try:
        async with asyncio.timeout(20):
            await anext(changes)
    finally:
        await asyncio.to_thread(subprocess.run, ["umount", str(place)], check=True)
        await changes.aclose()
