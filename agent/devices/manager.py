"""All devices of the office side by side: one that fails never touches another."""

import asyncio
from collections.abc import Sequence

from msgspec import Struct

from agent.devices.line import DeviceConfig, DeviceLine, Shell


class DeviceState(Struct, frozen=True):
    """One device as the sync report shows it.

    state: ready, opening, lost or closed; last_reading_age_s: None before the first reading.
    """

    name: str
    driver: str
    state: str
    last_reading_age_s: int | None


class DeviceManager:
    """Runs every configured device until cancelled."""

    def __init__(self, configs: Sequence[DeviceConfig], shell: Shell) -> None:
        self._shell = shell
        self._lines = tuple(DeviceLine(config, shell) for config in configs)

    async def run(self) -> None:
        """Keep all devices open; returns when cancelled."""
        async with asyncio.TaskGroup() as group:
            for line in self._lines:
                group.create_task(line.run(), name=f"device {line.config.name}")

    def states(self) -> tuple[DeviceState, ...]:
        """Give every device's state now, in the order of the configuration."""
        now_ms = self._shell.mono_ms()
        return tuple(
            DeviceState(
                name=line.config.name,
                driver=line.config.profile.name,
                state=line.session.state.value,
                last_reading_age_s=None
                if line.last_reading_ms is None
                else (now_ms - line.last_reading_ms) // 1000,
            )
            for line in self._lines
        )
