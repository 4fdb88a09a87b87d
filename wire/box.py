"""Marks by which the province notices that a device's hardware or boot changed.

Both hash what they name together with the device_id, so that they say nothing about the machine
to anybody who does not know it already (docs/protocol.md sections 3 and 6).
"""

from hashlib import sha256

PART_BYTES = 8
PARTS = ("machine", "disk", "net")
BOX_BYTES = PART_BYTES * len(PARTS)

_CONTEXT = b"commune/box/1"


def box(device_id: bytes, machine: str, disk: str, net: str) -> bytes:
    """Return the 24 bytes of `box`: one mark of 8 bytes a part.

    `machine`: the machine-id; `disk`: serial number of the data disk; `net`: lowest permanent MAC
    address of a non-removable card. A part that the machine does not have is the empty string.
    """
    values = (machine, disk, net)
    return b"".join(
        sha256(_CONTEXT + device_id + word.encode() + value.encode()).digest()[:PART_BYTES]
        for word, value in zip(PARTS, values, strict=True)
    )


def parts_changed(before: bytes, after: bytes) -> tuple[str, ...]:
    """Return which parts differ between two values of `box`: none, some or all of `PARTS`."""
    return tuple(
        word
        for number, word in enumerate(PARTS)
        if before[(here := slice(number * PART_BYTES, (number + 1) * PART_BYTES))] != after[here]
    )


def boot_mark(boot_id: str, device_id: bytes) -> bytes:
    """Return the 8 bytes of `boot`, which change when the machine starts again.

    `boot_id` is the text of the kernel's boot_id, 36 ASCII characters without a line end.
    """
    return sha256(boot_id.encode() + device_id).digest()[:PART_BYTES]
