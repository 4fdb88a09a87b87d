"""Every door: who may pass, what a refusal looks like, what the doors say of themselves."""

from __future__ import annotations

import json
import os
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Literal

import httpx
import msgspec
import pytest
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from records.desk_events import DESK_BODIES
from records.office_events import OFFICE_BODIES
from server import access, openapi, tokens, users
from server.context import ServerContext
from server.main import create_app
from server.users import Person
from server.web import sessions
from tests.server.province import Device, make_config, new_device
from tests.server.readers import reading
from tests.server.test_http import served

OPEN = {
    ("POST", "/v1/exchange"),
    ("POST", "/v1/enrolments"),
    ("GET", "/v1/province"),
    ("POST", "/v1/blobs"),
    ("POST", "/v1/blobs/{blob:str}"),
    ("PATCH", "/v1/blobs/{blob:str}"),
    ("DELETE", "/v1/blobs/{blob:str}"),
    ("GET", "/healthz"),
    ("GET", "/static/{name:str}"),
    ("GET", "/favicon.ico"),
    ("GET", "/schema/openapi.json"),
}
PAGE = {("GET", "/login"), ("POST", "/login"), ("GET", "/language/{chosen:str}")}


def doors(ctx: ServerContext) -> Iterator[tuple[str, str, HTTPRouteHandler]]:
    """Give method, path and handler of every route of the application."""
    for route in create_app(ctx).routes:
        assert isinstance(route, HTTPRoute), "a raw route would pass the guard by"
        for handler in route.route_handlers:
            for method in handler.http_methods - {"OPTIONS", "HEAD"}:
                yield str(method), route.path, handler


@pytest.fixture
async def stranger(ctx: ServerContext) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        served(ctx) as door,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{door.port}") as http,
    ):
        yield http


@pytest.fixture
async def device(ctx: ServerContext) -> Device:
    return await new_device(ctx)


def filled(path: str) -> str:
    return re.sub(r"\{[^}]+\}", "x", path)


async def test_only_these_doors_stand_open(ctx: ServerContext) -> None:
    by_access: dict[str, set[tuple[str, str]]] = {}
    for method, path, handler in doors(ctx):
        by_access.setdefault(handler.opt.get("access", "session"), set()).add((method, path))
    assert by_access.pop("open") == OPEN
    assert by_access.pop("page") == PAGE
    assert set(by_access) == {"feed", "reports", "any", "session"}


async def test_a_stranger_gets_nowhere_else(
    ctx: ServerContext, stranger: httpx.AsyncClient
) -> None:
    tried = 0
    for method, path, _ in doors(ctx):
        if (method, path) in OPEN | PAGE:
            continue
        answer = await stranger.request(method, filled(path))
        assert (answer.status_code, answer.json()["code"]) == (401, "not-signed-in"), path
        assert answer.headers["content-type"] == "application/problem+json"
        tried += 1
    assert tried >= 10


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer x", "Basic eDp5", "Bearer \u00e9", "bearer  cm_x y"]
)
async def test_what_is_no_token_opens_nothing(stranger: httpx.AsyncClient, header: str) -> None:
    for path in ("/v1/events", "/v1/sync-reports", "/metrics"):
        answer = await stranger.get(path, headers={b"Authorization": header.encode("latin-1")})
        assert answer.status_code == 401
        named = answer.headers.get("www-authenticate")
        assert named == ("Bearer" if path.startswith("/v1/") else None)


@pytest.mark.parametrize(
    ("scope", "statuses"),
    [
        ("feed", {"/v1/events": 200, "/v1/sync-reports": 403, "/metrics": 200, "/": 401}),
        ("reports", {"/v1/events": 403, "/v1/sync-reports": 200, "/metrics": 200, "/": 401}),
        ("admin", {"/v1/events": 200, "/v1/sync-reports": 200, "/metrics": 200, "/": 401}),
    ],
)
async def test_a_token_opens_what_it_is_for(
    ctx: ServerContext, scope: tokens.Scope, statuses: dict[str, int]
) -> None:
    async with reading(ctx, scope) as reader:
        found = {path: (await reader.http.get(path)).status_code for path in statuses}
    assert found == statuses


async def test_an_ended_token_opens_nothing(ctx: ServerContext) -> None:
    async with reading(ctx, "feed") as reader:
        assert (await reader.http.get("/v1/events")).status_code == 200
        await tokens.revoke(ctx, "reader")
        assert (await reader.http.get("/v1/events")).status_code == 401


