"""Answers that are not pages: JSON of the project's shapes, and problem documents (RFC 9457)."""

import logging
from typing import Any, Final

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import Send

from agent.web.texts import lang_of
from wire.problems import FieldError, Refusal
from wire.texts import Lang, Text

PROBLEM_TYPE: Final = "application/problem+json"
JSON_TYPE: Final = "application/json"
RETRY_AFTER: Final = "retry-after"

_encoder = msgspec.json.Encoder()
_log = logging.getLogger("agent.web")
_CODES: Final = {
    404: "not-found",
    405: "method-not-allowed",
    413: "too-large",
    415: "media-type-unknown",
    503: "busy",
}


class Wait(Refusal):
    """`rate-limited`, with the seconds after which it is worth trying again."""

    def __init__(self, seconds: int) -> None:
        super().__init__(
            "rate-limited", Text(f"Hãy chờ {seconds} giây rồi thử lại.", f"Wait {seconds} s.")
        )
        self.seconds = seconds


def problem_bytes(refusal: Refusal, lang: Lang) -> tuple[int, bytes]:
    """Return the status and the encoded problem document of a refusal."""
    document = refusal.document(lang)
    return document.status, _encoder.encode(document)


def json_answer(value: Any, status: int = 200) -> Response[bytes]:
    """Return a JSON answer from a Struct, or from plain values."""
    return Response(_encoder.encode(value), status_code=status, media_type=JSON_TYPE)


def problem_answer(refusal: Refusal, lang: Lang) -> Response[bytes]:
    """Return the problem document of a refusal as an answer."""
    status, body = problem_bytes(refusal, lang)
    headers: dict[str, str] = {"content-language": lang}
    if isinstance(refusal, Wait):
        headers[RETRY_AFTER] = str(refusal.seconds)
    return Response(body, status_code=status, media_type=PROBLEM_TYPE, headers=headers)


async def send_problem(refusal: Refusal, lang: Lang, send: Send) -> None:
    """Send a problem document from a raw ASGI application, and take no more of the request."""
    status, body = problem_bytes(refusal, lang)
    headers = [
        (b"content-type", PROBLEM_TYPE.encode()),
        (b"content-language", lang.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def on_refusal(request: Request[Any, Any, Any], refusal: Refusal) -> Response[bytes]:
    """Turn a Refusal that a route raised into its answer."""
    return problem_answer(refusal, lang_of(request.scope))


def on_http_exception(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """Turn the framework's exceptions (no such route, a wrong parameter …) into ours."""
    refusal = Refusal(_CODES.get(error.status_code, "field-invalid"), errors=_wrong_fields(error))
    answer = problem_answer(refusal, lang_of(request.scope))
    if error.headers and "allow" in {name.lower() for name in error.headers}:
        answer.headers.update(error.headers)
    return answer


def on_accident(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer 500 without a word of the accident, which goes to the log with its trace."""
    _log.error("accident while answering %s", request.scope["path"], exc_info=error)
    return problem_answer(Refusal("internal"), lang_of(request.scope))


def _wrong_fields(error: HTTPException) -> list[FieldError]:
    """Read the paths out of the framework's list of wrong parameters."""
    wrong = error.extra if isinstance(error.extra, list) else []
    return [
        FieldError(
            str(item["key"]),
            "field-invalid",
            Text("giá trị không hợp lệ", str(item.get("message", "invalid"))),
        )
        for item in wrong
        if isinstance(item, dict) and "key" in item
    ]
