"""The page of the line to the province, and what its buttons do."""

from functools import partial
from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.params import FromPath

from agent.views.exchanges import hours
from agent.web.answers import json_answer
from agent.web.office import Office
from agent.web.parts import Given, Parts
from agent.web.shapes import Done, StickList
from agent.web.signing import page_session, signed_values
from agent.web.sync_words import SyncPage, sync_page
from agent.web.templating import Templates
from agent.web.texts import lang_of
from wire.texts import Lang

HOURS_SHOWN: Final = 12
AnyRequest = Request[Any, Any, Any]


@get("/sync", opt={"access": "open"})
async def page(
    request: AnyRequest, parts: Given[Parts], office: Given[Office], templates: Given[Templates]
) -> Response[Any]:
    """Show how the line is and what is missing, or the way to sign in."""
    caller = page_session(request.scope, parts)
    if caller is None:
        return templates.to_sign_in()
    lang = lang_of(request.scope)
    shown = await _shown(office, parts, lang)
    return templates.page("sync.html", lang, shown=shown, **signed_values(caller, parts, lang))


@get("/sync/parts", opt={"background": True})
async def page_parts(
    request: AnyRequest, parts: Given[Parts], office: Given[Office], templates: Given[Templates]
) -> Response[Any]:
    """Return the live parts of the page, for its script."""
    lang = lang_of(request.scope)
    return templates.page("sync_parts.html", lang, shown=await _shown(office, parts, lang))


@post("/api/sync-now", status_code=200)
async def sync_now(parts: Given[Parts]) -> Response[bytes]:
    """Try the line at once, also after sending was stopped; does not wait for the outcome."""
    parts.sync_now()
    return json_answer(Done())


@get("/api/sticks")
async def sticks(parts: Given[Parts]) -> Response[bytes]:
    """List the sticks that are plugged into the machine."""
    return json_answer(StickList(await parts.sticks.listed()))


@post("/api/sticks/{stick:str}/export", status_code=200)
async def export(stick: FromPath[str], parts: Given[Parts]) -> Response[bytes]:
    """Put everything that waits onto a stick."""
    return json_answer(await parts.sticks.export(stick))


@post("/api/sticks/{stick:str}/import", status_code=200)
async def import_(stick: FromPath[str], parts: Given[Parts]) -> Response[bytes]:
    """Take the province's answers from a stick."""
    moved = await parts.sticks.import_(stick)
    parts.board.touch()
    return json_answer(moved)


async def _shown(office: Office, parts: Parts, lang: Lang) -> SyncPage:
    now_ms = parts.clock.now_ms()
    latest = await office.latest(1)
    log = await parts.journal.read(partial(hours, now_ms=now_ms, count=HOURS_SHOWN))
    plugged = await parts.sticks.listed()
    return sync_page(parts.board.snapshot(), latest.waiting, log, plugged, now_ms, lang)
