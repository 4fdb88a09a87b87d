"""Signing in and out, and the session that a page asks for.

A PIN is checked with Argon2id on a thread: it costs memory and time on purpose, so only a few are
checked at one moment, and a name that failed waits before it may try again (`backoff`).
"""

import asyncio
from collections import Counter
from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect
from msgspec import Struct

from agent.web.access import SESSION_COOKIE, caller_of, session_token
from agent.web.answers import Wait, json_answer, problem_answer
from agent.web.limits import COUNTER_MAX, LOGIN_CHECKS_AN_ADDRESS_MAX, LOGIN_CHECKS_MAX
from agent.web.parts import Given, Parts
from agent.web.shapes import SessionShape
from agent.web.templating import Templates
from agent.web.texts import LANGUAGE_COOKIE, TEXTS, lang_of
from wire.problems import FieldError, Refusal
from wire.texts import Lang

COOKIE_FLAGS: Final = "; Path=/; HttpOnly; SameSite=Strict"
LANGUAGE_AGE_S: Final = 365 * 86400
AnyRequest = Request[Any, Any, Any]


class LoginForm(Struct, frozen=True):
    """What the form of /login sends; `counter`: the number of the counter, empty at none."""

    user: str = ""
    pin: str = ""
    counter: str = ""


FormBody = URLEncodedBody[LoginForm]


class SignIn:
    """Checks names and PINs, a few at one moment."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._checking: Counter[str] = Counter()
        self._one_at_a_time = asyncio.Lock()

    async def open(self, form: LoginForm, address: str = "") -> str:
        """Return the token of a new session, for a browser at `address`.

        Raises Refusal: `rate-limited` (the name has to wait), `credentials-wrong`, `busy`,
        `field-invalid` (no counter has that number).
        """
        parts, name, counter = self._parts, form.user.strip().lower(), counter_of(form.counter)
        self._may_try(name)
        crowded = self._checking.total() >= LOGIN_CHECKS_MAX
        if crowded or self._checking[address] >= LOGIN_CHECKS_AN_ADDRESS_MAX:
            raise Refusal("busy")
        self._checking[address] += 1
        try:
            async with self._one_at_a_time:
                self._may_try(name)  # tries that came together must not all be the one that is due
                user = await parts.users.check(name, form.pin)
                if user is None:
                    parts.backoff.failed(name, parts.clock.mono_ms())
        finally:
            self._checking[address] -= 1
            self._checking += Counter()  # addresses that wait for nothing are forgotten
        now_ms = parts.clock.mono_ms()
        if user is None:
            raise Refusal("credentials-wrong")
        parts.backoff.succeeded(name)
        display = user.display or user.name
        token, _ = parts.sessions.open(user.name, user.role, display, now_ms, counter)
        return token

    def _may_try(self, name: str) -> None:
        if wait_s := self._parts.backoff.wait_s(name, self._parts.clock.mono_ms()):
            raise Wait(wait_s)


@get("/login", opt={"access": "open"})
async def login_page(request: AnyRequest, templates: Given[Templates]) -> Response[str]:
    """Show the form."""
    return templates.page("login.html", lang_of(request.scope), user="", counter="", message="")


@post("/login", opt={"access": "open"}, status_code=303)
async def login(
    request: AnyRequest, data: FormBody, sign_in: Given[SignIn], templates: Given[Templates]
) -> Response[Any]:
    """Open a session and go to the page of today; a browser gets the form again otherwise."""
    lang = lang_of(request.scope)
    try:
        address = request.client.host if request.client is not None else ""
        token = await sign_in.open(data, address)
    except Refusal as refusal:
        if "text/html" not in request.headers.get("accept", ""):
            return problem_answer(refusal, lang)
        message, status = _why(refusal, lang), refusal.type.status
        return templates.page(
            "login.html", lang, status, user=data.user, counter=data.counter, message=message
        )
    answer = Redirect("/", status_code=303)
    answer.headers["set-cookie"] = f"{SESSION_COOKIE}={token}{COOKIE_FLAGS}"
    return answer


@post("/logout", status_code=200)
async def logout(request: AnyRequest, parts: Given[Parts]) -> Response[bytes]:
    """Close the session."""
    token = session_token(request.scope)
    if token is not None:
        parts.sessions.close(token)
    answer = json_answer({"ok": True})
    answer.headers["set-cookie"] = f"{SESSION_COOKIE}=; Max-Age=0{COOKIE_FLAGS}"
    return answer


@get("/api/session")
async def session(request: AnyRequest) -> Response[bytes]:
    """Tell who is signed in, with the token that changing calls need."""
    found = caller_of(request.scope).session
    if found is None:
        return json_answer(SessionShape(None, None, None))
    return json_answer(SessionShape(found.user, found.role, found.csrf, found.counter))


@get("/language/{chosen:str}", opt={"access": "open"})
async def language(chosen: FromPath[str]) -> Response[Any]:
    """Remember the reader's language in this browser."""
    if chosen not in {"vi", "en"}:
        raise Refusal("not-found")
    answer = Redirect("/", status_code=303)
    answer.headers["set-cookie"] = (
        f"{LANGUAGE_COOKIE}={chosen}; Max-Age={LANGUAGE_AGE_S}; Path=/; SameSite=Strict"
    )
    return answer


def counter_of(text: str) -> int | None:
    """Read the number of a counter; None for none. Raises Refusal `field-invalid`."""
    number = text.strip()
    if number in {"", "0"}:
        return None
    if not number.isascii() or not number.isdigit() or len(number) > 2:
        words = TEXTS["field.range"].format(low=0, high=COUNTER_MAX)
        raise Refusal("field-invalid", errors=[FieldError("counter", "field-invalid", words)])
    return int(number)


def _why(refusal: Refusal, lang: Lang) -> str:
    if isinstance(refusal, Wait):
        return TEXTS["login.wait"].format(seconds=refusal.seconds).pick(lang)
    known = {"credentials-wrong": "login.wrong", "field-invalid": "login.counter-wrong"}
    return TEXTS[known.get(refusal.code, "login.busy")].pick(lang)
