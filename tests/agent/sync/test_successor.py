"""The office's side of new keys: whoever's word it is, only the root that is known counts."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from agent.journal import Journal, NoViews
from agent.keys import Enrolment
from agent.sync import faults, successor
from agent.sync.addresses import ManyAddresses, addresses
from agent.sync.http import HttpTransport
from agent.sync.moving import cancellable, look
from agent.sync.report import Silent
from agent.sync.shell import Syncer
from agent.sync.transport import ExchangeError
from agent.sync.usb import Carrier
from server import moving, retiring
from server.exchange import exchange
from server.keys import ServerKeys
from tests.agent.sync.conftest import BOX, QuickDelays, Shown, TestClock, append_event
from tests.agent.sync.either import Real, adopt
from tests.agent.sync.test_real_province import real_time
from tests.agent.sync.test_silent_line import PATIENT
from tests.server.province import Seen, make_config, open_province, rotate_keys
from wire import statements
from wire.keys import SigningKey
from wire.problems import Refusal
from wire.statements import Province
from wire.succession import Followed, succeed


class Turning(Real):
    """The real server, which is given new keys and started again."""

    async def rotate(self, **wanted: Any) -> None:
        await self._stop()
        rotate_keys(self._folder / "keys", **wanted)
        ctx = await open_province(make_config(self._folder), real_time, Seen())  # type: ignore[arg-type]
        await moving.at_start(ctx)
        await ctx.store.close()
        await self._start()

    @property
    def keys(self) -> ServerKeys:
        return self._ctx.keys

    async def destroy_retired(self) -> list[int]:
        """Let 24 months be over, and start again on what is left."""
        now_ms = self._ctx.now_ms
        object.__setattr__(self._ctx, "now_ms", lambda: now_ms() + retiring.RETIRED_MS_MAX + 1)
        done = await retiring.destroy(self._ctx)
        await self._stop()
        await self._start()
        return done

    async def by_stick(self, body: bytes) -> bytes:
        return await exchange(body, self._ctx)


class Turned:
    """An office that goes on with the keys it learnt of, as `agent.enrolled` lets it."""

    def __init__(self, journal: Journal, enrolled: Enrolment, province: Turning) -> None:
        self.journal, self.enrolled, self.province = journal, enrolled, province
        self.shown = Shown()
        self.url = f"http://127.0.0.1:{province.port}"

    async def held(self) -> Province:
        in_force = partial(successor.in_force, enrolled=self.enrolled.province)
        return await self.journal.read(in_force)

    async def record(self, count: int = 1) -> None:
        await self.journal.write_many([partial(append_event, number=n) for n in range(count)])

    async def once(self) -> None:
        """Sync with the keys of now, until cancelled or until there are others."""
        transport = HttpTransport(self.url, patience=PATIENT)
        syncer = Syncer(
            self.journal,
            self.enrolled._replace(province=await self.held()),
            transport,
            box=BOX,
            clock=TestClock(),
            random=Random(1),
            show=self.shown.add,
            connect=lambda: asyncio.sleep(0, result=True),
            fresh_bytes=secrets.token_bytes,
            delays=QuickDelays(),
            ask_province=transport.province,
        )
        await cancellable(syncer.run())

    async def keep(self) -> None:
        while True:
            await self.once()

    async def delivered(self, count: int = 1) -> None:
        """Record and sync until the province has it all; the keys may change meanwhile."""
        await self.record(count)
        keeping = asyncio.create_task(self.keep())
        try:
            async with asyncio.timeout(30):
                while self.journal.backlog_events:
                    await self.journal.wait_change()
        finally:
            keeping.cancel()
            await asyncio.wait([keeping])

    def carrier(self) -> Carrier:
        return Carrier(
            self.journal, self.enrolled, TestClock(), Silent(), box=BOX, fresh_bytes=bytes
        )


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Turned]:
    async with AsyncExitStack() as ends:
        province = Turning()
        await province.up(tmp_path, ends)
        enrolled, answer = await province.begin(tmp_path)
        journal = await Journal.open(
            tmp_path / "journal.db",
            secrets.token_bytes(32),
            identity=enrolled.identity,
            projector=NoViews(),
            clock=TestClock(),
        )
        ends.push_async_callback(journal.close)
        office = Turned(journal, enrolled, province)
        await adopt(office, enrolled, answer)  # type: ignore[arg-type]
        yield office


async def moved(office: Turned) -> None:
    """Sync with the keys that are held until there are others."""
    async with asyncio.timeout(30):
        await office.once()


async def test_new_keys_are_taken_and_nobody_has_to_do_anything(office: Turned) -> None:
    await office.delivered()
    await office.province.rotate(signing=True)
    await office.record(3)
    await moved(office)
    await office.delivered()
    assert (await office.held()).n == 2
    assert len(await office.province.held()) == 5
    assert await retiring.destroy(office.province._ctx) == [1], "nobody needs the former keys"


async def test_the_rotation_meets_a_message_that_is_on_its_way(office: Turned) -> None:
    await office.record(300)
    keeping = asyncio.create_task(office.keep())
    await office.shown.until(lambda: len(office.shown) > 0)
    await office.province.rotate(signing=True)
    await office.record(20)
    async with asyncio.timeout(30):
        while office.journal.backlog_events or (await office.held()).n != 2:
            await office.journal.wait_change()
    keeping.cancel()
    await asyncio.wait([keeping])
    assert len(await office.province.held()) == 320


async def test_who_slept_until_the_keys_were_destroyed_finds_the_province_by_its_root(
    office: Turned,
) -> None:
    await office.province.rotate(signing=True)
    await office.province.rotate(signing=True)
    assert await office.province.destroy_retired() == [1, 2]
    await office.delivered()
    assert (await office.held()).n == 3


async def test_a_change_of_root_is_followed_even_when_the_keys_of_before_are_gone(
    office: Turned,
) -> None:
    await office.province.rotate(root=True)
    assert await office.province.destroy_retired() == [1]
    await office.delivered()
    now = await office.held()
    assert now.n == 2
    assert now.root_key != office.enrolled.province.root_key


@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param(b"<html>Wi-Fi</html>", id="a captive portal"),
        pytest.param(b"", id="nothing"),
        pytest.param(bytes(70_000), id="too much"),
        pytest.param("another root", id="another root"),
    ],
)
async def test_what_a_hostile_line_says_of_the_province_changes_nothing(
    office: Turned, hostile: bytes | str
) -> None:
    if isinstance(hostile, str):
        root = SigningKey(bytes([7]) * 32)
        held = office.enrolled.province
        stated = msgspec.structs.replace(held, n=9, root_key=root.public)
        hostile = statements.sign(stated, root)

    async def says(_n: int) -> bytes:
        return hostile

    met = ExchangeError(faults.RECEIVER_UNKNOWN)
    assert await look(office.journal, office.enrolled.province, says, met) is met
    assert (await office.held()).n == 1


async def test_a_line_that_breaks_and_a_fault_that_is_another_change_nothing(
    office: Turned,
) -> None:
    async def breaks(_n: int) -> bytes:
        raise ExchangeError(faults.CUT)

    met, held = ExchangeError(faults.RECEIVER_UNKNOWN), office.enrolled.province
    assert await look(office.journal, held, breaks, met) is met
    other = ExchangeError(faults.BUSY)
    assert await look(office.journal, held, breaks, other) is other


async def test_keys_that_are_known_are_no_news_and_older_ones_are_a_matter_for_the_province(
    office: Turned, tmp_path: Path
) -> None:
    first = office.province.keys.province
    await office.province.rotate(signing=True)
    await office.delivered()
    held, met = await office.held(), ExchangeError(faults.RECEIVER_UNKNOWN)

    async def same(_n: int) -> bytes:
        return office.province.keys.province

    async def older(_n: int) -> bytes:
        return first

    assert await look(office.journal, held, same, met) is met
    told = await look(office.journal, held, older, met)
    assert told.fault is faults.PROVINCE_OLDER
    assert (await office.held()).n == 2


async def test_a_province_put_back_to_older_keys_is_shown_and_not_followed(
    office: Turned,
) -> None:
    await office.province.remember()
    await office.province.rotate(signing=True)
    await office.delivered()
    await office.province.go_back()
    await office.record()
    keeping = asyncio.create_task(office.keep())
    await office.shown.until(lambda: bool(office.shown) and office.shown.code == "province-older")
    keeping.cancel()
    await asyncio.wait([keeping])
    await office.province.rotate(above=2)
    await office.delivered()
    assert (await office.held()).n == 3


async def test_an_office_without_a_line_moves_by_stick(office: Turned) -> None:
    carrier = office.carrier()
    await office.record(2)
    await office.province.rotate(signing=True)
    made = await carrier.export(None)
    assert await carrier.take(await office.province.by_stick(made.message)) == "taken"
    assert (await office.held()).n == 2
    await office.record(1)
    made = await carrier.export(None)
    assert await carrier.take(await office.province.by_stick(made.message)) == "taken"
    assert len(await office.province.held()) == 3
    assert office.journal.backlog_events == 0


async def test_an_older_answer_from_a_stick_brings_the_statement_too(office: Turned) -> None:
    carrier = office.carrier()
    await office.record(2)
    await office.province.rotate(signing=True)
    older, _newest = await carrier.export(None), await carrier.export(None)
    assert await carrier.take(await office.province.by_stick(older.message)) == "taken"
    assert (await office.held()).n == 2


async def test_a_stick_answer_by_a_replaced_key_is_refused_and_nothing_is_stuck(
    office: Turned,
) -> None:
    """Its records are in by then: the next stick, or the line, says so with the new key."""
    carrier = office.carrier()
    await office.record(2)
    made = await carrier.export(None)
    late = await office.province.by_stick(made.message)
    await office.province.rotate(signing=True)
    followed = succeed(office.enrolled.province, office.province.keys.province)
    assert followed is not None
    await office.journal.write(partial(successor.keep, followed=followed))
    with pytest.raises(Refusal, match="answer-forged"):
        await carrier.take(late)
    assert (office.journal.backlog_events, len(await office.province.held())) == (2, 2)
    made = await carrier.export(None)
    assert await carrier.take(await office.province.by_stick(made.message)) == "taken"
    assert (office.journal.backlog_events, len(await office.province.held())) == (0, 2)
    await office.delivered()
    assert len(await office.province.held()) == 3


async def test_a_statement_is_kept_once_and_an_old_one_played_again_is_not_in_force(
    office: Turned,
) -> None:
    first = office.enrolled.province
    root = SigningKey(Random(1).randbytes(32))

    def stated(n: int, name: str) -> Followed:
        province = msgspec.structs.replace(first, n=n, name=name)
        return Followed(province, statements.sign(province, root))

    for followed in (stated(10, "mười"), stated(9, "chín"), stated(10, "khác")):
        await office.journal.write(partial(successor.keep, followed=followed))
    assert (await office.held()).name == "mười"


def test_new_addresses_are_tried_first_and_that_of_the_configuration_last() -> None:
    first = Province(1, "A", ("https://a",), bytes(32), bytes(1216), 0, bytes(32))
    second = Province(2, "A", ("https://a",), bytes(32), bytes(1216), 0, bytes(32))
    third = Province(3, "A", ("https://b/", "https://c"), bytes(32), bytes(1216), 0, bytes(32))
    assert addresses("http://proxy/", [first, second]) == ("http://proxy",)
    assert addresses("http://proxy", [first, second, third]) == (
        "https://b", "https://c", "http://proxy",
    )  # fmt: skip


async def test_an_address_that_cannot_be_reached_is_left_for_the_next(office: Turned) -> None:
    urls = ("http://127.0.0.1:9", office.url)
    many = ManyAddresses(urls, partial(HttpTransport, patience=PATIENT))
    assert many.address == ("127.0.0.1", 9)
    with pytest.raises(ExchangeError):
        await many.post(b"")
    assert many.address == ("127.0.0.1", office.province.port)
    assert many.silent_ms() >= 0
    assert await many.province(1) == office.province.keys.province
    with pytest.raises(ExchangeError, match="message-malformed"):
        await many.post(b"x")
    assert many.address == ("127.0.0.1", office.province.port), "it answers"
    await many.close()
