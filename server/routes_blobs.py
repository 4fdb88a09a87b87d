"""tus 1.0.0 at `/v1/blobs` (docs/protocol.md section 7).

Spoken are the core, creation, creation-with-upload, checksum, expiration and termination.
An upload's address is its blob's, `/v1/blobs/<id in hex>`: a device that forgot everything asks
there how far it is. Bodies are read as they come and never held whole.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from email.utils import formatdate
from typing import Final

from litestar import HttpMethod, Response, route
from litestar.params import FromPath

from server import devices
from server.blobs import grants
from server.blobs.uploads import Checksum, Key, Standing, Uploads
from server.blobs.watching import watched
from server.context import ServerContext
from server.refusals import AnyRequest, refused
from wire.blob import sealed_bytes
from wire.limits import BLOB_PLAIN_BYTES_MAX, HASH_BYTES, UPLOAD_S_MAX
from wire.problems import Refusal

VERSION: Final = "1.0.0"
PLACE: Final = "/v1/blobs"
BODY_TYPE: Final = "application/offset+octet-stream"
ALGORITHMS: Final = ("sha256", "sha1")
EXTENSIONS: Final = "creation,creation-with-upload,checksum,expiration,termination"
RESUMABLE: Final = {"Tus-Resumable": VERSION}
CAPABLE: Final = RESUMABLE | {
    "Tus-Version": VERSION,
    "Tus-Extension": EXTENSIONS,
    "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
    "Tus-Max-Size": str(sealed_bytes(BLOB_PLAIN_BYTES_MAX)),
}
OPEN: Final = {"access": "open"}
DIGITS_MAX: Final = 16

Answer = Response[bytes]


@route(
    PLACE,
    http_method=[HttpMethod.POST, HttpMethod.OPTIONS],
    opt=OPEN,
    include_in_schema=False,
    request_max_body_size=None,
)
async def blobs_route(request: AnyRequest) -> Answer:
    """Say what this server can do; begin an upload, with its first bytes if they are there."""
    if request.method == "OPTIONS":
        return Response(b"", status_code=204, headers=CAPABLE)
    return await _answered(request, lambda: _create(request))


@route(
    f"{PLACE}/{{blob:str}}",
    http_method=[
        HttpMethod.HEAD,
        HttpMethod.PATCH,
        HttpMethod.DELETE,
        HttpMethod.POST,
        HttpMethod.OPTIONS,
    ],
    opt=OPEN,
    include_in_schema=False,
    request_max_body_size=None,
)
async def blob_route(request: AnyRequest, blob: FromPath[str]) -> Answer:
    """Say how far an upload is, add to it, end it."""
    method = str(request.method)
    if method == "POST":  # for clients behind proxies that know no PATCH
        method = request.headers.get("x-http-method-override", "").upper()
    if method == "OPTIONS":
        return Response(b"", status_code=204, headers=CAPABLE)
    steps: Mapping[str, Callable[[AnyRequest, str], Awaitable[Answer]]] = {
        "HEAD": _head,
        "PATCH": _patch,
        "DELETE": _delete,
    }
    if method not in steps:
        return refused(request, Refusal("method-not-allowed"))
    return await _answered(request, lambda: steps[method](request, blob))


ROUTES = [blobs_route, blob_route]


async def _answered(request: AnyRequest, step: Callable[[], Awaitable[Answer]]) -> Answer:
    """Check the version, carry out, and let refusals speak tus too."""
    try:
        if request.headers.get("tus-resumable") != VERSION:
            raise Refusal("tus-version")
        return await step()
    except Refusal as refusal:
        answer = refused(request, refusal)
        answer.headers.update(RESUMABLE)
        if refusal.code == "tus-version":
            answer.headers["Tus-Version"] = VERSION
        return answer


async def _create(request: AnyRequest) -> Answer:
    office_id = await _office(request)
    key = office_id, _metadata_id(request.headers.get("upload-metadata", ""))
    size = _number(request, "upload-length")
    checksum = _checksum(request)
    uploads = _uploads(request)
    await uploads.begin(key, size)
    standing = Standing(0, size)
    if request.headers.get("content-type") == BODY_TYPE:
        async with watched(lambda: _office(request)):
            standing = await uploads.add(key, 0, _body(request), checksum)
    where = {"Location": f"{PLACE}/{key[1].hex()}"}  # relative: no proxy can make it wrong
    return Response(b"", status_code=201, headers=where | _headers(request, standing))


async def _head(request: AnyRequest, blob: str) -> Answer:
    standing = await _uploads(request).standing(await _key(request, blob))
    more = {"Upload-Length": str(standing.size), "Cache-Control": "no-store"}
    return Response(b"", status_code=200, headers=more | _headers(request, standing))


async def _patch(request: AnyRequest, blob: str) -> Answer:
    key = await _key(request, blob)
    if request.headers.get("content-type") != BODY_TYPE:
        raise Refusal("media-type-unknown")
    offset, checksum = _number(request, "upload-offset"), _checksum(request)
    async with watched(lambda: _office(request)):
        standing = await _uploads(request).add(key, offset, _body(request), checksum)
    return Response(b"", status_code=204, headers=_headers(request, standing))


async def _delete(request: AnyRequest, blob: str) -> Answer:
    await _uploads(request).drop(await _key(request, blob))
    return Response(b"", status_code=204, headers=RESUMABLE)


async def _key(request: AnyRequest, blob: str) -> Key:
    return await _office(request), _blob_id(blob)


async def _office(request: AnyRequest) -> bytes:
    """Return the office a grant speaks for. Raises Refusal grant-wrong, device-revoked."""
    context = _context(request)
    grant = grants.read(request.headers.get("authorization"))
    async with context.store.read() as conn:
        device = await devices.find(conn, grant.device_id)
    if device is None:
        raise Refusal("grant-wrong")
    grants.check(grant, context.keys.turn, device.office_id, context.now_ms())
    if device.state != "active":
        raise Refusal("device-revoked" if device.state == "revoked" else "grant-wrong")
    return device.office_id


def _metadata_id(text: str) -> bytes:
    """Return `blob_id` of `Upload-Metadata`. Raises Refusal blob-unknown."""
    pairs = (pair.strip().partition(" ") for pair in text.split(","))
    value = next((value for name, _, value in pairs if name == "blob_id"), "")
    try:
        data = base64.b64decode(value, validate=True)
    except (ValueError, binascii.Error):
        raise Refusal("blob-unknown") from None
    # Clients that only know texts send the id in hex, as the address has it.
    return data if len(data) == HASH_BYTES else _blob_id(data.decode("ascii", "replace"))


def _blob_id(text: str) -> bytes:
    try:
        blob_id = bytes.fromhex(text)
    except ValueError:
        blob_id = b""
    if len(blob_id) != HASH_BYTES:
        raise Refusal("blob-unknown")
    return blob_id


def _number(request: AnyRequest, name: str) -> int:
    text = request.headers.get(name, "")
    if not text.isascii() or not text.isdigit() or len(text) > DIGITS_MAX:
        raise Refusal("message-malformed", name)
    return int(text)


def _checksum(request: AnyRequest) -> Checksum | None:
    text = request.headers.get("upload-checksum")
    if text is None:
        return None
    algorithm, _, value = text.strip().partition(" ")
    try:
        digest = base64.b64decode(value, validate=True)
    except (ValueError, binascii.Error):
        digest = b""
    if algorithm not in ALGORITHMS or not digest:
        raise Refusal("message-malformed", "upload-checksum")
    return Checksum(algorithm, digest)


def _headers(request: AnyRequest, standing: Standing) -> dict[str, str]:
    headers = RESUMABLE | {"Upload-Offset": str(standing.offset)}
    if not standing.whole:
        until_s = _context(request).now_ms() // 1000 + UPLOAD_S_MAX
        headers["Upload-Expires"] = formatdate(until_s, usegmt=True)
    return headers


async def _body(request: AnyRequest) -> AsyncIterator[bytes]:
    async for chunk in request.stream():
        yield chunk


def _context(request: AnyRequest) -> ServerContext:
    context: ServerContext = request.app.state.context
    return context


def _uploads(request: AnyRequest) -> Uploads:
    uploads: Uploads = request.app.state.uploads
    return uploads
