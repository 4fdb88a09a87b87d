"""Programs and people that read from the province, over real sockets."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
from sqlalchemy import event

from server import tokens
from server.context import ServerContext
from tests.server.test_http import served


class Reader:
    """Reads with a token (none: without any proof)."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def json(self, path: str, **params: Any) -> Any:
        """Return the JSON of an address that must answer 200."""
        answer = await self.http.get(path, params=params or None)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def lines(self, path: str, **params: Any) -> list[str]:
        """Return the lines of an NDJSON address."""
        answer = await self.http.get(path, params=params or None)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/x-ndjson"
        return answer.text.split("\n")[:-1]

    async def feed(self, **params: Any) -> list[dict[str, Any]]:
        """Return a page of the feed, read."""
        return [json.loads(line) for line in await self.lines("/v1/events", **params)]

    async def refusal(self, path: str, **params: Any) -> tuple[int, str, list[str]]:
        """Return status, code and paths of the problem document an address answers with."""
        answer = await self.http.get(path, params=params or None)
        document = answer.json()
        assert answer.headers["content-type"] == "application/problem+json", answer.text
        assert document["status"] == answer.status_code
        return answer.status_code, document["code"], [e["path"] for e in document["errors"]]


@contextmanager
def counted(ctx: ServerContext) -> Iterator[list[str]]:
    """Collect the statements that the province's database is given."""
    statements: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_rest: object) -> None:
        if not statement.startswith("BEGIN"):
            statements.append(statement)

    engine = ctx.store.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


@asynccontextmanager
async def reading(ctx: ServerContext, scope: tokens.Scope | None) -> AsyncIterator[Reader]:
    """Serve, and give a reader with a fresh token of `scope`."""
    headers = {}
    if scope is not None:
        text = await tokens.create(ctx, scope=scope, name="reader")
        headers["Authorization"] = f"Bearer {text}"
    async with (
        served(ctx) as door,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{door.port}", headers=headers) as http,
    ):
        yield Reader(http)
