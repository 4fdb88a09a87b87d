"""The questions of programs and pages, answered as JSON."""

import hmac
from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.params import FromPath, JSONBody

from agent.web import queries
from agent.web.access import caller_of
from agent.web.answers import json_answer
from agent.web.figures import families
from agent.web.limits import SCAN_CHARS_MAX
from agent.web.metrics import OPENMETRICS_TYPE, written
from agent.web.office import Office
from agent.web.parts import Given, Parts
from agent.web.queries import Asked
from agent.web.readings import DEVICE_NAME
from agent.web.shapes import DeviceList, Health, NewReading, ReadingList
from agent.web.texts import TEXTS
from wire.problems import FieldError, Refusal

AnyRequest = Request[Any, Any, Any]
TECHNICIAN: Final = "technician"
_WRONG: Final = TEXTS["field.wrong"]
BEARER: Final = "Bearer "


@get("/healthz", opt={"access": "open"})
async def healthz(parts: Given[Parts]) -> Response[bytes]:
    """Tell that the daemon answers, and whether commands can be recorded."""
    return json_answer(Health(ok=True, ready=parts.board.snapshot().ready))


@get("/api/status")
async def status(parts: Given[Parts]) -> Response[bytes]:
    """Tell how everything is."""
    return json_answer(parts.board.snapshot())


@get("/api/dossiers")
async def dossiers(request: AnyRequest, office: Given[Office]) -> Response[bytes]:
    """List dossiers, newest first, masked; a search for a person's number is recorded."""
    actor = caller_of(request.scope).actor
    return json_answer(await office.dossiers(queries.dossier_query(request), actor=actor))


@get("/api/dossiers/{ref:path}")
async def dossier(
    request: AnyRequest, ref: FromPath[str], office: Given[Office]
) -> Response[bytes]:
    """Show one dossier with its events; `reveal=1` unmasks it and records who looked."""
    asked = Asked(request, "reveal")
    reveal = asked.number("reveal", 0, 0, 1) == 1
    asked.done()
    return json_answer(
        await office.dossier(ref.lstrip("/"), reveal=reveal, actor=caller_of(request.scope).actor)
    )


@get("/api/visits")
async def visits(request: AnyRequest, office: Given[Office]) -> Response[bytes]:
    """List the visits of a day (`on`), newest first; without a day the newest of all.

    Identity numbers go out through the socket only, for reports, and who took them is recorded.
    """
    query, caller = queries.visit_query(request), caller_of(request.scope)
    if query.with_id and not caller.through_socket:
        raise Refusal("role-forbidden", TEXTS["access.socket-only"])
    return json_answer(await office.visits(query, actor=caller.actor))


@get("/api/problems")
async def problems(request: AnyRequest, office: Given[Office]) -> Response[bytes]:
    """List what a person should look at."""
    Asked(request).done()
    return json_answer(await office.problems())


@get("/api/devices")
async def devices(request: AnyRequest, parts: Given[Parts]) -> Response[bytes]:
    """List the devices of the configuration and how they are."""
    Asked(request).done()
    return json_answer(DeviceList(tuple(parts.devices())))


@get("/api/readings", opt={"background": True})
async def readings(request: AnyRequest, parts: Given[Parts]) -> Response[bytes]:
    """List what was read after the reading `after`, newest first, a page at a time."""
    query, counter = queries.reading_query(request), _counter_of(request)
    kept = parts.readings.between(query.newer, query.older, query.device)
    page = kept[: query.limit]
    following = f"{query.newer}-{page[-1].number}" if len(kept) > len(page) else None
    return json_answer(ReadingList(tuple(one.shape(counter) for one in page), following))


@post("/api/readings", status_code=200)
async def new_reading(
    request: AnyRequest, data: JSONBody[NewReading], parts: Given[Parts]
) -> Response[bytes]:
    """Take what a scanner at a counter's own PC has read; the counter is the session's.

    Raises Refusal when it says that it is a device of the configuration, or nothing a device can
    be called.
    """
    configured = {device.name for device in parts.devices()}
    if data.device in configured or not DEVICE_NAME.fullmatch(data.device):
        raise _wrong("device")
    if len(data.text) > SCAN_CHARS_MAX:
        raise _wrong("text")
    counter = _counter_of(request)
    reading = parts.readings.scanned(
        data.text, device=data.device, counter=counter or 0, at_ms=parts.clock.now_ms()
    )
    return json_answer(reading.shape(counter))


def _counter_of(request: AnyRequest) -> int | None:
    """Return the counter that asks, None for whoever may see no card whole."""
    session = caller_of(request.scope).session
    return None if session is None or session.role == TECHNICIAN else session.counter


def _wrong(path: str) -> Refusal:
    return Refusal("field-invalid", errors=[FieldError(path, "field-invalid", _WRONG)])


@get("/api/statistics/dossiers")
async def statistics(request: AnyRequest, office: Given[Office]) -> Response[bytes]:
    """Count the dossiers of a period, both days included."""
    return json_answer(await office.dossier_statistics(queries.period(request)))


@get("/api/statistics/visits")
async def visit_statistics(request: AnyRequest, office: Given[Office]) -> Response[bytes]:
    """Count the visits of a period, both days included."""
    return json_answer(await office.visit_statistics(queries.period(request)))


@get("/api/statistics/fees")
async def fee_statistics(request: AnyRequest, office: Given[Office]) -> Response[bytes]:
    """Count the payments of a period by day, clerk and way, both days included."""
    return json_answer(await office.fee_statistics(queries.period(request)))


@get("/metrics")
async def metrics(parts: Given[Parts]) -> Response[str]:
    """Give the figures of the daemon in OpenMetrics text."""
    return Response(written(families(parts.board.snapshot())), media_type=OPENMETRICS_TYPE)


@get("/sync-report", opt={"access": "bearer"})
async def sync_report(request: AnyRequest, parts: Given[Parts]) -> Response[bytes]:
    """Give the sync report to who holds its token; through the socket to everybody it lets in."""
    given = request.headers.get("authorization", "")
    token = parts.report_token()
    if not caller_of(request.scope).through_socket:
        right = token is not None and given.startswith(BEARER)
        if not right or not hmac.compare_digest(
            given.removeprefix(BEARER).encode(), (token or "").encode()
        ):
            raise Refusal("not-signed-in")
    return json_answer(await parts.sync_report())
