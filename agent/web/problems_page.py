"""The page of problems, and that of one dossier, where its conflicts are settled."""

from functools import partial
from typing import Any

from litestar import Request, Response, get
from litestar.params import FromPath

from agent.views.lists import dossier_names
from agent.web.dossier_words import dossier_page
from agent.web.office import Office
from agent.web.parts import Given, Parts
from agent.web.problem_words import problem_rows
from agent.web.signing import page_session, signed_values
from agent.web.templating import Templates
from agent.web.texts import lang_of

AnyRequest = Request[Any, Any, Any]


@get("/problems", opt={"access": "open"})
async def page(
    request: AnyRequest, parts: Given[Parts], office: Given[Office], templates: Given[Templates]
) -> Response[Any]:
    """Show every open problem and what to do, or the way to sign in."""
    caller = page_session(request.scope, parts)
    if caller is None:
        return templates.to_sign_in()
    lang = lang_of(request.scope)
    found = await office.problems()
    subjects = {item.subject for item in found.items if item.subject is not None}
    names = await parts.journal.read(partial(dossier_names, ids=subjects))
    rows = problem_rows(found.items, names, lang)
    return templates.page(
        "problems.html", lang, problems=rows, **signed_values(caller, parts, lang)
    )


@get("/dossiers/{ref:path}", opt={"access": "open"})
async def dossier(
    request: AnyRequest,
    ref: FromPath[str],
    parts: Given[Parts],
    office: Given[Office],
    templates: Given[Templates],
) -> Response[Any]:
    """Show one dossier, masked, with its events and conflicts; its id stands in the address."""
    caller = page_session(request.scope, parts)
    if caller is None:
        return templates.to_sign_in()
    lang = lang_of(request.scope)
    found = await office.dossier(ref.lstrip("/"), reveal=False, actor=caller.actor)
    shown = dossier_page(found, parts.clock.now_ms(), lang)
    return templates.page("dossier.html", lang, shown=shown, **signed_values(caller, parts, lang))
