"""Open a serial line: a real port, a pseudo-terminal, or a pyserial URL (`socket://`, `rfc2217://`)."""

import contextlib
import fcntl
import os
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import serial

from agent.devices.drivers.profile import Profile


class PortError(OSError):
    """The port cannot be opened now; the message says why in the system's words."""


def is_absent(address: str) -> bool:
    """Whether `address` is a path at which nothing stands: an unplugged device, known for a stat.

    Opening may wait for a device, so it takes a thread; a port that stays away is looked at every
    second for days and must cost nothing.
    """
    return "://" not in address and not Path(address).exists()


@contextmanager
def opened(address: str, profile: Profile) -> Iterator[int]:
    """Open `address` with the profile's line settings and give its file descriptor.

    The port is held exclusively (flock and TIOCEXCL), DTR is not dropped on close (HUPCL
    cleared: some scanners reset on it), and it is closed on the way out whatever happens.
    Blocking: an open may wait for the device. Raises `PortError`.
    """
    try:
        # A URL gives another class than a path does; both have what is used here.
        port = serial.serial_for_url(
            address,
            baudrate=profile.baud,
            bytesize=profile.data_bits,
            parity=profile.parity,
            stopbits=profile.stop_bits,
            timeout=0,
            **({} if "://" in address else {"exclusive": True}),
        )
    except (serial.SerialException, OSError, ValueError) as error:
        raise PortError(str(error)) from error
    try:
        descriptor = port.fileno()
        if os.isatty(descriptor):
            _hold(descriptor)
        os.set_blocking(descriptor, False)
        yield descriptor
    finally:
        # A device that was pulled out fails in its own close; it is gone either way.
        with contextlib.suppress(OSError, serial.SerialException):
            port.close()


def _hold(descriptor: int) -> None:
    fcntl.ioctl(descriptor, termios.TIOCEXCL)
    settings = termios.tcgetattr(descriptor)
    settings[2] &= ~termios.HUPCL
    termios.tcsetattr(descriptor, termios.TCSANOW, settings)
