"""An office whose agent dies at one point after another, and goes on each time."""

import contextlib
import http.client
import json
import signal
import subprocess
import zlib
from dataclasses import dataclass, field

from agent.journal import database
from agent.journal.verify import verify
from tests.chaos.crashpoints import Point
from tests.e2e.exactly_once import Json, is_same, realistic
from tests.e2e.world import World, as_line

SYNC_S = 20


@dataclass
class Conversation:
    """A producer at the socket: what it asked, and what it was answered before the line broke."""

    producer: "subprocess.Popen[bytes]"
    asked: list[Json] = field(default_factory=list)
    answered: list[Json] = field(default_factory=list)

    def ask(self, *commands: Json) -> list[Json]:
        """Write commands at once and read as many results as come."""
        assert self.producer.stdin is not None
        assert self.producer.stdout is not None
        self.asked += commands
        try:
            self.producer.stdin.write(b"".join(map(as_line, commands)))
            self.producer.stdin.flush()
        except BrokenPipeError:
            return []
        lines = [self.producer.stdout.readline() for _ in commands]
        results = [json.loads(line) for line in lines if line.endswith(b"\n")]
        self.answered += results
        return results

    def end(self) -> None:
        """Let the producer finish."""
        self.producer.communicate(timeout=30)


@dataclass
class DoomedOffice:
    """Strikes the agent of `world` at a point in a scripted stretch of work, then looks closely.

    `told`: the answer to each command it ever got, in the end.
    """

    world: World
    delivers: bool = True
    acknowledged: int = 0
    told: list[Json] = field(default_factory=list)

    def strike(self, point: Point) -> bool:
        """Let the agent work until it dies at `point`; False when it lived to a clean stop."""
        world = self.world
        world.agent.tracer = point.tracer
        world.agent.start()
        said = Conversation(world.open_producer()) if world.agent.await_ready() else None
        if said is not None:
            work(said, seed=zlib.crc32(str(point).encode()))
            said.end()
            if self.delivers:
                self._deliver()
        code = world.agent.stop()
        assert code in {0, -signal.SIGKILL}, (str(point), code, world.agent.tail())
        world.agent.tracer = ()
        self._look(point, said)
        return code != 0

    def _look(self, point: Point, said: Conversation | None) -> None:
        """Start again: what was acknowledged stands, and asking again gives the same answer."""
        world = self.world
        world.agent.start()
        assert world.agent.await_ready(), f"{point}: does not start again: {world.agent.tail()}"
        if said is not None:
            try:
                again = world.ask_again(said.asked)
            except http.client.HTTPException as error:
                raise AssertionError(f"{point}: {world.agent.tail()}") from error
            assert len(again) == len(said.asked), f"{point}: {world.agent.tail()}"
            for command, first, now in zip(said.asked, said.answered, again, strict=False):
                assert is_same(first, now), f"{point}: {command}: {first} became {now}"
            self.acknowledged += sum(result["ok"] for result in said.answered)
            self.told += [result for result in again if result["ok"]]
        assert world.agent.stop() == 0, world.agent.tail()
        self._verify(point)

    def _deliver(self) -> None:
        """Let the agent deliver, if it lives so long."""
        body = json.dumps({"wait_s": SYNC_S}).encode()
        with contextlib.suppress(OSError, http.client.HTTPException):
            self.world.call("POST", "/api/sync", body)

    def _verify(self, point: Point) -> None:
        """Look at every event and at the chain, as `commune-agent verify` does."""
        key = (self.world.home / "keys" / "journal.key").read_bytes()
        with contextlib.closing(database.open_reader(self.world.database, key)) as connection:
            found = verify(connection)
        assert found.ok, f"{point}: {found.damages}"
        assert found.events >= len(self.told), f"{point}: {found.events} events"


def work(said: Conversation, seed: int) -> None:
    """One stretch of work: single commands, one about what was just recorded, four at once."""
    commands = realistic(7, seed=seed)
    results = [result for command in commands[:3] for result in said.ask(command)]
    filed = [result for result in results if result["ok"] and result["code"] is not None]
    for result in filed[:1]:
        said.ask(
            {
                "type": "dossier.forward",
                "dossier": result["id"],
                "to": "Trần Thị Mai",
                "holder": "office",
                "key": f"{seed}-forward",
            }
        )
    said.ask(*commands[3:])
