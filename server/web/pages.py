"""The pages of the province: sign in, the table of offices, one office. Routes and nothing else."""

from __future__ import annotations

import asyncio
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from litestar import Request, Response, Router, get, post
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect
from msgspec import Struct

from server import offices, users
from server.access import SESSION_COOKIE, session_of
from server.context import ServerContext
from server.rates import Rates, TooOften
from server.refusals import AnyRequest, refused, unrouted_as
from server.web import asking
from server.web.detail import detail
from server.web.overview import (
    PAGES_MAX,
    SORTS,
    STATES,
    WORDS_CHARS_MAX,
    Question,
    overview,
)
from server.web.sessions import Session, Sessions
from server.web.templating import SEALS, page, static_file
from server.web.texts import LANGUAGE_COOKIE, TEXTS, lang_of
from wire.problems import Refusal
from wire.texts import Lang

LANGUAGE_AGE_S: Final = 365 * 86_400
CHECKS_WAITING_MAX: Final = 8  # each check of a password takes 64 MB for a moment, one at a time


class LoginForm(Struct, frozen=True):
    """What the form of /login sends."""

    user: str = ""
    password: str = ""


class SignIn:
    """Checks passwords, one at a time, each name from each address only so often."""

    def __init__(self) -> None:
        self._rates = Rates(burst=5, per_s=0.2)
        self._one_at_a_time = asyncio.Lock()
        self._waiting = 0

    async def person(self, context: ServerContext, form: LoginForm, address: str) -> users.Person:
        """Return who signs in. Raises TooOften, Refusal credentials-wrong or busy."""
        name = form.user.strip()
        self._rates.take(f"{address}\x00{name}".encode("utf-8", "replace"), context.now_ms())
        if self._waiting >= CHECKS_WAITING_MAX:
            raise Refusal("busy")
        self._waiting += 1
        try:
            async with self._one_at_a_time, context.store.read() as conn:
                person = await users.check(conn, name, form.password)
        finally:
            self._waiting -= 1
        if person is None:
            raise Refusal("credentials-wrong")
        return person


@get("/login", opt={"access": "page"})
async def login_page(request: AnyRequest) -> Response[str]:
    """Show the form."""
    return _page(request, "login.html", lang_of(request), user="", message="", session=None)


@post("/login", opt={"access": "page"}, status_code=303)
async def login(request: AnyRequest, data: URLEncodedBody[LoginForm]) -> Response[Any]:
    """Open a session and go to the table of offices, or show the form again."""
    context, lang = _context(request), lang_of(request)
    sign_in: SignIn = request.app.state.sign_in
    address = request.client.host if request.client is not None else ""
    try:
        person = await sign_in.person(context, data, address)
    except Refusal as refusal:
        message = TEXTS[_why(refusal)].pick(lang)
        status = refusal.type.status
        return _page(
            request, "login.html", lang, status, user=data.user, message=message, session=None
        )
    sessions: Sessions = request.app.state.sessions
    token = sessions.open(data.user.strip(), person, context.now_ms())
    return _redirect("/", _cookie(SESSION_COOKIE, token, context, http_only=True))


@post("/logout", status_code=303)
async def logout(request: AnyRequest) -> Response[Any]:
    """End the session."""
    sessions: Sessions = request.app.state.sessions
    sessions.close(request.cookies.get(SESSION_COOKIE, ""))
    gone = _cookie(SESSION_COOKIE, "", _context(request), http_only=True, age_s=0)
    return _redirect("/login", gone)


@get("/language/{chosen:str}", opt={"access": "page"})
async def language(request: AnyRequest, chosen: FromPath[str]) -> Response[Any]:
    """Remember the reader's language in this browser, and go back to where they were."""
    if chosen not in ("vi", "en"):
        raise Refusal("not-found")
    cookie = _cookie(LANGUAGE_COOKIE, chosen, _context(request), age_s=LANGUAGE_AGE_S)
    return _redirect(_came_from(request), cookie)


@get("/")
async def first_page(request: AnyRequest) -> Response[str]:
    """Show the table of all offices."""
    context, lang = _context(request), lang_of(request)
    async with context.store.read() as conn:
        lines = await asking.lines(conn, context)
    question = _question(request)
    shown = overview(lines, question, context.now_ms(), lang)
    return _page(
        request, "offices.html", lang, session=_session(request), shown=shown, question=question
    )


