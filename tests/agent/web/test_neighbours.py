"""What a neighbour on the office network can do: little, and never to the other counters."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from agent.web import serve
from agent.web.limits import CONNECTIONS_AN_ADDRESS_MAX, LOGIN_FREE_TRIES
from agent.web.login import LoginForm, SignIn
from tests.agent.web.office import CLERK, HOSTNAME, Office
from wire.problems import Refusal


async def test_who_only_connects_takes_no_more_than_a_share(office: Office) -> None:
    async with AsyncExitStack() as neighbour:
        kept = []
        for _ in range(2 * CONNECTIONS_AN_ADDRESS_MAX):
            reader, writer = await asyncio.open_connection("127.0.0.1", office.port)
            neighbour.callback(writer.close)
            kept.append(reader)
        await asyncio.sleep(0.2)
        closed = sum(reader.at_eof() or reader.exception() is not None for reader in kept)
        assert closed == CONNECTIONS_AN_ADDRESS_MAX
        async with office.through_socket() as client:
            assert (await client.get("/api/status")).status_code == 200
    await asyncio.sleep(0.1)
    async with office.browser() as client:
        assert (await client.get("/login")).status_code == 200


async def test_who_asks_nothing_is_cut_and_who_asked_is_not(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "FIRST_REQUEST_S", 0.1)
    silent, writer = await asyncio.open_connection("127.0.0.1", office.port)
    async with office.browser() as client:
        assert (await client.get("/login")).status_code == 200
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            async with asyncio.timeout(5):
                await silent.readexactly(1)
        assert (await client.get("/login")).status_code == 200
    writer.close()


async def test_guesses_that_come_together_count_like_guesses_one_by_one(office: Office) -> None:
    sign_in = SignIn(office.parts)
    name = CLERK[0]
    for _ in range(LOGIN_FREE_TRIES - 1):
        with pytest.raises(Refusal, match="credentials-wrong"):
            await sign_in.open(LoginForm(name, "000000"))
    tries = [sign_in.open(LoginForm(name, "000000"), f"10.0.0.{n}") for n in range(4)]
    told = await asyncio.gather(*tries, return_exceptions=True)
    codes = [told_one.code for told_one in told if isinstance(told_one, Refusal)]
    assert codes == ["credentials-wrong"] + ["rate-limited"] * 3


async def test_one_machine_that_guesses_leaves_room_for_the_others(office: Office) -> None:
    sign_in = SignIn(office.parts)
    guesses = [sign_in.open(LoginForm(f"name{n}", "000000"), "10.0.0.66") for n in range(8)]
    honest = sign_in.open(LoginForm(*CLERK), "10.0.0.1")
    *told, token = await asyncio.gather(*guesses, honest, return_exceptions=True)
    codes = [told_one.code for told_one in told if isinstance(told_one, Refusal)]
    assert codes == ["credentials-wrong"] * 2 + ["busy"] * 6
    assert isinstance(token, str)


async def test_a_followed_link_must_name_us_too(office: Office) -> None:
    followed = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    async with office.browser(headers=followed) as client:
        assert (await client.get("/lobby")).status_code == 200
        rebound = {"host": f"evil.example:{office.port}"}
        assert (await client.get("/lobby", headers=rebound)).status_code == 403
        named = {"host": f"{HOSTNAME}:{office.port}"}
        assert (await client.get("/lobby", headers=named)).status_code == 200
