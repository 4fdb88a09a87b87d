"""A barcode scanner that is not there: a pseudo-terminal under a fixed name.

Whoever opens the name reads what `scan` writes, as from a scanner in USB-COM mode: the payload,
then CR.
"""

import os
import select
import tty
from pathlib import Path
from typing import Final

SUFFIX: Final = b"\r"


class NotPlugged(OSError):  # noqa: N818 - a finding, told as it is
    """The name is taken by something that is no pseudo-terminal of ours."""


class Scanner:
    """A pseudo-terminal whose near end stands under `name` until it is closed."""

    def __init__(self, name: Path) -> None:
        """Raise NotPlugged when something else than a symlink stands at `name`."""
        self.name = name
        name.parent.mkdir(parents=True, exist_ok=True)
        if name.exists() and not name.is_symlink():
            raise NotPlugged(str(name))
        self._far = self._plug()

    def scan(self, code: bytes) -> None:
        """Read `code` to whoever listens. Raises BlockingIOError when nobody takes it in."""
        os.write(self._far, code + SUFFIX)

    @property
    def is_open(self) -> bool:
        """Tell whether somebody has the scanner open."""
        poll = select.poll()
        poll.register(self._far, 0)
        return not any(event & select.POLLHUP for _, event in poll.poll(0))

    def replug(self) -> None:
        """Pull the plug and put it in again.

        An owner that was killed leaves its exclusive hold on the terminal, and the kernel keeps
        that as long as the far end lives; a new terminal has none.
        """
        os.close(self._far)
        self._far = self._plug()

    def close(self) -> None:
        """Pull the plug: the name goes, whoever listens sees the device vanish."""
        self.name.unlink(missing_ok=True)
        os.close(self._far)

    def _plug(self) -> int:
        """Make a terminal, let the name point to it, and return its far end."""
        far, near = os.openpty()
        try:
            tty.setraw(near)
            temporary = self.name.with_name(f".{self.name.name}.new")
            temporary.unlink(missing_ok=True)
            temporary.symlink_to(os.ttyname(near))
            temporary.replace(self.name)
            os.set_blocking(far, False)
        except BaseException:
            os.close(far)
            raise
        finally:
            # Not held open, so that the far end can tell whether anybody listens.
            os.close(near)
        return far
