"""The local door, put together: routes, guard, error answers. Wires, and decides nothing."""

from collections.abc import Callable
from typing import Any, Final, cast

from litestar import Litestar
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp, ControllerRouterHandler

from agent.web import (
    api,
    carried,
    documents,
    login,
    management,
    openapi,
    pages,
    problems_page,
    scans,
    sync_page,
)
from agent.web.access import Guard
from agent.web.answers import on_accident, on_http_exception, on_refusal
from agent.web.commands import commands_route
from agent.web.limits import BODY_BYTES_MAX
from agent.web.office import Office
from agent.web.parts import Parts
from agent.web.stream import stream_route
from agent.web.templating import Templates
from wire.problems import Refusal

ROUTES: Final[tuple[ControllerRouterHandler, ...]] = (
    api.healthz,
    api.status,
    api.dossiers,
    api.dossier,
    api.visits,
    api.problems,
    api.devices,
    api.readings,
    api.new_reading,
    api.statistics,
    api.visit_statistics,
    api.fee_statistics,
    api.metrics,
    api.sync_report,
    documents.attach,
    documents.document,
    scans.scans,
    scans.scan,
    scans.discard,
    scans.page,
    scans.page_parts,
    login.login_page,
    login.login,
    login.logout,
    login.session,
    login.language,
    management.sync,
    management.rebuild,
    management.backup,
    management.prove,
    carried.export_message,
    carried.take_answer,
    management.list_users,
    management.add_users,
    management.set_pin,
    management.disable_user,
    openapi.openapi,
    pages.first_page,
    pages.today_parts,
    pages.lobby,
    pages.static,
    pages.favicon,
    sync_page.page,
    sync_page.page_parts,
    sync_page.sync_now,
    sync_page.sticks,
    sync_page.export,
    sync_page.import_,
    problems_page.page,
    problems_page.dossier,
)


def create_web(parts: Parts, keep_alive_s: float | None = None) -> ASGIApp:
    """Return the application that both doors lead into.

    `keep_alive_s`: how often a silent page is told that the agent lives, when not as usual.
    """
    given = {
        "parts": parts,
        "office": Office(parts),
        "templates": Templates(lambda: parts.board.snapshot().name),
        "sign_in": login.SignIn(parts),
    }
    stream = stream_route(parts) if keep_alive_s is None else stream_route(parts, keep_alive_s)
    app = Litestar(
        route_handlers=[*ROUTES, commands_route(parts.service), stream],
        dependencies={
            name: Provide(_giver(value), sync_to_thread=False) for name, value in given.items()
        },
        guards=[Guard(parts.sessions, parts.clock)],
        exception_handlers={
            Refusal: on_refusal,
            HTTPException: on_http_exception,
            Exception: on_accident,
        },
        openapi_config=None,
        logging_config=None,
        request_max_body_size=BODY_BYTES_MAX,
    )
    return cast("ASGIApp", app)


def _giver(value: Any) -> Callable[[], Any]:
    def give() -> Any:
        return value

    return give
