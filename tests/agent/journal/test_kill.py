"""kill -9 in the middle of writing: what was acknowledged is there, and nothing twice."""

import random
import subprocess
import sys
from pathlib import Path

from agent.journal import Journal, NoViews, database
from agent.journal.verify import verify
from tests.agent.world import IDENTITY, KEY, FakeClock, note

WRITER = """
import asyncio, sys
from pathlib import Path
from agent.journal import Journal, NoViews
from tests.agent.world import IDENTITY, KEY, FakeClock, note

async def main():
    journal = await Journal.open(
        Path(sys.argv[1]), KEY, identity=IDENTITY, projector=NoViews(), clock=FakeClock()
    )
    while True:
        places = await asyncio.gather(
            *(journal.write(lambda t: t.append(note("x" * 300))) for _ in range(7))
        )
        for place in places:
            sys.stdout.write(f"{place.seq} {place.hash.hex()}\\n")
        sys.stdout.flush()

asyncio.run(main())
"""
KILLS = 6


def run_and_kill(file: Path, after_lines: int) -> dict[int, str]:
    """Let a process record until it has acknowledged so many lines, then kill it at once."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(file)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(after_lines)]
        process.kill()
        lines += process.stdout.readlines()
    whole = [line.split() for line in lines if line.endswith("\n")]
    return {int(seq): hash_ for seq, hash_ in whole}


async def test_nothing_acknowledged_is_lost_and_nothing_is_there_twice(file: Path) -> None:
    dice = random.Random(20261121)
    acknowledged: dict[int, str] = {}
    for _ in range(KILLS):
        told = run_and_kill(file, dice.randint(1, 60))
        assert not acknowledged.keys() & told.keys()
        acknowledged |= told
    connection = database.open_reader(file, KEY)
    held = dict(connection.execute("SELECT seq, hex(hash) FROM event WHERE journal = 1"))
    report = verify(connection)
    connection.close()
    assert report.ok, report.damages
    assert all(held[seq].lower() == hash_ for seq, hash_ in acknowledged.items())
    assert sorted(held) == list(range(1, len(held) + 1))
    journal = await Journal.open(
        file, KEY, identity=IDENTITY, projector=NoViews(), clock=FakeClock()
    )
    assert (await journal.write(lambda t: t.append(note()))).seq == len(held) + 1
    await journal.close()
