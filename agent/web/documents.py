"""Documents through the local door: sent as a form, encrypted while they come; read back so."""

import asyncio
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, Final
from urllib.parse import quote

from litestar import Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Stream
from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from agent.attaching import sent
from agent.blobs.capture import Capture
from agent.documents import pieces
from agent.result import result_json
from agent.web.access import caller_of
from agent.web.answers import JSON_TYPE
from agent.web.parts import Given, Parts
from agent.web.texts import TEXTS, lang_of
from records.limits import LINE_CHARS_MAX
from records.office_events import DocumentAttached
from records.texts import wrong
from records.validate import check_texts
from wire.problems import FieldError, Refusal

AnyRequest = Request[Any, Any, Any]
FORM_TYPE: Final = "multipart/form-data"
ENDING: Final = "/documents"
WRITE_BYTES: Final = 1 << 20
"""Encrypted and written at once."""
FIELD_BYTES_MAX: Final = 4 * LINE_CHARS_MAX
SEGMENTS_MAX: Final = 8
SHOWN_TYPES: Final = frozenset({"application/pdf", "image/jpeg", "image/png"})
"""What a browser may show beside the page; anything else is kept as a file first."""


@post("/api/dossiers/{ref:path}", request_max_body_size=None, status_code=200)
async def attach(request: AnyRequest, ref: FromPath[str], parts: Given[Parts]) -> Response[bytes]:
    """Attach the `file` of a form to a dossier under its `name`, else under the file's own."""
    if not ref.endswith(ENDING):
        raise Refusal("not-found")
    capture = await parts.documents.begin()
    try:
        form = Form(capture)
        await form.read(request)
        name = form.checked_name
        captured = await parts.documents.known(await asyncio.to_thread(capture.finish))
    finally:
        await asyncio.to_thread(capture.drop)
    key = request.headers.get("idempotency-key")
    dossier = ref.removesuffix(ENDING).lstrip("/")
    submission, files = sent(dossier, name, captured, key)
    actor = caller_of(request.scope).actor
    result = await parts.service.submit_with(submission, files, actor)
    return Response(result_json(result, lang_of(request.scope)), media_type=JSON_TYPE)


@get("/api/documents/{document:str}")
async def document(document: FromPath[str], parts: Given[Parts]) -> Stream:
    """Give a document back, decrypted while it is read; one that is damaged breaks off."""
    opened = await parts.documents.open(document)
    body = opened.body
    return Stream(
        pieces(opened), media_type=body.media_type, headers=headers_of(body.media_type, body)
    )


class Form:
    """Reads one form: its `name`, and its `file`, which goes into the capture as it comes."""

    def __init__(self, capture: Capture) -> None:
        self._capture = capture
        self._held = bytearray()
        self._segment: MultipartSegment | None = None
        self._name = bytearray()
        self._files = 0
        self._filename = ""

    async def read(self, request: AnyRequest) -> None:
        """Read to the end.

        Raises Refusal media-type-unknown, field-missing without a file, field-invalid for another
        form than a form's, and as `Capture.write`.
        """
        kind, options = parse_options_header(request.headers.get("content-type", ""))
        if kind != FORM_TYPE or not options.get("boundary"):
            raise Refusal("media-type-unknown")
        try:
            with PushMultipartParser(
                options["boundary"], max_segment_count=SEGMENTS_MAX, strict=True
            ) as parser:
                async for chunk in request.stream():
                    for event in parser.parse(chunk) if chunk else ():
                        self._take(event)
                    if len(self._held) >= WRITE_BYTES:
                        await self._write()
        except MultipartError as error:
            raise Refusal("field-invalid", str(error)) from None
        if self._files != 1:
            raise Refusal("field-missing", errors=[wrong("file", "missing", "field-missing")])
        await self._write()

    @property
    def checked_name(self) -> str:
        """The document's name. Raises Refusal field-invalid."""
        text = self._name.decode("utf-8", "replace") or PurePath(self._filename).stem
        errors: list[FieldError] = []
        check_texts(text, "name", errors)
        if not text or len(text) > LINE_CHARS_MAX:
            errors.append(FieldError("name", "field-invalid", TEXTS["field.wrong"]))
        if errors:
            raise Refusal(errors[0].code, errors=errors)
        return text

    def _take(self, event: MultipartSegment | bytearray | bytes | None) -> None:
        if event is None:
            self._segment = None
        elif isinstance(event, MultipartSegment):
            self._segment = event
            if event.name == "file":
                self._files += 1
                self._filename = event.filename or ""
        elif self._segment is not None and self._segment.name == "file":
            self._held += event
        elif self._segment is not None and self._segment.name == "name":
            self._name += event
            if len(self._name) > FIELD_BYTES_MAX:
                raise Refusal("too-large")

    async def _write(self) -> None:
        data, self._held = bytes(self._held), bytearray()
        await asyncio.to_thread(self._capture.write, data)


def headers_of(media_type: str, body: DocumentAttached) -> Mapping[str, str]:
    """Nothing in a document may run as a page of ours, whatever it pretends to be."""
    shown = "inline" if media_type in SHOWN_TYPES else "attachment"
    name = quote(body.name, safe="")
    return {
        "content-length": str(body.bytes),
        "content-disposition": f"{shown}; filename*=UTF-8''{name}",
        "x-content-type-options": "nosniff",
        "content-security-policy": "sandbox; default-src 'none'",
        "cache-control": "no-store",
    }