async def test_every_refusal_is_a_problem_document_in_the_readers_language(
    stranger: httpx.AsyncClient,
) -> None:
    for method, path, code in (
        ("GET", "/v1/nothing", "not-found"),
        ("DELETE", "/v1/events", "method-not-allowed"),
        ("GET", "/v1/events", "not-signed-in"),
    ):
        texts = []
        for lang in ("vi", "en"):
            answer = await stranger.request(method, path, headers={"Accept-Language": lang})
            document = answer.json()
            assert (document["code"], document["status"]) == (code, answer.status_code)
            assert document["type"] == f"urn:commune:problem:{code}"
            texts.append(document["title"])
        assert texts[0] != texts[1]


async def test_an_accident_says_nothing_to_the_outside(
    ctx: ServerContext, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_args: object) -> None:
        raise ZeroDivisionError("Nguyễn Thị Ngọc Hà 001184000017")

    monkeypatch.setattr("server.feed.position", broken)
    async with reading(ctx, "feed") as reader:
        refused = await reader.refusal("/v1/events")
    assert refused == (500, "internal", [])
    logged = capsys.readouterr()
    assert "broken" in logged.out + logged.err
    assert "001184000017" not in logged.out + logged.err


async def test_a_database_that_is_away_is_busy_for_readers_too(
    ctx: ServerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_args: object) -> None:
        raise OSError("disk")

    async with reading(ctx, "feed") as reader:
        monkeypatch.setattr(type(ctx.store), "read", gone)
        assert await reader.refusal("/v1/events") == (503, "busy", [])


async def test_the_schema_names_every_door_and_every_event(ctx: ServerContext) -> None:
    described = {
        (operation.method.upper(), operation.path, operation.access)
        for operation in openapi.OPERATIONS
    }
    served_here = {
        (method, re.sub(r":str\}", "}", path), handler.opt.get("access", "session"))
        for method, path, handler in doors(ctx)
    }
    assert described == served_here
    document = json.loads(openapi.document())
    assert document["x-event-bodies"].keys() == OFFICE_BODIES.keys()
    assert document["x-desk-event-bodies"].keys() == DESK_BODIES.keys()
    wanted = set(re.findall(r'"#/components/schemas/([^"]+)"', openapi.document().decode()))
    assert wanted <= document["components"]["schemas"].keys()
    line = list(document["components"]["schemas"]["FeedLine"]["properties"])
    assert line[-1] == "event"


