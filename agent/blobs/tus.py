"""The client's half of tus 1.0.0: where an upload is, begin it, add to it.

Every answer is only a hint for what to send next: that the province holds a blob, sync alone says.
"""

from __future__ import annotations

import base64
import hashlib
import ssl
from typing import Final

import httpx

from agent.sync.metered import Count, MeteredTransport, uncounted

VERSION: Final = "1.0.0"
BODY_TYPE: Final = "application/offset+octet-stream"
ANSWER_S: Final = 60.0
CONNECT_S: Final = 10.0
NO_GRANT: Final = frozenset({401, 403})


class UploadCut(Exception):  # noqa: N818 - a state of the line
    """No answer, or none of a tus server: try again later."""


class GrantOver(Exception):  # noqa: N818 - a state of the grant
    """The grant is not good any more."""


class NotAsked(Exception):  # noqa: N818 - the province's word
    """The province does not want this blob, or not so: leave it until it asks again."""


class TusClient:
    """Uploads to one province."""

    def __init__(self, url: str, tls: ssl.SSLContext, count: Count = uncounted) -> None:
        """`count` is told of the bytes that moved on the line."""
        self._place = url.rstrip("/") + "/v1/blobs"
        self._client = httpx.AsyncClient(
            transport=MeteredTransport(tls, count),
            timeout=httpx.Timeout(ANSWER_S, connect=CONNECT_S),
            follow_redirects=False,
            trust_env=False,
            headers={"Tus-Resumable": VERSION},
        )

    async def close(self) -> None:
        """Close the connection."""
        await self._client.aclose()

    async def offset(self, grant: bytes, blob_id: bytes) -> int | None:
        """Return how many bytes the province has, None when the upload was not begun.

        Raises UploadCut, GrantOver, NotAsked.
        """
        answer = await self._ask("HEAD", f"{self._place}/{blob_id.hex()}", grant, {})
        return None if answer.status_code == 404 else _offset(answer)

    async def create(self, grant: bytes, blob_id: bytes, size: int) -> int:
        """Begin an upload; return its offset. Raises UploadCut, GrantOver, NotAsked."""
        name = base64.b64encode(blob_id).decode()
        headers = {"Upload-Length": str(size), "Upload-Metadata": f"blob_id {name}"}
        answer = await self._ask("POST", self._place, grant, headers)
        if answer.status_code == 404:
            raise NotAsked("blob-unknown")
        return _offset(answer)

    async def add(self, grant: bytes, blob_id: bytes, offset: int, data: bytes) -> int:
        """Add bytes; return the new offset. Raises UploadCut, GrantOver, NotAsked."""
        digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
        headers = {
            "Content-Type": BODY_TYPE,
            "Upload-Offset": str(offset),
            "Upload-Checksum": f"sha256 {digest}",
        }
        place = f"{self._place}/{blob_id.hex()}"
        answer = await self._ask("PATCH", place, grant, headers, data)
        if answer.status_code == 404:
            raise UploadCut("upload-unknown")
        return _offset(answer)

    async def _ask(
        self, method: str, url: str, grant: bytes, headers: dict[str, str], data: bytes = b""
    ) -> httpx.Response:
        bearer = base64.urlsafe_b64encode(grant).rstrip(b"=").decode()
        try:
            answer = await self._client.request(
                method, url, headers=headers | {"Authorization": f"Bearer {bearer}"}, content=data
            )
        except httpx.HTTPError as error:
            raise UploadCut(type(error).__name__) from error
        if answer.headers.get("tus-resumable") != VERSION:
            raise UploadCut(f"HTTP {answer.status_code}: no tus server")
        if answer.status_code in NO_GRANT:
            raise GrantOver
        if answer.status_code not in (200, 201, 204, 404):
            raise UploadCut(f"HTTP {answer.status_code}")
        return answer


def _offset(answer: httpx.Response) -> int:
    text = answer.headers.get("upload-offset", "")
    if not text.isascii() or not text.isdigit() or len(text) > 16:
        raise UploadCut("no offset")
    return int(text)
