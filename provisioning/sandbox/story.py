"""The first minute: an office works, its line is cut, it works on, the line returns, all is in."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from provisioning.line_switch import LineSwitch
from provisioning.sandbox.facts import Facts
from provisioning.sandbox.narrator import Narrator
from provisioning.sandbox.office_work import OfficeWork, Received, WorkFailed

BREATH_S: Final = 0.7
"""Between two records: as fast as one can follow."""
PAUSE_S: Final = 3.0
"""Before something happens that one should see in the browser."""
SETTLE_S: Final = 0.4
"""A scanner's first moment is thrown away by whoever opens it."""
LOOK_AGAIN_S: Final = 0.2
NAME_CHARS_MAX: Final = 34
WAIT_S_MAX: Final = 90
"""What should take seconds and took this long is told as not done."""


class Story:
    """Tells it once, with one office, and leaves the switch to whoever watches."""

    def __init__(self, narrator: Narrator, work: OfficeWork, switch: LineSwitch) -> None:
        self._say = narrator.say
        self._work = work
        self._switch = switch

    async def tell(self) -> None:
        """Tell the story; what goes wrong is told too, and ends it."""
        try:
            await self._ready()
            await self._with_the_line()
            await self._without_the_line()
            await self._line_returns()
        except WorkFailed as failed:
            self._say("failed", "bad", reason=failed)
        except TimeoutError:
            self._say("too-long", "bad", seconds=WAIT_S_MAX)

    async def _ready(self) -> None:
        await self._wait(self._work.door_is_ready)
        await asyncio.sleep(SETTLE_S)

    async def _with_the_line(self) -> None:
        self._say("morning", "heading")
        await self._records(dossiers=3, visits=2)
        await self._delivered()
        await self._compared()

    async def _without_the_line(self) -> None:
        await asyncio.sleep(PAUSE_S)
        self._say("cutting", "heading")
        self._switch.set_cut(True)
        await asyncio.sleep(PAUSE_S)
        self._say("going-on", "heading")
        await self._records(dossiers=5, visits=3)
        marks = await self._work.marks()
        waiting = marks.head - marks.delivered
        self._say("waiting", "bad", waiting=waiting, delivered=marks.delivered)

    async def _line_returns(self) -> None:
        await asyncio.sleep(PAUSE_S)
        self._say("returning", "heading")
        began = asyncio.get_running_loop().time()
        self._switch.set_cut(False)
        await self._delivered()
        seconds = asyncio.get_running_loop().time() - began
        self._say("caught-up", "good", seconds=f"{seconds:.1f}")
        await self._compared()

    async def _records(self, *, dossiers: int, visits: int) -> None:
        """Let dossiers and people come in, one after the other."""
        while dossiers or visits:
            if dossiers >= visits:
                self._received(await self._work.receive_dossier())
                dossiers -= 1
            else:
                self._say("came-in", "record", name=await self._work.let_in())
                visits -= 1
            await asyncio.sleep(BREATH_S)

    def _received(self, dossier: Received) -> None:
        words = {"number": dossier.number, "procedure": _short(dossier.procedure)}
        if dossier.due_at is None:
            self._say("received", "record", **words)
        else:
            _, month, day = dossier.due_at[:10].split("-")
            due = f"{dossier.due_at[11:16]} {day}/{month}"
            self._say("received-due", "record", due=due, **words)

    async def _delivered(self) -> None:
        """Wait until the province has everything; whoever watches may have cut the line."""

        async def is_in() -> bool:
            marks = await self._work.marks()
            return marks.delivered == marks.head

        await self._wait(is_in)

    async def _compared(self) -> None:
        async def is_equal() -> bool:
            marks, compared = await self._work.marks(), await self._work.reconciled()
            return compared.is_equal and compared.province == marks.head

        await self._wait(is_equal)
        equal = await self._work.reconciled()
        words = {"office": equal.office, "province": equal.province, "hash": equal.hash[:12]}
        self._say("equal", "good", **words)

    async def _wait(self, is_so: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(WAIT_S_MAX):
            # Another program's state cannot be awaited, only asked for.
            while not await is_so():  # noqa: ASYNC110
                await asyncio.sleep(LOOK_AGAIN_S)


def _short(name: str) -> str:
    """Return a procedure's name cut at a word, so that a record is one line."""
    if len(name) <= NAME_CHARS_MAX:
        return name
    return name[: NAME_CHARS_MAX + 1].rpartition(" ")[0].rstrip(",(") + "…"


def show_doors(narrator: Narrator, facts: Facts, switch: LineSwitch) -> None:
    """Tell where to look and how to sign in."""
    agent, operator = facts.agents[0], facts.operator
    clerk = agent.users[0]
    rows = [
        ("look-office", agent.url),
        ("sign-in", f"{clerk.name} / {clerk.pin}"),
        ("look-province", facts.server),
        ("sign-in", f"{operator.user} / {operator.password}"),
        ("look-switch", switch.url),
        ("switch-how", ""),
    ]
    narrator.show("look", rows)


def show_more(narrator: Narrator, facts: Facts) -> None:
    """Tell what can be tried now."""
    narrator.say("over", "heading")
    narrator.say("try-switch")
    narrator.say("try-status", config=facts.agents[0].config)
    office = facts.agents[0].office
    narrator.say("try-curl", token=facts.reports_token, server=facts.server, office=office)
    narrator.say("stop")