def described(access: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give path and operation of everything that is read with this access."""
    for path, methods in json.loads(openapi.document())["paths"].items():
        if methods.get("get", {}).get("x-access") == access:
            yield path, methods["get"]


def fitting(schema: dict[str, Any]) -> list[str]:
    """Give values that a parameter of this schema takes, those at its bounds among them."""
    match schema:
        case {"type": "integer", "minimum": low, "maximum": high}:
            return [str(low), str(high)]
        case {"format": "date"}:
            return ["2026-11-20"]
        case {"format": "date-time"}:
            return ["2026-11-20T08:00:00+07:00"]
        case {"type": "array", "items": {"enum": words}}:
            return [*words, ",".join(words)]
    return []


@pytest.mark.parametrize("access", ["feed", "reports"])
async def test_what_the_schema_allows_is_answered_and_what_it_does_not_is_refused(
    ctx: ServerContext, device: Device, access: Literal["feed", "reports"]
) -> None:
    async with reading(ctx, access) as reader:
        for path, operation in described(access):
            address = path.replace("{office}", "H26.107")
            asked = [each for each in operation["parameters"] if each["in"] == "query"]
            dates = [each["name"] for each in asked if each["schema"].get("format") == "date"]
            needed = dict.fromkeys(dates, "2026-11-20")
            for each in asked:
                for value in fitting(each["schema"]):
                    answer = await reader.http.get(address, params=needed | {each["name"]: value})
                    assert answer.status_code == 200, (path, each["name"], value)
                if each["required"]:
                    left = {name: day for name, day in needed.items() if name != each["name"]}
                    assert (await reader.refusal(address, **left))[2] == [each["name"]]
                if each["schema"].get("type") == "integer":
                    for value in (each["schema"]["minimum"] - 1, each["schema"]["maximum"] + 1):
                        params: dict[str, Any] = {each["name"]: value}
                        assert (await reader.refusal(address, **params))[0] == 422
            unknown = await reader.refusal(address, **needed, nobody="1")
            assert unknown[:2] == (422, "field-unknown")


def test_each_operation_has_a_name_of_its_own_and_lines_are_what_a_line_is() -> None:
    document = json.loads(openapi.document())
    operations = [each for methods in document["paths"].values() for each in methods.values()]
    names = [each["operationId"] for each in operations]
    assert len(set(names)) == len(names) == len(openapi.OPERATIONS)
    lines = {
        each["operationId"]: content["application/x-ndjson"]["schema"]["$ref"].split("/")[-1]
        for each in operations
        if "application/x-ndjson" in (content := each["responses"]["200"]["content"])
    }
    assert lines == {
        "events": "FeedLine", "syncReports": "OfficeReport", "syncReportsOfOffice": "OfficeReport",
    }  # fmt: skip
    event = document["components"]["schemas"]["FeedLine"]["properties"]["event"]
    assert event["anyOf"][0] == {"$ref": "#/components/schemas/Event"}


async def test_the_schema_is_served_to_anybody(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.get("/schema/openapi.json")
    assert (answer.status_code, answer.json()["openapi"]) == (200, "3.1.0")


def samples(text: str) -> dict[str, float]:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


async def test_figures_tell_what_is_held_and_how_it_goes(
    ctx: ServerContext, device: Device
) -> None:
    for _ in range(5):
        device.note()
    async with reading(ctx, "reports") as reader:
        for body, status in ((device.seal(device.up(last=3)), 200), (b"", 400)):
            kind = {"Content-Type": "application/vnd.commune.exchange+cose"}
            answer = await reader.http.post("/v1/exchange", content=body, headers=kind)
            assert answer.status_code == status
        answer = await reader.http.get("/metrics")
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")
    found: dict[str, Any] = samples(answer.text)
    assert found["commune_events_held"] == 3
    assert found["commune_backlog_events"] == 2
    assert found['commune_journals{state="fresh"}'] == 1
    assert found['commune_exchanges_total{status="200"}'] == 1
    assert found['commune_exchanges_total{status="400"}'] == 1
    assert found["commune_exchange_seconds_count"] == 2
    assert found['commune_exchange_seconds_bucket{le="+Inf"}'] == 2
    assert found['commune_exchange_bytes_total{way="up"}'] > 0


async def test_figures_name_nobody(ctx: ServerContext, device: Device) -> None:
    await device.sync()
    async with reading(ctx, "reports") as reader:
        text = (await reader.http.get("/metrics")).text
    assert "H26.107" not in text
    assert device.journal.hex() not in text


async def test_a_reader_of_pages_may_look_at_the_figures(
    ctx: ServerContext, stranger: httpx.AsyncClient
) -> None:
    await users.add(ctx, name="op", role="viewer", password="mật khẩu")
    await stranger.post("/login", data={"user": "op", "password": "mật khẩu"})
    assert (await stranger.get("/metrics")).status_code == 200
    foreign = await stranger.get("/metrics", headers={"Host": "evil.example"})
    assert foreign.status_code == 403


async def test_only_a_place_of_its_own_list_reads_on(ctx: ServerContext) -> None:
    async with reading(ctx, "reports") as reader:
        refused = await reader.refusal("/v1/sync-reports", after="zzzz")
    assert refused == (422, "field-invalid", ["after"])


@pytest.mark.parametrize(
    ("listens", "host", "ours"),
    [
        ("127.0.0.1", "tinh.example", True),
        ("127.0.0.1", "tinh.example:8700", False),
        ("127.0.0.1", "localhost:8700", True),
        ("127.0.0.1", "[::1]:8700", True),
        ("127.0.0.1", "127.0.0.1", False),
        ("127.0.0.1", "10.0.0.7:8700", False),
        ("0.0.0.0", "10.0.0.7:8700", True),
        ("0.0.0.0", "evil.example:8700", False),
        ("0.0.0.0", "1.example:8700", False),
        ("127.0.0.1", "", False),
        ("127.0.0.1", "[::1", False),
        ("127.0.0.1", "localhost:port", False),
    ],
)
def test_a_page_answers_to_its_own_names_alone(
    tmp_path: Path, listens: str, host: str, ours: bool
) -> None:
    config = msgspec.structs.replace(
        make_config(tmp_path), host=listens, port=8700, public_url="https://tinh.example"
    )
    assert access.is_ours(host, config) is ours


def test_the_session_left_alone_for_longest_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "SESSIONS_MAX", 2)
    kept = sessions.Sessions(os.urandom)
    viewer = Person("viewer", bytes(32))
    first, second = kept.open("a", viewer, 0), kept.open("b", viewer, 0)
    assert kept.find(first, 1) is not None
    third = kept.open("c", viewer, 2)
    assert [kept.find(token, 3) is not None for token in (first, second, third)] == [
        True,
        False,
        True,
    ]
    assert kept.find("đ", 3) is None


async def test_a_parameter_given_twice_is_refused(ctx: ServerContext) -> None:
    async with reading(ctx, "feed") as reader:
        assert await reader.refusal("/v1/events?limit=1&limit=2") == (
            422,
            "field-invalid",
            ["limit"],
        )
