"""Messages over HTTP (docs/protocol.md section 5), and the art of telling dead lines apart.

- Request headers are Host, Content-Type and Content-Length, nothing else; proxies and settings of
  the environment are not looked at. Head and body leave in one write.
- One connection, kept open for more than an hour. When a kept connection turns out to be dead
  before a byte of answer came, the message is sent once more on a fresh one: repeating a message
  changes nothing (section 1).
- An answer is read up to `MESSAGE_BYTES_MAX` and within `Patience.total_s`, whatever its headers
  say; it is never decompressed and no redirect is followed.
- What a status means is decided here; that none of it moves the delivered mark is decided by
  nobody believing it.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec

from agent.sync import faults
from agent.sync.faults import Fault
from agent.sync.metered import Count, uncounted
from agent.sync.one_write import OneWriteTransport
from agent.sync.tls import client_context
from agent.sync.transport import ExchangeError, Reply
from wire.foreign import read_json
from wire.limits import MESSAGE_BYTES_MAX
from wire.message import MEDIA_TYPE
from wire.problems import Malformed
from wire.succession import STATEMENT_BYTES_MAX

PROBLEM_TYPE = "application/problem+json"
PROBLEM_BYTES_MAX = 16 << 10
"""A problem document has a few hundred bytes; the rest of a long one is not worth the line."""
KEPT_OPEN_S = 4_000
"""More than an hour (section 5): an idle office polls on the connection it has."""
TCP_DEAD_MS = 20_000
"""A peer that acknowledges nothing for this long is gone, even if no reset says so: a kept
connection that a carrier's NAT has forgotten is found out by the first request on it. No keepalive
packets: an idle office would pay for them all day."""
TCP_LAST_HEARD = struct.Struct("52xII")
"""tcpi_last_data_recv and tcpi_last_ack_recv of struct tcp_info (linux/tcp.h), milliseconds."""

BY_PROBLEM_CODE = {
    "sender-unknown": faults.SENDER_UNKNOWN,
    "signature-wrong": faults.SIGNATURE_WRONG,
    "receiver-unknown": faults.RECEIVER_UNKNOWN,
    "session-unknown": faults.SESSION_UNKNOWN,
    "message-malformed": faults.MESSAGE_MALFORMED,
    "too-large": faults.TOO_LARGE,
}
"""What a province may say instead of an answer. It is not signed, so it only makes us wait."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for what, seconds."""

    connect_s: float = 10.0
    silence_s: float = 60.0
    """Longest pause while sending or reading."""
    total_s: float = 240.0
    """Longest exchange: 30 times what one should take."""


class Problem(msgspec.Struct):
    """The one member of a problem document (RFC 9457) that is looked at."""

    code: str = ""


class HttpTransport:
    """Posts messages to one address of the province."""

    def __init__(
        self,
        url: str,
        *,
        tls: ssl.SSLContext | None = None,
        patience: Patience | None = None,
        count: Count = uncounted,
    ) -> None:
        """`count` is told of the bytes that moved on the line."""
        self._url = httpx.URL(url.rstrip("/") + "/v1/exchange")
        self._province = httpx.URL(url.rstrip("/") + "/v1/province")
        self._patience = patience or Patience()
        self._trace = _Trace()
        self._client = httpx.AsyncClient(
            transport=OneWriteTransport(
                tls or client_context(),
                keepalive_s=KEPT_OPEN_S,
                socket_options=_socket_options(),
                count=count,
            ),
            timeout=httpx.Timeout(self._patience.silence_s, connect=self._patience.connect_s),
            follow_redirects=False,
            trust_env=False,
        )

    @property
    def address(self) -> tuple[str, int]:
        """Host and port, for probing."""
        return self._url.host, self._url.port or (443 if self._url.scheme == "https" else 80)

    async def post(self, message: bytes) -> Reply:
        """Post `message`; return a body of the right type with status 200, nothing else.

        Raises:
            ExchangeError: everything else, named.
        """
        try:
            async with asyncio.timeout(self._patience.total_s):
                try:
                    return await self._post(message)
                except StaleConnectionError:
                    return await self._post(message)
        except TimeoutError as error:
            raise ExchangeError(faults.LATE, f"{self._patience.total_s:g} s in all") from error

    async def province(self, n: int) -> bytes:
        """Return what the province says it is now, asked by somebody who holds statement `n`.

        Nothing of it is believed for where it came from; the caller looks at who signed it.

        Raises:
            ExchangeError: everything but a small body with status 200.
        """
        url = self._province.copy_with(params={"n": str(n)})
        request = httpx.Request("GET", url, extensions={"timeout": self._client.timeout.as_dict()})
        try:
            async with asyncio.timeout(self._patience.total_s), _named(_Trace()):
                response = await self._client.send(request, stream=True)
                try:
                    if response.status_code != 200 or "content-encoding" in response.headers:
                        raise ExchangeError(faults.CAPTIVE_PORTAL, f"HTTP {response.status_code}")
                    return await _read_up_to(response, STATEMENT_BYTES_MAX)
                finally:
                    await response.aclose()
        except TimeoutError as error:
            raise ExchangeError(faults.LATE, "GET /v1/province") from error

    def silent_ms(self) -> int:
        """How long the open request has heard nothing, not even an acknowledgement.

        While a connection is being made nothing is heard. A kept connection's silence begins with
        the request: before that there was nothing to hear.
        """
        since_ms = _mono_ms() - self._trace.began_ms
        if self._trace.connecting and not self._trace.connected:
            return since_ms
        return min(since_ms, _last_heard_ms(self._trace.sock))

    async def close(self) -> None:
        """Close the connection."""
        await self._client.aclose()

    async def _post(self, message: bytes) -> Reply:
        self._trace = trace = _Trace(self._trace.sock)
        request = httpx.Request(
            "POST",
            self._url,
            headers=[("Content-Type", MEDIA_TYPE)],
            content=message,
            extensions={"timeout": self._client.timeout.as_dict(), "trace": trace.note},
        )
        async with _named(trace):
            response = await self._client.send(request, stream=True)
            try:
                return await _read(response)
            finally:
                await response.aclose()


