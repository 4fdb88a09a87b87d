"""What a driver is: the line it expects and how its records are read."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from agent.devices.framing import TerminatorFramer
from agent.devices.reading import Value


class Unreadable(ValueError):  # noqa: N818 - a judgement on bytes, not a failure of ours
    """A framed record that means nothing to its driver; reason is a short stable token."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of device.

    baud, data_bits, parity, stop_bits: the line as the maker ships it.
    framer: makes a fresh framer each time the port is opened.
    parse: one record to its value; raises `Unreadable`.
    repeat_ms: the same value again within this time is one reading.
    """

    name: str
    baud: int
    data_bits: Literal[7, 8]
    parity: Literal["N", "E", "O"]
    stop_bits: Literal[1, 2]
    framer: Callable[[], TerminatorFramer]
    parse: Callable[[bytes], Value]
    repeat_ms: int
