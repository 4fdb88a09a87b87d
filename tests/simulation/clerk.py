"""The clerk of one office: asks again, with the same key, until told that it is recorded."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from tests.simulation.device import Device
from tests.simulation.oracle import Oracle
from wire.problems import Refusal

ACTOR = "lan.nt"
PASSES = frozenset({"busy", "disk-full", "disk-failed", "journal-recovering"})
"""Refusals after which the same command is pressed again."""


class Clerk:
    """Records commands at one device and remembers which of them nobody has answered."""

    def __init__(self, device: Device, oracle: Oracle, log: Callable[[str], None]) -> None:
        self.device = device
        self.waits = False
        """Whether the clerk leaves the device alone (it was restored and has not heard yet)."""
        self.unanswered: dict[str, bytes] = {}
        self._made = 0
        self._oracle, self._log = oracle, log

    def record(self, count: int) -> None:
        """Press `count` new commands, all at once."""
        for _ in range(count):
            self._made += 1
            key = f"{self.device.name} {self._made}"
            self.unanswered[key] = _line(key, self._made)
            self._press(key)

    def stop_until_heard(self) -> None:
        """The journal is an older one: what was being pressed is lost, and nothing new comes."""
        self.waits = True
        self.unanswered.clear()

    def ask_again(self) -> None:
        """Press again what nobody has answered."""
        for key in list(self.unanswered):
            self._press(key)

    def _press(self, key: str) -> None:
        if self.device.up and self.device.life is not None and not self.waits:
            self.device.life.spawn(self._pressed(key), f"clerk {key}")

    async def _pressed(self, key: str) -> None:
        life, agent = self.device.life, self.device.agent
        if life is None or agent is None:
            return
        try:
            result = await agent.service.submit_line(self.unanswered[key], ACTOR)
        except Refusal as refusal:
            self._log(f"{key}: {refusal.code}")
            if refusal.code not in PASSES:
                self.unanswered.pop(key, None)
            return
        if life.dead:
            return  # the screen went dark before anybody read it
        self._oracle.acknowledged(self.device, key, result.seq, str(result.id))
        self.unanswered.pop(key, None)


def _line(key: str, number: int) -> bytes:
    """A command that is not known again but by its key: a name alone recognises nobody."""
    return msgspec.json.encode(
        {
            "type": "visit.check_in",
            "key": key,
            "method": "declared_by_staff",
            "declared_by": "staff",
            "visitor": {"full_name": f"Người {number}"},
            "purpose": key,
        }
    )
