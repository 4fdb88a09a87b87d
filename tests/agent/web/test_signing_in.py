"""Signing in at a counter: cookies, wrong PINs, counters that lock themselves."""

import asyncio

import httpx

from agent.web.limits import LOGIN_FREE_TRIES
from tests.agent.web.office import CLERK, SUPERVISOR, Office


async def test_signing_in_gives_a_cookie_that_scripts_cannot_read(office: Office) -> None:
    async with office.browser() as client:
        assert (await client.get("/")).headers["location"] == "/login"
        answer = await client.post("/login", data={"user": CLERK[0], "pin": CLERK[1]})
        cookie = answer.headers["set-cookie"]
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
        session = (await client.get("/api/session")).json()
        assert (session["user"], session["role"]) == ("lan.nt", "clerk")
        out = await client.post("/logout", headers={"x-csrf-token": session["csrf"]})
        assert out.status_code == 200
        client.cookies.set("session", cookie.partition(";")[0].partition("=")[2])
        assert (await client.get("/api/session")).status_code == 401


async def wrong(client: httpx.AsyncClient, name: str = CLERK[0]) -> httpx.Response:
    return await client.post("/login", data={"user": name, "pin": "000000"})


async def test_wrong_pins_make_one_name_wait_and_nobody_else(office: Office) -> None:
    async with office.browser() as client:
        for _ in range(LOGIN_FREE_TRIES):
            assert (await wrong(client)).json()["code"] == "credentials-wrong"
        waiting = await client.post("/login", data={"user": CLERK[0], "pin": CLERK[1]})
        assert (waiting.status_code, waiting.json()["code"]) == (429, "rate-limited")
        assert waiting.headers["retry-after"] == "2"
        other = await client.post("/login", data={"user": SUPERVISOR[0], "pin": SUPERVISOR[1]})
        assert other.status_code == 303
        office.clock.advance(2_000)
        again = await client.post("/login", data={"user": CLERK[0], "pin": CLERK[1]})
        assert again.status_code == 303


async def test_a_name_nobody_has_answers_like_a_wrong_pin(office: Office) -> None:
    async with office.browser() as client:
        known, unknown = await wrong(client), await wrong(client, "nobody")
    assert (known.status_code, known.json()) == (unknown.status_code, unknown.json())


async def test_a_browser_gets_the_form_again_and_its_name_is_kept(office: Office) -> None:
    async with office.browser(headers={"accept": "text/html"}) as client:
        answer = await wrong(client)
        assert answer.status_code == 401
        assert 'value="lan.nt"' in answer.text
        assert "không đúng" in answer.text
        for _ in range(LOGIN_FREE_TRIES):
            answer = await wrong(client)
        assert "Chờ" in answer.text


async def test_too_many_sign_ins_at_once_are_told_to_come_back(office: Office) -> None:
    async with office.browser() as client:
        names = [f"name-{number}" for number in range(12)]
        answers = await asyncio.gather(*(wrong(client, name) for name in names))
    codes = {answer.json()["code"] for answer in answers}
    assert codes == {"credentials-wrong", "busy"}
