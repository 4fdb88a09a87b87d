"""Whom a page is shown to, and what every page of theirs says about them."""

from typing import Any

from litestar.types import Scope

from agent.web.access import Caller, caller_of, find_session
from agent.web.parts import Parts
from agent.web.texts import TEXTS
from wire.texts import Lang


def page_session(scope: Scope, parts: Parts) -> Caller | None:
    """Return who opens a page; None when they have to sign in first."""
    caller = caller_of(scope)
    if caller.through_socket:
        return caller
    session = find_session(scope, parts.sessions, parts.clock.mono_ms(), use=True)
    return None if session is None else Caller(False, session)


def signed_values(caller: Caller, lang: Lang) -> dict[str, Any]:
    """Return the name, the role and the token that stand on a page of a signed-in user."""
    session = caller.session
    if session is None:
        return {"display": "", "role": "", "csrf": ""}
    role = TEXTS[f"role.{session.role}"].pick(lang)
    return {"display": session.display, "role": role, "csrf": session.csrf}
