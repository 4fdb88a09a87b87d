r"""Barcode and QR scanners in USB-COM or RS-232 mode.

The line is 9600 8N1 as makers ship it; the payload ends with `\r` or `\r\n` (makers' 'CR suffix'
setting), with an optional AIM prefix (ISO/IEC 15424: `]Q1` QR, `]C0` Code 128, `]C1` GS1-128,
`]d1` DataMatrix, `]E0` EAN-13) and optional STX/ETX around it.
"""

import re
import unicodedata

from agent.devices.drivers.profile import Profile, Unreadable
from agent.devices.framing import TerminatorFramer
from agent.devices.reading import Scan

STX, ETX, EOT = 0x02, 0x03, 0x04
_AIM = re.compile(rb"\](?:[A-Za-z][0-9A-Za-z])")
_EDGES = bytes([0x00, STX, ETX, EOT, 0xFF]) + b" \t"


def parse(record: bytes) -> Scan:
    """Read one record.

    Raises `Unreadable`: "empty", "not-utf8" (a scanner set to another code page, or noise),
    "control" (a control character inside: no code that an office uses holds one).
    """
    payload = record.strip(_EDGES)
    aim = ""
    if found := _AIM.match(payload):
        aim = found.group().decode("ascii")
        payload = payload[found.end() :]
    if not payload:
        raise Unreadable("empty")
    try:
        text = unicodedata.normalize("NFC", payload.decode("utf-8"))
    except UnicodeDecodeError:
        raise Unreadable("not-utf8") from None
    if any(unicodedata.category(letter) == "Cc" for letter in text):
        raise Unreadable("control")
    return Scan(text=text, aim=aim, bytes_read=len(record))


PROFILE = Profile(
    name="barcode",
    baud=9600,
    data_bits=8,
    parity="N",
    stop_bits=1,
    framer=TerminatorFramer,
    parse=parse,
    # A scanner in presentation mode reads the same label again while it is held there.
    repeat_ms=300,
)
