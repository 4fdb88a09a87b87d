"""Where time and chance enter the commands of `commune-provision`."""

import os
import time

from provisioning.enrol import World


def world() -> World:
    """Return the clock and the randomness of this machine."""
    return World(now_ms=lambda: time.time_ns() // 1_000_000, random_bytes=os.urandom)
