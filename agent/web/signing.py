"""Whom a page is shown to, and what every page of theirs says about them."""

from dataclasses import dataclass
from typing import Any

from litestar.types import Scope

from agent.confirmed import SUPERVISOR
from agent.web.access import Caller, caller_of, find_session
from agent.web.parts import Parts
from agent.web.texts import TEXTS, written_time
from records.moment import local
from wire.texts import Lang


@dataclass(frozen=True, slots=True)
class ClockWords:
    """A clock that is not trusted: what it shows, and whether this user may confirm it."""

    sentence: str
    now: str
    shown: str
    may_confirm: bool


def page_session(scope: Scope, parts: Parts) -> Caller | None:
    """Return who opens a page; None when they have to sign in first."""
    caller = caller_of(scope)
    if caller.through_socket:
        return caller
    session = find_session(scope, parts.sessions, parts.clock.mono_ms(), use=True)
    return None if session is None else Caller(False, session)


def signed_values(caller: Caller, parts: Parts, lang: Lang) -> dict[str, Any]:
    """Return what stands on every page of a signed-in user: who they are, and a clock in doubt."""
    session = caller.session
    clock = _clock_words(caller, parts, lang)
    if session is None:
        return {"display": "", "role": "", "csrf": "", "clock": clock}
    role = TEXTS[f"role.{session.role}"].pick(lang)
    return {"display": session.display, "role": role, "csrf": session.csrf, "clock": clock}


def _clock_words(caller: Caller, parts: Parts, lang: Lang) -> ClockWords | None:
    """Say that the clock is in doubt, and to a supervisor how to confirm it."""
    state = parts.clock.state()
    if state == "trusted":
        return None
    now = local(parts.clock.now_ms()).isoformat()
    session = caller.session
    return ClockWords(
        sentence=TEXTS[f"clock.{state}"].pick(lang),
        now=now,
        shown=TEXTS["clock.shows"].format(time=written_time(now)).pick(lang),
        may_confirm=session is not None and session.role == SUPERVISOR,
    )
