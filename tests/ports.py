"""Ports on which a test lets a program listen."""

import contextlib
import os
import socket
from itertools import count

PORTS_FROM = 12_000
PORTS_EACH = 200
PORT_BLOCKS = 100
"""Up to 32,000, below the first port that Linux gives away by itself (32,768)."""
APART = 37
"""From one port to the next: a sandbox whose port is taken looks for one among those behind it."""
_turn = count()


def free_port() -> int:
    """Give a loopback port that nobody holds at this moment, and that nobody else is given.

    Each process of tests has its own block, below those that the system gives to connections: what
    it gave out itself, somebody else may have before the program that is to listen there starts.
    """
    block = os.getpid() % PORT_BLOCKS
    for _ in range(PORTS_EACH):
        port = PORTS_FROM + block * PORTS_EACH + next(_turn) * APART % PORTS_EACH
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                sock.bind(("127.0.0.1", port))
                return port
    raise RuntimeError(f"no free port in block {block}")
