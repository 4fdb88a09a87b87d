"""The two requests a machine makes before it is known: the province's statement, and enrolment.

Nothing that comes back is believed here. Whatever goes wrong is a Refusal of the catalogue: those
with exit code 3 pass when the line does, the others are the province's own answer.
"""

import re
import socket
import ssl
from collections.abc import Sequence
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from msgspec import Struct

from wire.foreign import read_json
from wire.limits import MESSAGE_BYTES_MAX
from wire.message import MEDIA_TYPE
from wire.problems import CATALOGUE, Malformed, Refusal

ANSWER_S_MAX = 30
"""A slow satellite line answers within this; longer is no line."""
EXIT_UNREACHABLE = 3
PROVINCE_TYPE = "application/cose"
PROBLEM_TYPE = "application/problem+json"
BOTH = re.compile(r"[a-z2-7]{10}, [a-z2-7]{10}")
"""Two device10: all that is taken from what a province says in words of its own."""


class Later(Refusal):
    """The province asks to come again after `retry_after_s` seconds."""

    def __init__(self, code: str, retry_after_s: int) -> None:
        super().__init__(code, f"Retry-After: {retry_after_s} s")
        self.retry_after_s = retry_after_s


class Answer(NamedTuple):
    """What came back: status, media type, seconds of Retry-After (None without), body."""

    status: int
    media_type: str
    retry_after_s: int | None
    body: bytes


class _Problem(Struct, frozen=True):
    """What of a problem document is read: our own catalogue has the texts in both languages.

    Of `detail` only the names of the two devices that used one ticket are shown.
    """

    code: str
    detail: str = ""


class ProvinceLine:
    """A line to one province that may be reached at several addresses, tried in order."""

    def __init__(self, urls: Sequence[str], *, ca_file: Path | None = None) -> None:
        """Raise Refusal file-unreadable for `ca_file`, trusted instead of the system's roots."""
        self._urls = tuple(dict.fromkeys(url.rstrip("/") for url in urls))
        try:
            self._trust = ssl.create_default_context(cafile=ca_file)
        except OSError as error:
            raise Refusal("file-unreadable", f"{ca_file}: {error}") from error

    def province(self, wanted: str = "") -> bytes:
        """Return the province's newest statement, or what a query names. Raises Refusal."""
        target = f"/v1/province?{wanted}" if wanted else "/v1/province"
        return self._first("GET", target, None, PROVINCE_TYPE)

    def enrol(self, ticket_id: bytes, request: bytes) -> bytes:
        """Return the answer to an enrolment request. Raises Refusal."""
        target = f"/v1/enrolments?ticket={ticket_id.hex()}"
        return self._first("POST", target, request, MEDIA_TYPE)

    def _first(self, method: str, target: str, body: bytes | None, wanted: str) -> bytes:
        """Ask each address until one of them is a province; raise what the last one met."""
        failure = Refusal("line-down")
        for url in self._urls:
            try:
                return _read(self._ask(url, method, target, body), wanted)
            except Later:
                raise
            except Refusal as refusal:
                if refusal.type.exit != EXIT_UNREACHABLE:
                    raise
                failure = refusal
        raise failure

    def _ask(self, url: str, method: str, target: str, body: bytes | None) -> Answer:
        parts = urlsplit(url)
        headers = {} if body is None else {"Content-Type": MEDIA_TYPE}
        connection: HTTPConnection | None = None
        try:
            connection = self._connection(parts.scheme, parts.hostname or "", parts.port)
            connection.request(method, parts.path.rstrip("/") + target, body, headers)
            answer = connection.getresponse()
            later = answer.headers.get("Retry-After", "")
            return Answer(
                status=answer.status,
                media_type=answer.headers.get_content_type(),
                retry_after_s=int(later) if later.isdecimal() else None,
                body=answer.read(MESSAGE_BYTES_MAX + 1),
            )
        except socket.gaierror as error:
            raise Refusal("dns-failed", url) from error
        except TimeoutError as error:
            raise Refusal("line-timeout", url) from error
        except ssl.SSLError as error:
            raise Refusal("tls-wrong", f"{url}: {error.reason or error}") from error
        except (OSError, HTTPException) as error:
            raise Refusal("line-down", f"{url}: {str(error) or type(error).__name__}") from error
        finally:
            if connection is not None:
                connection.close()

    def _connection(self, scheme: str, host: str, port: int | None) -> HTTPConnection:
        if scheme != "https":
            return HTTPConnection(host, port, timeout=ANSWER_S_MAX)
        return HTTPSConnection(host, port, timeout=ANSWER_S_MAX, context=self._trust)


def _read(answer: Answer, wanted: str) -> bytes:
    """Return the body of a good answer. Raises Refusal, which is Later when that was asked for."""
    if answer.status == 200 and answer.media_type == wanted:
        if len(answer.body) > MESSAGE_BYTES_MAX:
            raise Refusal("answer-foreign")
        return answer.body
    if answer.media_type != PROBLEM_TYPE:
        raise Refusal("server-error" if answer.status >= 500 else "captive-portal")
    try:
        problem = read_json(answer.body, _Problem)
    except Malformed as error:
        raise Refusal("server-error") from error
    code = problem.code if problem.code in CATALOGUE else "server-error"
    if answer.status in (429, 503) and answer.retry_after_s is not None:
        raise Later(code, answer.retry_after_s)
    both = problem.detail if code == "ticket-used" and BOTH.fullmatch(problem.detail) else ""
    raise Refusal(code, both)
