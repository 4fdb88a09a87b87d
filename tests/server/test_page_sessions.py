"""Who gets past the door of the province's pages, and how long they stay."""

from __future__ import annotations

import re

import pytest

from server import users
from server.context import ServerContext
from tests.server.browser import PASSWORD, Browser
from tests.server.province import FakeClock


@pytest.mark.parametrize("word", ["disable", "password", "role"])
async def test_who_is_disabled_or_has_a_new_password_is_out_at_the_next_page(
    ctx: ServerContext, signed_in: Browser, word: str
) -> None:
    await signed_in.see("/")
    match word:
        case "disable":
            await users.disable(ctx, "operator")
        case "password":
            await users.set_password(ctx, "operator", "mật khẩu khác hẳn")
        case _:
            await users.add(ctx, name="operator", role="viewer", password=PASSWORD)
    answer = await signed_in.http.get("/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert (await signed_in.sign_in()).status_code == {"disable": 401, "password": 401}.get(
        word, 303
    )
    assert (await signed_in.http.get("/")).status_code == (200 if word == "role" else 303)


async def test_an_old_session_is_not_let_in_by_the_old_password_set_again(
    ctx: ServerContext, signed_in: Browser
) -> None:
    await users.set_password(ctx, "operator", PASSWORD)
    assert (await signed_in.http.get("/")).status_code == 303
    assert (await signed_in.sign_in()).status_code == 303
    assert (await signed_in.http.get("/")).status_code == 200


async def test_nobody_sees_anything_without_signing_in(browser: Browser) -> None:
    for path in ("/", "/offices/H26.107"):
        answer = await browser.http.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    program = await browser.http.get("/", headers={"Accept": "*/*"})
    assert (program.status_code, program.json()["code"]) == (401, "not-signed-in")


async def test_the_cookie_is_for_this_site_alone(browser: Browser) -> None:
    answer = await browser.sign_in()
    cookie = answer.headers["set-cookie"]
    assert re.fullmatch(r"session=[0-9a-f]{64}; Path=/; SameSite=Strict; HttpOnly", cookie)


@pytest.mark.parametrize(("name", "password"), [("operator", "sai"), ("ai đó", PASSWORD)])
async def test_a_wrong_password_and_an_unknown_name_look_alike(
    browser: Browser, name: str, password: str
) -> None:
    answer = await browser.sign_in(name, password)
    assert answer.status_code == 401
    assert "Tên đăng nhập hoặc mật khẩu không đúng." in answer.text
    assert "set-cookie" not in answer.headers


async def test_who_guesses_has_to_wait(browser: Browser, clock: FakeClock) -> None:
    for _ in range(5):
        assert (await browser.sign_in(password="sai")).status_code == 401
    assert (await browser.sign_in()).status_code == 429
    clock.ms += 6_000
    assert (await browser.sign_in()).status_code == 303


async def test_only_so_many_passwords_wait_to_be_checked(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.web.pages.CHECKS_WAITING_MAX", 0)
    answer = await browser.sign_in()
    assert (answer.status_code, "đang bận" in answer.text) == (503, True)


async def test_signing_out_takes_a_token_of_the_page(signed_in: Browser) -> None:
    forged = await signed_in.http.post("/logout", data={"csrf": "0" * 64})
    assert forged.status_code == 403
    page = await signed_in.see("/")
    csrf = re.search(r'name="csrf" value="([0-9a-f]+)"', page)
    assert csrf is not None
    done = await signed_in.http.post("/logout", data={"csrf": csrf[1]})
    assert (done.status_code, done.headers["location"]) == (303, "/login")
    assert (await signed_in.http.get("/")).status_code == 303


async def test_a_session_ends_when_it_is_left_alone(signed_in: Browser, clock: FakeClock) -> None:
    for _ in range(13):
        clock.ms += 3_599_000
        last = await signed_in.http.get("/")
    assert last.status_code == 303  # used all the time, and still over after a working day
    await signed_in.sign_in()
    clock.ms += 3_600_000
    assert (await signed_in.http.get("/")).status_code == 303


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
    ],
)
async def test_pages_of_other_sites_reach_nothing(
    signed_in: Browser, headers: dict[str, str]
) -> None:
    for method, path in (("GET", "/"), ("POST", "/login"), ("POST", "/logout")):
        answer = await signed_in.http.request(method, path, headers=headers)
        assert answer.status_code == 403, (method, path)
    crossed = {"Sec-Fetch-Site": "cross-site"}
    answer = await signed_in.http.post("/login", headers=crossed, data={})
    assert answer.status_code == 403
