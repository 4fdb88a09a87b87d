"""Nobody gets in by another page, another name, or without a token; nothing is open by accident."""

import asyncio
import re
from collections.abc import Iterator
from typing import cast

import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute

from agent.web import openapi
from agent.web.app import create_web
from tests.agent.web.office import CHECK_IN, HOSTNAME, TOKEN, Office

OPEN = {
    ("GET", "/"), ("GET", "/login"), ("POST", "/login"), ("GET", "/lobby"), ("GET", "/healthz"),
    ("GET", "/static/agent.css"), ("GET", "/favicon.ico"), ("GET", "/language/en"),
    ("GET", "/sync"), ("GET", "/scans"), ("GET", "/problems"), ("GET", "/dossiers/2026/1/1"),
}  # fmt: skip
SOCKET_ONLY = {
    "/api/sync", "/api/rebuild", "/api/backup", "/api/prove", "/api/users", "/api/carrier",
}  # fmt: skip
FOREIGN = [
    {"host": "evil.example"},
    {"host": "127.0.0.1"},
    {"host": "127.0.0.1:1"},
    {"host": ""},
    {"origin": "http://evil.example"},
    {"origin": "null"},
    {"origin": "http://127.0.0.1:1"},
    {"sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"},
]
RAW = {"/api/commands": "POST", "/api/stream": "GET"}
SAMPLES = {
    "ref": "2026/1/1",
    "name": "agent.css",
    "chosen": "en",
    "stick": "17",
    "document": "b1" * 32,
    "scan": "b2" * 32,
}


def routes(office: Office) -> Iterator[tuple[str, str]]:
    """Every (method, address) of the application, read from the application itself."""
    app = cast("Litestar", create_web(office.parts))
    for route in app.routes:
        address = re.sub(r"\{(\w+):\w+\}", lambda found: SAMPLES[found[1]], route.path)
        if isinstance(route, HTTPRoute):
            for method in route.methods - {"OPTIONS"}:
                # A reference may hold slashes, so what is posted to ends behind it.
                posted = method == "POST" and address == f"/api/dossiers/{SAMPLES['ref']}"
                yield method, f"{address}/documents" if posted else address
        else:
            yield RAW[address], address


def is_socket_only(address: str) -> bool:
    return any(address == start or address.startswith(f"{start}/") for start in SOCKET_ONLY)


async def test_every_route_refuses_a_foreign_host_or_origin(office: Office) -> None:
    async with office.signed_in() as client:
        asked = 0
        for method, address in routes(office):
            for headers in FOREIGN:
                answer = await client.request(method, address, headers=headers)
                assert answer.status_code == 403, (method, address, headers)
                assert answer.json()["code"] == "origin-foreign"
                asked += 1
        assert asked > 200
    assert office.journal.head.seq == 0


async def test_without_a_session_only_what_is_named_open_answers(office: Office) -> None:
    async with office.browser() as client:
        for method, address in routes(office):
            if address == "/api/stream":
                continue
            answer = await client.request(method, address)
            if (method, address) == ("POST", "/login"):
                assert answer.json()["code"] == "credentials-wrong"
            elif (method, address) in OPEN:
                assert answer.status_code != 401, (method, address)
            elif is_socket_only(address):
                assert answer.status_code == 403, (method, address)
            else:
                assert answer.status_code == 401, (method, address)
                assert answer.json()["code"] == "not-signed-in"


async def test_a_forged_session_is_no_session(office: Office) -> None:
    async with office.browser(cookies={"session": "0" * 64}) as client:
        assert (await client.get("/api/status")).status_code == 401


@pytest.mark.parametrize("token", [None, "", "0" * 64])
async def test_every_changing_route_wants_the_token(office: Office, token: str | None) -> None:
    async with office.signed_in() as client:
        del client.headers["x-csrf-token"]
        headers = {} if token is None else {"x-csrf-token": token}
        asked = 0
        for method, address in routes(office):
            changing = method not in {"GET", "HEAD"} and (method, address) not in OPEN
            if not changing or is_socket_only(address):
                continue
            answer = await client.request(method, address, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (403, "csrf"), (method, address)
            asked += 1
        assert asked >= 3
    assert office.journal.head.seq == 0


async def test_management_is_for_the_socket_alone(office: Office) -> None:
    async with office.signed_in() as client, office.through_socket() as socket:
        for method, address in routes(office):
            if is_socket_only(address):
                refused = await client.request(method, address, json={})
                assert refused.json()["code"] == "role-forbidden", (method, address)
        assert (await socket.get("/api/users")).status_code == 200


async def test_the_socket_needs_no_session_and_takes_no_page(office: Office) -> None:
    async with office.through_socket() as client:
        assert (await client.get("/api/status")).status_code == 200
        assert (await client.post("/api/commands", json=CHECK_IN)).json()["ok"] is True
        foreign = await client.get("/api/status", headers={"origin": "http://agent"})
        assert foreign.status_code == 403


async def test_the_names_of_this_machine_are_ours(office: Office) -> None:
    async with office.browser() as client:
        for name in ("127.0.0.1", "localhost", HOSTNAME, HOSTNAME.upper()):
            host = f"{name}:{office.port}"
            same = {"host": host, "origin": f"http://{host}", "sec-fetch-site": "same-origin"}
            assert (await client.get("/healthz", headers=same)).status_code == 200
        linked = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
        assert (await client.get("/login", headers=linked)).status_code == 200


async def test_two_hosts_are_none(office: Office) -> None:
    host = f"Host: 127.0.0.1:{office.port}\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", office.port)
    writer.write(f"GET /healthz HTTP/1.1\r\n{host}{host}\r\n".encode())
    status = await reader.readline()
    writer.close()
    await writer.wait_closed()
    assert status.split()[1] in {b"400", b"403"}


async def test_every_answer_carries_the_headers_that_protect_it(office: Office) -> None:
    async with office.signed_in() as client:
        for address in ("/", "/login", "/api/status", "/nowhere", "/static/today.js"):
            headers = (await client.get(address)).headers
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["x-frame-options"] == "DENY"
            assert "no-store" in headers["cache-control"] or address.startswith("/static")
            assert "server" not in headers
            assert "date" not in headers
        foreign = await client.get("/", headers={"host": "evil.example"})
        assert foreign.headers["x-frame-options"] == "DENY"


async def test_the_sync_report_has_a_token_of_its_own(office: Office) -> None:
    async with office.browser() as client:
        for wrong in ("", "Bearer", f"Basic {TOKEN}", "Bearer x", f"Bearer {TOKEN}x"):
            answer = await client.get("/sync-report", headers={"authorization": wrong})
            assert answer.status_code == 401
        right = await client.get("/sync-report", headers={"authorization": f"Bearer {TOKEN}"})
        assert right.json()["office"] == "H26.107"


async def test_every_route_stands_in_the_schema(office: Office) -> None:
    samples = {f"{{{name}}}": value for name, value in SAMPLES.items()}
    described = set()
    for operation in openapi.OPERATIONS:
        address = operation.path
        for name, value in samples.items():
            address = address.replace(name, value)
        described.add((operation.method.upper(), address))
    assert set(routes(office)) == described


async def test_a_raw_route_answers_its_own_method_only(office: Office) -> None:
    async with office.signed_in() as client:
        for address, method in RAW.items():
            other = "GET" if method == "POST" else "POST"
            answer = await client.request(other, address)
            assert (answer.status_code, answer.json()["code"]) == (405, "method-not-allowed")
            assert answer.headers["allow"] == method
