"""Box and boot marks: they change with what they name, and with the device."""

from hashlib import sha256

from tests.wire.samples import DEVICE, STRANGER
from wire.box import BOX_BYTES, boot_mark, box, parts_changed

MACHINE, DISK, NET = "0f2a4c6e8b1d3f507192a4b6c8d0e2f4", "S4EWNX0R", "52:54:00:12:34:56"
BOX = box(DEVICE.key_id, MACHINE, DISK, NET)


def test_a_box_is_three_marks() -> None:
    context = b"commune/box/1" + DEVICE.key_id
    assert len(BOX) == BOX_BYTES
    assert BOX[:8] == sha256(context + b"machine" + MACHINE.encode()).digest()[:8]
    assert BOX[8:16] == sha256(context + b"disk" + DISK.encode()).digest()[:8]
    assert BOX[16:] == sha256(context + b"net" + NET.encode()).digest()[:8]


def test_each_part_is_seen_alone() -> None:
    assert parts_changed(BOX, BOX) == ()
    assert parts_changed(BOX, box(DEVICE.key_id, MACHINE, "other", NET)) == ("disk",)
    assert parts_changed(BOX, box(DEVICE.key_id, "other", DISK, "")) == ("machine", "net")


def test_the_same_machine_looks_different_to_every_device_id() -> None:
    other = box(STRANGER.key_id, MACHINE, DISK, NET)
    assert parts_changed(BOX, other) == ("machine", "disk", "net")


def test_a_boot_mark_names_boot_and_device() -> None:
    boot_id = "9a1f3c5e-7b2d-4f60-8a9c-0b1d2e3f4a5b"
    assert (
        boot_mark(boot_id, DEVICE.key_id) == sha256(boot_id.encode() + DEVICE.key_id).digest()[:8]
    )
