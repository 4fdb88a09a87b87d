"""Loopback ports: the one wanted, else the next that is free."""

import contextlib
import errno
import socket

HOST = "127.0.0.1"
PORT_MAX = 65_535


class NoPortFree(OSError):  # noqa: N818 - a finding, told as it is
    """Every port from the wanted one on is taken."""


def free_port(wanted: int, *, but: frozenset[int] = frozenset()) -> int:
    """Return `wanted`, or the first free port above it that is not in `but`.

    Raises NoPortFree, or OSError when a port may not be opened at all.
    """
    for port in range(wanted, PORT_MAX + 1):
        if port not in but and _is_free(port):
            return port
    raise NoPortFree(errno.EADDRINUSE, f"no port from {wanted} on is free")


def _is_free(port: int) -> bool:
    with contextlib.closing(socket.socket()) as probe:
        # As the servers do it: what lingers of closed connections does not count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True
