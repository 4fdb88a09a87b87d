"""Scans that wait to be attached: their list, their page, each as it is; attached by a command."""

from typing import Any

from litestar import Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Stream

from agent.documents import pieces
from agent.web.access import caller_of
from agent.web.answers import json_answer
from agent.web.documents import headers_of
from agent.web.parts import Given, Parts
from agent.web.queries import Asked
from agent.web.scan_words import ScanRow, scan_rows
from agent.web.shapes import Done, ScanList
from agent.web.signing import page_session, signed_values
from agent.web.templating import Templates
from agent.web.texts import lang_of
from wire.texts import Lang

AnyRequest = Request[Any, Any, Any]


@get("/api/scans")
async def scans(request: AnyRequest, parts: Given[Parts]) -> Response[bytes]:
    """List the scans that wait to be attached, newest first."""
    Asked(request).done()
    return json_answer(ScanList(await parts.scans.waiting()))


@get("/api/scans/{scan:str}")
async def scan(scan: FromPath[str], parts: Given[Parts]) -> Stream:
    """Give a waiting scan, decrypted while it is read; one that is damaged breaks off."""
    opened = await parts.scans.open(scan)
    media_type = opened.body.media_type
    return Stream(
        pieces(opened), media_type=media_type, headers=headers_of(media_type, opened.body)
    )


@post("/api/scans/{scan:str}/discard", status_code=200)
async def discard(request: AnyRequest, scan: FromPath[str], parts: Given[Parts]) -> Response[bytes]:
    """Remove a scan that belongs to no dossier."""
    await parts.scans.discard(scan, caller_of(request.scope).actor)
    parts.board.touch()
    return json_answer(Done())


@get("/scans", opt={"access": "open"})
async def page(
    request: AnyRequest, parts: Given[Parts], templates: Given[Templates]
) -> Response[Any]:
    """Show the scans that wait, each with a form to attach it, or the way to sign in."""
    caller = page_session(request.scope, parts)
    if caller is None:
        return templates.to_sign_in()
    lang = lang_of(request.scope)
    rows = await _rows(parts, lang)
    return templates.page("scans.html", lang, scans=rows, **signed_values(caller, parts, lang))


@get("/scans/parts", opt={"background": True})
async def page_parts(
    request: AnyRequest, parts: Given[Parts], templates: Given[Templates]
) -> Response[Any]:
    """Return the live parts of the page, for its script."""
    lang = lang_of(request.scope)
    return templates.page("scans_parts.html", lang, scans=await _rows(parts, lang))


async def _rows(parts: Parts, lang: Lang) -> tuple[ScanRow, ...]:
    return scan_rows(await parts.scans.waiting(), parts.clock.now_ms(), lang)
