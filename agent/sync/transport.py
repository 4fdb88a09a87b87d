"""How a message leaves the house and what comes back: the interface every carrier implements.

A transport knows nothing of journals or seals. It carries bytes, and says in the words of
`faults` why it could not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from agent.sync.faults import Fault


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back to one message; whether it is an answer is judged elsewhere."""

    body: bytes


class ExchangeError(Exception):
    """No answer that counts: nothing moves but the clock until the next try.

    `detail` is for a technician and holds no personal data; `retry_after_s` is what a server
    asked for; `down_bytes` what came back all the same.
    """

    def __init__(
        self,
        fault: Fault,
        detail: str = "",
        *,
        retry_after_s: int | None = None,
        down_bytes: int = 0,
    ) -> None:
        super().__init__(f"{fault.code}: {detail}" if detail else fault.code)
        self.fault = fault
        self.detail = detail
        self.retry_after_s = retry_after_s
        self.down_bytes = down_bytes


class Transport(Protocol):
    """Carries one message at a time."""

    async def post(self, message: bytes) -> Reply:
        """Carry `message` there and return what comes back.

        Raises:
            ExchangeError: it could not be carried, or what came back is not a message.
        """
        ...

    def silent_ms(self) -> int:
        """How long the open request has heard nothing from the far side, milliseconds.

        Word that a packet arrived there counts as heard; 0 where that cannot be known.
        """
        ...

    async def close(self) -> None:
        """Let go of what is open."""
        ...
