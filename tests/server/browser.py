"""A person at a browser, for the stories of the province's pages."""

from __future__ import annotations

import httpx

PASSWORD = "mật khẩu đủ dài"


HTML = {"Accept": "text/html,application/xhtml+xml"}


class Browser:
    """A person at a browser: follows nothing by itself, keeps cookies."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def see(self, path: str, **params: str | int) -> str:
        """Return a page that must be there."""
        answer = await self.http.get(path, params=params or None)
        assert answer.status_code == 200, answer.text
        return answer.text

    async def sign_in(self, name: str = "operator", password: str = PASSWORD) -> httpx.Response:
        return await self.http.post("/login", data={"user": name, "password": password})
