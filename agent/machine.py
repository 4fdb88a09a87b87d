"""What this machine is: the three values of which `box` makes marks (docs/protocol.md section 6).

Enrolment and daemon read them here, so that both make the same marks. A part that the machine
does not have, such as the disk's serial number inside a container, is the empty string.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from wire.box import box

ROOT: Final = Path("/")
PERMANENT: Final = "0"
"""`addr_assign_type` of an address that came with the card (linux/netdevice.h NET_ADDR_PERM)."""
NO_ADDRESS: Final = "00:00:00:00:00:00"


class Parts(NamedTuple):
    """Machine-id, serial number of the data disk, lowest permanent address of a fixed card."""

    machine: str
    disk: str
    net: str


def box_of(device_id: bytes, data_dir: Path) -> bytes:
    """Return the 24 bytes of `box` of this machine."""
    return box(device_id, *read_parts(data_dir))


def read_parts(data_dir: Path, *, root: Path = ROOT) -> Parts:
    """Read the parts; `data_dir`, or the nearest folder above it that exists, names the disk."""
    place = data_dir.absolute()
    while not place.exists():
        place = place.parent
    device = place.stat().st_dev
    return Parts(
        machine=_line(root / "etc/machine-id"),
        disk=_serial(root / f"sys/dev/block/{os.major(device)}:{os.minor(device)}"),
        net=min(_addresses(root / "sys/class/net"), default=""),
    )


def _serial(block: Path) -> str:
    """Return the serial number of the disk under a block device; partitions lie one deeper."""
    if not block.exists():
        return ""
    disk = block.resolve()
    for folder in (disk, disk.parent):
        for name in ("device/serial", "serial", "device/wwid", "wwid"):
            if found := _line(folder / name):
                return found
    return ""


def _addresses(cards: Path) -> Iterator[str]:
    """Yield the permanent addresses of cards that are hardware and not meant to be pulled out."""
    for card in sorted(cards.glob("*")):
        hardware = card / "device"
        if not hardware.exists() or _line(card / "addr_assign_type") != PERMANENT:
            continue
        if _is_removable(hardware.resolve()):
            continue
        address = _line(card / "address").lower()
        if address and address != NO_ADDRESS:
            yield address


def _is_removable(hardware: Path) -> bool:
    """Tell whether the card, or the USB device it is part of, is one that can be pulled out."""
    nearest = (hardware, *list(hardware.parents)[:2])
    return any(_line(folder / "removable") == "removable" for folder in nearest)


def _line(file: Path) -> str:
    try:
        return file.read_text("utf-8", "replace").strip()
    except OSError:
        return ""
