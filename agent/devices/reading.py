"""What a device said, as a value: frozen, with integer units, and never shown by accident."""

from msgspec import Struct


class Scan(Struct, frozen=True, tag="scan"):
    """One barcode or QR code, decoded as UTF-8 and normalised to NFC.

    text may hold an identity card, so it stays out of `repr` and therefore out of logs and
    tracebacks. aim is the symbology prefix the scanner sent (ISO/IEC 15424, such as "]Q1"), or "".
    bytes_read is the length of the frame as it came over the line.
    """

    text: str
    aim: str = ""
    bytes_read: int = 0

    def __repr__(self) -> str:
        """Tell the shape, not the content."""
        return f"Scan(aim={self.aim!r}, bytes_read={self.bytes_read})"


Value = Scan


class Reading(Struct, frozen=True):
    """One value with the device it came from.

    device: configured name; use and counter: where the configuration puts the device;
    at_ms: wall clock at arrival, milliseconds since the epoch.
    """

    device: str
    use: str
    counter: int
    at_ms: int
    value: Value
