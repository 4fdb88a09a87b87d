"""The pages: sign-in, today, and the lobby; plain HTML that works before its script has loaded."""

from typing import Any, Final

from litestar import Request, Response, get
from litestar.params import FromPath
from litestar.response import Redirect

from agent.web.office import Office
from agent.web.parts import Given, Parts
from agent.web.signing import page_session, signed_values
from agent.web.templating import STATIC, Templates
from agent.web.texts import lang_of
from agent.web.today import Today, today
from wire.problems import Refusal
from wire.texts import Lang

LATEST_ROWS: Final = 10
STATIC_AGE: Final = "public, max-age=86400"
AnyRequest = Request[Any, Any, Any]


@get("/", opt={"access": "open"})
async def first_page(
    request: AnyRequest, parts: Given[Parts], office: Given[Office], templates: Given[Templates]
) -> Response[Any]:
    """Show the page of today, or the way to sign in."""
    caller = page_session(request.scope, parts)
    if caller is None:
        return templates.to_sign_in()
    lang = lang_of(request.scope)
    shown = await _shown(office, parts, lang)
    return templates.page(
        "today.html", lang, **signed_values(caller, parts, lang), **_values(shown)
    )


@get("/today", opt={"background": True})
async def today_parts(
    request: AnyRequest, parts: Given[Parts], office: Given[Office], templates: Given[Templates]
) -> Response[Any]:
    """Return the live parts of the page of today, for its script."""
    lang = lang_of(request.scope)
    shown = await _shown(office, parts, lang)
    return templates.page("today_parts.html", lang, **_values(shown))


@get("/lobby", opt={"access": "open"})
async def lobby(
    request: AnyRequest, parts: Given[Parts], templates: Given[Templates]
) -> Response[Any]:
    """Show the screen of the waiting room: counts, and nobody's name."""
    inside = parts.board.snapshot().today.inside
    return templates.page("lobby.html", lang_of(request.scope), inside=inside)


@get("/static/{name:str}", opt={"access": "open"})
async def static(name: FromPath[str], templates: Given[Templates]) -> Response[bytes]:
    """Serve one of the pages' own files."""
    content = templates.files.get(name)
    if content is None:
        raise Refusal("not-found")
    return Response(content, media_type=STATIC[name], headers={"cache-control": STATIC_AGE})


@get("/favicon.ico", opt={"access": "open"})
async def favicon() -> Response[Any]:
    """Show browsers that ask by themselves where the icon is."""
    return Redirect("/static/icon.svg", status_code=301)


async def _shown(office: Office, parts: Parts, lang: Lang) -> Today:
    latest = await office.latest(LATEST_ROWS)
    return today(parts.board.snapshot(), latest, parts.clock.now_ms(), lang)


def _values(shown: Today) -> dict[str, Any]:
    return {
        "line": shown.line,
        "warnings": shown.warnings,
        "problems": shown.problems,
        "more_problems": shown.more_problems,
        "tiles": shown.tiles,
        "waiting": shown.waiting,
        "dossiers": shown.dossiers,
        "visits": shown.visits,
        "orders": shown.orders,
        "notices": shown.notices,
    }
