"""The province: the real server in process, without its HTTP, on a disk that can be cut."""

from __future__ import annotations

from collections.abc import Coroutine
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from agent.sync import faults
from agent.sync.http import BY_PROBLEM_CODE
from agent.sync.transport import ExchangeError
from server import publishing, restoring
from server.carrying import TakenIn, import_stick
from server.config import Config
from server.context import ServerContext
from server.exchange import exchange
from server.rates import TooOften
from server.store.engine import open_store
from server.store.sqlite import look_over
from server.store.transient import is_transient
from tests.server.province import make_config
from tests.simulation.clock import START_MS, VirtualLoop
from tests.simulation.disk import Cut, Image, lay
from tests.simulation.life import Dead, Life, hear
from tests.simulation.template import DATABASE, Template, context_of
from wire.problems import Refusal

T = TypeVar("T")


class Province:
    """The province's server; `start` it, ask it, let it die, start it again."""

    def __init__(self, template: Template, folder: Path, random: Random, loop: VirtualLoop) -> None:
        self.config: Config = make_config(folder)
        for name, data in template.files.items():
            (self.config.keys_dir / name).write_bytes(data)
        self.image: Image = {DATABASE: template.database}
        """What lies on its disk while it does not run."""
        self.life: Life | None = None
        self.lives = 0
        self.skew_ms = 0
        self.shut = False
        """Whether its server does not listen, while somebody is at work with its database."""
        self.accidents: list[str] = []
        """What the server would have answered with 500."""
        self._folder, self._random, self._loop = folder, random, loop
        self._ctx: ServerContext | None = None

    @property
    def up(self) -> bool:
        """Whether it runs and listens."""
        return self.lives_on and not self.shut

    @property
    def lives_on(self) -> bool:
        """Whether its program runs."""
        return self.life is not None and not self.life.dead and self._ctx is not None

    @property
    def file(self) -> Path:
        """Its database, while it runs."""
        if self.life is None:
            raise RuntimeError("the province does not run")
        return self.life.folder / DATABASE

    def now_dead(self) -> bool:
        """Whether it has died meanwhile."""
        return not self.up

    def now_ms(self) -> int:
        """Its clock."""
        return START_MS + self.skew_ms + round(self._loop.time() * 1_000)

    async def start(self) -> None:
        """Begin a new life on what is left of its disk."""
        self.lives += 1
        folder = self._folder / f"life {self.lives}"
        lay(self.image, folder)
        self.life = Life("province", folder, self._random)
        key = (self.config.keys_dir / "database.key").read_bytes()
        look_over(folder / DATABASE, key)
        store = open_store(f"sqlite:///{folder / DATABASE}", key)
        self._ctx = context_of(self.config, store, self._random, now_ms=self.now_ms)
        await self.run(restoring.at_start(self._ctx))

    async def bury(self) -> None:
        """Clear away a dead life; what it left is what the next one begins with."""
        if self.life is not None:
            self.image = await self.life.bury()
            self.life = self._ctx = None

    def die(self, how: Cut) -> None:
        """Kill it, or cut its power."""
        if self.life is not None:
            self.life.die(how)

    async def ask(self, body: bytes, address: str) -> bytes:
        """Return the answer to a message.

        Raises ExchangeError as the agent's own transport would, had the server's refusal come
        over HTTP, or the connection broken.
        """
        try:
            return await self.run(self._exchange(body, address))
        except Dead:
            raise ExchangeError(faults.CUT, "the province died") from None

    def hear(self, body: bytes, address: str) -> None:
        """Take in a message whose answer nobody waits for."""
        if self.up and self.life is not None:
            self.life.spawn(self._exchange(body, address), "exchange").add_done_callback(hear)

    async def take_stick(self, stick: Path) -> TakenIn:
        """Take in a stick's messages and put the answers beside them. Raises Dead, Refusal."""
        return await self.run(import_stick(self.ctx, stick))

    async def publish(self, title: str) -> None:
        """Say something to every office. Raises Dead."""
        body = f'{{"title":"{title}","text":"{title}"}}'.encode()
        await self.run(publishing.publish(self.ctx, None, [("notice.published", body)]))

    async def restored(self) -> None:
        """Do what `commune-server restored` does. Raises Dead."""
        await self.run(restoring.restore(self.ctx, lambda _done, _of: None))

    @property
    def ctx(self) -> ServerContext:
        """The running server's context. Raises Dead."""
        if self._ctx is None or not self.lives_on:
            raise Dead("province")
        return self._ctx

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something as a task of the server. Raises Dead if it dies first."""
        if self.life is None:
            work.close()
            raise Dead("province")
        return await self.life.ask(work, "exchange")

    async def _exchange(self, body: bytes, address: str) -> bytes:
        """Do what the route does (`server.routes_exchange`), and its handlers of what is raised."""
        ctx = self.ctx
        try:
            with ctx.admission.enter():
                return await exchange(body, ctx, address)
        except TooOften as refusal:
            raise ExchangeError(
                faults.BUSY, refusal.code, retry_after_s=refusal.retry_after_s
            ) from refusal
        except Refusal as refusal:
            fault = BY_PROBLEM_CODE.get(refusal.code, faults.SERVER_ERROR)
            busy = refusal.type.status in (429, 503)
            raise ExchangeError(faults.BUSY if busy else fault, refusal.code) from refusal
        except Exception as error:
            if is_transient(error):
                raise ExchangeError(faults.BUSY, "database away") from error
            self.accidents.append(repr(error)[:300])
            raise ExchangeError(faults.SERVER_ERROR, type(error).__name__) from error