class StaleConnectionError(ExchangeError):
    """A kept connection was dead before anything came back."""

    def __init__(self) -> None:
        super().__init__(faults.CUT, "kept connection")


class _Trace:
    """What httpcore tells about one request; `sock` is the kept connection's, if there is one."""

    def __init__(self, sock: socket.socket | None = None) -> None:
        self.began_ms = _mono_ms()
        self.sock = sock
        self.connecting = False
        self.connected = False
        self.answering = False

    async def note(self, event: str, info: Mapping[str, Any]) -> None:
        if event == "connection.connect_tcp.started":
            self.connecting = True
        elif event == "connection.connect_tcp.complete":
            self.connected = True
            self.sock = info["return_value"].get_extra_info("socket")
        elif event == "http11.receive_response_headers.complete":
            self.answering = True


@asynccontextmanager
async def _named(trace: _Trace) -> AsyncIterator[None]:
    """Turn what httpx raises into what it means."""
    try:
        yield
    except httpx.ConnectTimeout as error:
        fault = faults.LATE if trace.connected else faults.OFFLINE
        raise ExchangeError(fault, "connect timeout") from error
    except httpx.ConnectError as error:
        raise ExchangeError(_why_unreachable(error), type(error.__cause__).__name__) from error
    except httpx.TimeoutException as error:
        raise ExchangeError(faults.LATE, type(error).__name__) from error
    except (httpx.NetworkError, httpx.RemoteProtocolError) as error:
        if not trace.connecting and not trace.answering:
            raise StaleConnectionError from error
        raise ExchangeError(_why_broken(error), type(error).__name__) from error


def _causes(error: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__
    return chain


def _why_unreachable(error: httpx.ConnectError) -> Fault:
    causes = _causes(error)
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return faults.TLS
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return faults.DNS
    return faults.OFFLINE


def _why_broken(error: httpx.NetworkError | httpx.RemoteProtocolError) -> Fault:
    if isinstance(error, httpx.RemoteProtocolError) and "disconnected" not in str(error):
        closed_early = "peer closed connection" in str(error)
        return faults.CUT if closed_early else faults.CAPTIVE_PORTAL
    if any(isinstance(cause, ssl.SSLError) for cause in _causes(error)):
        return faults.TLS
    return faults.CUT


async def _read(response: httpx.Response) -> Reply:
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    plain = "content-encoding" not in response.headers
    if response.status_code == 200 and media_type == MEDIA_TYPE and plain:
        return Reply(await _read_up_to(response, MESSAGE_BYTES_MAX))
    raise await _no_answer(response, media_type)


async def _read_up_to(response: httpx.Response, limit: int) -> bytes:
    """Read at most `limit` bytes as they stand on the line.

    Raises:
        ExchangeError: answer-forged, there are more.
    """
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > limit:
            raise ExchangeError(
                faults.ANSWER_FORGED, f"more than {limit} bytes", down_bytes=len(body)
            )
    return bytes(body)


async def _no_answer(response: httpx.Response, media_type: str) -> ExchangeError:
    """Name what came instead of a message."""
    status, code, size = response.status_code, "", 0
    if media_type == PROBLEM_TYPE:
        body = await _read_up_to(response, PROBLEM_BYTES_MAX)
        size, code = len(body), _problem_code(body)
    fault = _by_status(status, code)
    return ExchangeError(
        fault,
        f"HTTP {status} {code or media_type}"[:128],
        retry_after_s=_retry_after_s(response) if fault is faults.BUSY else None,
        down_bytes=size,
    )


def _by_status(status: int, code: str) -> Fault:
    """Return what a status and the code of a problem document mean; "" is no such document."""
    if status == 413:
        return faults.TOO_LARGE
    if status in (429, 503):
        return faults.BUSY
    if code in BY_PROBLEM_CODE:
        return BY_PROBLEM_CODE[code]
    if status == 511 or (status < 500 and not code):
        # 511 is 'Network Authentication Required' (RFC 6585); a province always names its problem.
        return faults.CAPTIVE_PORTAL
    return faults.SERVER_ERROR


def _problem_code(body: bytes) -> str:
    try:
        return read_json(body, Problem).code
    except Malformed:  # anybody on the line may have written it
        return ""


def _retry_after_s(response: httpx.Response) -> int | None:
    """Read Retry-After in seconds (RFC 9110 section 10.2.3); a date is left aside, clocks lie."""
    text = response.headers.get("retry-after", "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _socket_options() -> list[tuple[int, int, int]]:
    options = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
    user_timeout = getattr(socket, "TCP_USER_TIMEOUT", None)
    if user_timeout is not None:
        options.append((socket.IPPROTO_TCP, user_timeout, TCP_DEAD_MS))
    return options


def _mono_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def _last_heard_ms(sock: socket.socket | None) -> int:
    """Return what the kernel knows of the last packet from the far side; 0 where it does not."""
    tcp_info = getattr(socket, "TCP_INFO", None)
    if sock is None or tcp_info is None:
        return 0
    try:
        known = sock.getsockopt(socket.IPPROTO_TCP, tcp_info, TCP_LAST_HEARD.size)
    except OSError:  # closed meanwhile
        return 0
    if len(known) < TCP_LAST_HEARD.size:
        return 0
    data_ms, ack_ms = TCP_LAST_HEARD.unpack(known)
    return min(int(data_ms), int(ack_ms))
