"""The kernel's word that links, addresses or routes changed (rtnetlink(7)).

What changed is not read: any change is a reason to look whether the province can be reached now.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Self

GROUPS = 0x1 | 0x10 | 0x40 | 0x100 | 0x400
"""RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV4_ROUTE, RTMGRP_IPV6_IFADDR, RTMGRP_IPV6_ROUTE."""
SETTLE_S = 0.3
"""An interface that comes up tells of link, address and routes one after the other."""
DATAGRAM_BYTES = 65_536


class RouteWatch:
    """Tells when the network's shape changed. Use as a context manager on a running loop."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._changed = asyncio.Event()

    def __enter__(self) -> Self:
        self._sock.setblocking(False)
        asyncio.get_running_loop().add_reader(self._sock.fileno(), self._drain)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._sock.fileno())
        self._sock.close()

    async def changed(self) -> None:
        """Return when something changed and the first flurry is over."""
        await self._changed.wait()
        await asyncio.sleep(SETTLE_S)
        self._changed.clear()

    def _drain(self) -> None:
        while True:
            try:
                self._sock.recv(DATAGRAM_BYTES)
            except BlockingIOError:
                break
            except OSError:
                # ENOBUFS: more changed than fits the socket's queue, which is a change as well.
                self._changed.set()
                continue
            self._changed.set()


def open_route_socket() -> socket.socket | None:
    """Return a socket of the kernel's route news, None where there is no such thing.

    Without it the probe alone finds the line's return, a second or two later.
    """
    family = getattr(socket, "AF_NETLINK", None)
    if family is None:
        return None
    try:
        sock = socket.socket(family, socket.SOCK_RAW, 0)
    except OSError:
        return None
    try:
        sock.bind((0, GROUPS))
    except OSError:
        sock.close()
        return None
    return sock
