"""A producer that streams commands and hears its answers while the other side may die."""

import contextlib
import json
import subprocess
import threading

from tests.e2e.exactly_once import Json, realistic
from tests.e2e.world import World, as_line


class Producer(threading.Thread):
    """Streams commands into `submit -` and reads results until one of both is over.

    `news` is released for every answer; several producers may share one.
    """

    def __init__(
        self, world: World, seed: int, count: int, news: threading.Semaphore | None = None
    ) -> None:
        super().__init__(name=f"producer {seed}")
        self.commands = realistic(count, seed=seed)
        self.results: list[Json] = []
        self._process: subprocess.Popen[bytes] = world.open_producer()
        self.news = news or threading.Semaphore(0)

    def run(self) -> None:
        """Feed all, keep what is answered."""
        feeding = threading.Thread(target=self._feed)
        feeding.start()
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.endswith(b"\n"):
                self.results.append(json.loads(line))
                self.news.release()
        feeding.join(20)
        self._process.wait(20)
        self._process.stdout.close()

    def _feed(self) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError), self._process.stdin as pipe:
            for command in self.commands:
                pipe.write(as_line(command))
                pipe.flush()
