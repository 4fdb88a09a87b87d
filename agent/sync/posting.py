"""The one open request: sent, listened to while it is out, abandoned when the engine says so."""

import asyncio
from collections.abc import Callable

from agent.sync import faults
from agent.sync.transport import ExchangeError, Reply, Transport

LISTEN_S = 0.5
"""How often the open request's connection is asked whether it heard anything."""


class Posting:
    """Posts one message at a time. `heard(request, silent_ms)` is told what the line says of it."""

    def __init__(self, transport: Transport, heard: Callable[[int, int], None]) -> None:
        self._transport = transport
        self._heard = heard
        self._open: tuple[int, asyncio.Timeout] | None = None

    async def post(self, request: int, message: bytes) -> Reply:
        """Return the answer. Raises ExchangeError; with `CUT` when it was abandoned."""
        listening = asyncio.create_task(self._keep_listening(), name="sync listening")
        try:
            async with asyncio.timeout(None) as scope:
                self._open = (request, scope)
                return await self._transport.post(message)
        except TimeoutError as error:
            raise ExchangeError(faults.CUT, "silent over the line's fall and return") from error
        finally:
            self._open = None
            listening.cancel()

    def abandon(self, request: int) -> None:
        """Wait no longer for the answer to this request, if it is the one that is out."""
        if self._open is not None and self._open[0] == request:
            self._open[1].reschedule(asyncio.get_running_loop().time())

    def listen(self) -> None:
        """Tell at once how long the open request's connection has been silent."""
        if self._open is not None:
            self._heard(self._open[0], self._transport.silent_ms())

    async def _keep_listening(self) -> None:
        while True:
            await asyncio.sleep(LISTEN_S)
            self.listen()
