"""The devices of `agent.toml`, as the room of devices takes them."""

import dataclasses
from collections.abc import Sequence

from agent.config import Device
from agent.devices.drivers import PROFILES, Profile
from agent.devices.line import DeviceConfig


def attached(devices: Sequence[Device]) -> list[DeviceConfig]:
    """Return what there is a driver for; `baud` goes before the maker's."""
    return [
        DeviceConfig(
            name=device.name,
            profile=_profile(PROFILES[device.driver], device.baud),
            port=device.port,
            use=device.use,
            counter=device.counter,
        )
        for device in devices
        if device.driver in PROFILES
    ]


def _profile(shipped: Profile, baud: int | None) -> Profile:
    return shipped if baud is None else dataclasses.replace(shipped, baud=baud)