@get("/offices/{office:str}")
async def office_page(request: AnyRequest, office: FromPath[str]) -> Response[str]:
    """Show one office: whether everything is here, and what it rests on."""
    context, lang = _context(request), lang_of(request)
    async with context.store.read() as conn:
        known = await asking.known(conn, context, await offices.named(conn, office))
    shown = detail(known, context.now_ms(), lang)
    return _page(request, "office.html", lang, session=_session(request), shown=shown)


@get("/static/{name:str}", opt={"access": "open"})
async def static(name: FromPath[str]) -> Response[bytes]:
    """Give a file of the pages."""
    return _file(name)


@get("/favicon.ico", opt={"access": "open"})
async def favicon() -> Response[bytes]:
    """Give the icon."""
    return _file("icon.svg")


def on_refusal(request: Request[Any, Any, State], refusal: Refusal) -> Response[Any]:
    """Send a browser to the form, or show it what is wrong; programs get the problem document."""
    if "text/html" not in request.headers.get("accept", ""):
        return refused(request, refusal)
    if refusal.code == "not-signed-in":
        return _redirect("/login")
    lang = lang_of(request)
    document = refusal.document(lang)
    remedy = refusal.type.remedy.pick(lang)
    session = session_of(request, _context(request).now_ms())
    return _page(
        request,
        "refused.html",
        lang,
        document.status,
        session=session,
        document=document,
        remedy=remedy,
    )


def on_unrouted(request: Request[Any, Any, State], error: HTTPException) -> Response[Any]:
    """Show a browser a page too where there is none; programs get the problem document."""
    return on_refusal(request, unrouted_as(error))


ROUTES: Final = [
    Router(
        "/",
        route_handlers=[
            login_page,
            login,
            logout,
            language,
            first_page,
            office_page,
            static,
            favicon,
        ],
        exception_handlers={Refusal: on_refusal},
        include_in_schema=False,
    )
]


def _question(request: AnyRequest) -> Question:
    """Read what is wanted; what cannot be read counts as not asked, as in any search."""
    asked = request.query_params
    sort, state, number = asked.get("sort"), asked.get("state"), asked.get("page", "1")
    return Question(
        words=asked.get("q", "")[:WORDS_CHARS_MAX].strip(),
        state=next((known for known in STATES if known == state), None),
        sort=next((known for known in SORTS if known == sort), "state"),
        backwards=asked.get("down") == "1",
        page=min(max(int(number), 1), PAGES_MAX)
        if number.isascii() and number.isdigit() and len(number) < 6
        else 1,
    )


def _came_from(request: AnyRequest) -> str:
    """Return the page of ours that a link was followed on, the first one when it is not known."""
    parts = urlsplit(request.headers.get("referer", ""))
    ours = parts.netloc == request.headers.get("host", "")
    if not ours or not parts.path.startswith("/") or parts.path.startswith(("//", "/language/")):
        return "/"
    return urlunsplit(("", "", parts.path, parts.query, ""))


def _page(
    request: Request[Any, Any, State], name: str, lang: Lang, status: int = 200, **values: Any
) -> Response[str]:
    """Fill in a template under the province's name."""
    return page(name, lang, status, province=_context(request).keys.name, **values)


def _why(refusal: Refusal) -> str:
    if isinstance(refusal, TooOften):
        return "login.wait"
    return "login.wrong" if refusal.code == "credentials-wrong" else "login.busy"


def _file(name: str) -> Response[bytes]:
    found = static_file(name)
    if found is None:
        raise Refusal("not-found")
    return found


def _redirect(path: str, cookie: str | None = None) -> Response[Any]:
    answer = Redirect(path, status_code=303, headers=dict(SEALS))
    if cookie is not None:
        answer.headers["Set-Cookie"] = cookie
    return answer


def _cookie(
    name: str,
    value: str,
    context: ServerContext,
    *,
    http_only: bool = False,
    age_s: int | None = None,
) -> str:
    parts = [f"{name}={value}", "Path=/", "SameSite=Strict"]
    if age_s is not None:
        parts.append(f"Max-Age={age_s}")
    if http_only:
        parts.append("HttpOnly")
    if context.config.public_url.startswith("https:"):
        parts.append("Secure")
    return "; ".join(parts)


def _context(request: Request[Any, Any, State]) -> ServerContext:
    context: ServerContext = request.app.state.context
    return context


def _session(request: AnyRequest) -> Session:
    session = session_of(request, _context(request).now_ms())
    if session is None:
        raise Refusal("not-signed-in")
    return session
