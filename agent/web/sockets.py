"""The two listening sockets of the local door.

The Unix socket is made here and not by the web server, which would make it writable for all
(mode 0666): the right to open it *is* the authorisation.
"""

import errno
import os
import socket
from pathlib import Path

from agent.web.texts import TEXTS
from wire.problems import Refusal
from wire.texts import Text

SOCKET_MODE = 0o660
DIRECTORY_MODE = 0o750
BACKLOG = 128
PATH_BYTES_MAX = 107
"""`sun_path` of unix(7) without its end."""
WHY = {
    errno.EADDRINUSE: "taken",
    errno.EADDRNOTAVAIL: "not-ours",
    errno.EACCES: "no-permission",
    errno.EPERM: "no-permission",
    errno.EROFS: "no-permission",
    errno.ENAMETOOLONG: "too-long",
}
"""Reasons that people can act on; the others are told as the system says them."""


class SocketTaken(Exception):  # noqa: N818 - a state of the world
    """Somebody answers at this address already: another daemon runs."""


def listen_unix(path: Path, *, own_directory: bool) -> socket.socket:
    """Listen at `path`, mode 0660 from its first moment, in a directory of mode 0750.

    A socket file that a dead daemon left is replaced; where somebody answers, `SocketTaken`.
    The directory is made when it is missing. One that stands is closed to others only when it
    is the agent's own (`own_directory`): nobody wants `/run` at 0750.
    """
    fresh = path.with_name(f".{os.getpid()}")  # short: its name has to fit too
    if max(len(os.fsencode(one)) for one in (path, fresh)) > PATH_BYTES_MAX:
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
    if not path.parent.exists():
        path.parent.mkdir(mode=DIRECTORY_MODE, parents=True)
        own_directory = True
    if own_directory:
        path.parent.chmod(DIRECTORY_MODE)
    if _answers(path):
        raise SocketTaken(str(path))
    fresh.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # The mode of the socket itself, set before it has a name, is what bind() gives the file:
        # there is no moment at which others could open it.
        os.fchmod(listener.fileno(), SOCKET_MODE)
        listener.bind(str(fresh))
        fresh.chmod(SOCKET_MODE)
        listener.listen(BACKLOG)
        fresh.rename(path)
    except OSError:
        listener.close()
        fresh.unlink(missing_ok=True)
        raise
    listener.setblocking(False)
    return listener


def listen_tcp(address: str) -> socket.socket:
    """Listen at `host:port`; OSError when it is taken."""
    host, port = split_address(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


def split_address(address: str) -> tuple[str, int]:
    """`127.0.0.1:8710`, `[::1]:8710` -> host and port; ValueError for anything else."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(address)
    return host.removeprefix("[").removesuffix("]"), int(port)


def unusable(address: str, error: OSError) -> Refusal:
    """Return what to tell of an address that cannot be listened on."""
    known = TEXTS.get(f"listen.{WHY.get(error.errno or 0, '')}")
    said = error.strerror or str(error)
    reason = known or Text(said, said)
    return Refusal("address-unusable", TEXTS["listen.why"].format(address=address, reason=reason))


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except OSError as error:
            if error.errno in {errno.ENOENT, errno.ECONNREFUSED}:
                return False
            raise
    return True
