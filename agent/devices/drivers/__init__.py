"""Drivers: a profile (line settings), a framer and a pure parser; none opens a port."""

from agent.devices.drivers import barcode
from agent.devices.drivers.profile import Profile

PROFILES: dict[str, Profile] = {barcode.PROFILE.name: barcode.PROFILE}
"""Driver name as in agent.toml to its profile."""

__all__ = ["PROFILES", "Profile"]
