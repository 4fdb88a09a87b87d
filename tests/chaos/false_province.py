"""What may answer in the province's place: hotel portals, old recordings, somebody else's TLS."""

import datetime as dt
import http.client
import ipaddress
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PORTAL: Final = "<!doctype html><title>WiFi</title><p>Vui lòng đăng nhập để dùng Internet".encode()


class Answer(NamedTuple):
    """An HTTP answer."""

    status: int
    media_type: str
    body: bytes
    location: str = ""


LOGIN_PAGE: Final = Answer(200, "text/html; charset=utf-8", PORTAL)
TO_LOGIN_PAGE: Final = Answer(302, "text/html", b"", "http://portal.invalid/login")
Fate = Callable[[bytes], Answer]


class Interposer:
    """An HTTP server between agent and province that passes on, or answers in its place.

    `answer_with` decides what every POST gets from now on, `answer_once` what the next one gets
    while all later ones wait. `recorded` holds each genuine answer that passed, `genuine` it with
    its request, `bodies` every request, oldest first. A context manager.
    """

    def __init__(self, server_port: int) -> None:
        self.recorded: list[Answer] = []
        self.genuine: list[tuple[bytes, Answer]] = []
        self.bodies: list[bytes] = []
        self.asked = threading.Event()
        self._released = threading.Event()
        self._server_port = server_port
        self._fate: Fate = self.pass_on
        interposer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = interposer.decide(body)
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.media_type)
                self.send_header("Content-Length", str(len(answer.body)))
                if answer.location:
                    self.send_header("Location", answer.location)
                self.end_headers()
                self.wfile.write(answer.body)

            def do_GET(self) -> None:
                self.do_POST()

            def log_message(self, *words: object) -> None:
                """Say nothing."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._released.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)

    @property
    def url(self) -> str:
        """Give the address the agent is told."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def answer_with(self, fate: Fate | Answer) -> None:
        """Give every request this answer, or what `fate` makes of its body."""
        self._fate = (lambda _: fate) if isinstance(fate, Answer) else fate
        self.asked.clear()
        self._released.set()

    def answer_once(self, answer: Answer) -> None:
        """Give the next request this answer, and none to those after it until `answer_with`."""
        answers = [answer]
        released = self._released = threading.Event()

        def fate(body: bytes) -> Answer:
            if answers:
                return answers.pop()
            released.wait()
            return self.pass_on(body)

        self._fate = fate
        self.asked.clear()

    def decide(self, body: bytes) -> Answer:
        """Give the answer to one request."""
        self.bodies.append(body)
        answer = self._fate(body)
        self.asked.set()
        return answer

    def pass_on(self, body: bytes) -> Answer:
        """Ask the true province."""
        connection = http.client.HTTPConnection("127.0.0.1", self._server_port, timeout=30)
        try:
            media_type = "application/vnd.commune.exchange+cose"
            connection.request("POST", "/v1/exchange", body, {"Content-Type": media_type})
            got = connection.getresponse()
            answer = Answer(got.status, got.getheader("Content-Type", ""), got.read())
        except OSError:
            return Answer(502, "text/plain", b"")
        finally:
            connection.close()
        self.recorded.append(answer)
        self.genuine.append((body, answer))
        return answer


class Certificate(NamedTuple):
    """Files of a self-signed certificate for 127.0.0.1 and localhost."""

    cert: Path
    key: Path


def make_certificate(folder: Path, name: str) -> Certificate:
    """Make a certificate that is its own root."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    cert = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = Certificate(folder / f"{name}.pem", folder / f"{name}.key")
    files.cert.write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    files.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files


class TlsStranger(Interposer):
    """The login page over TLS, with a certificate nobody vouches for."""

    def __init__(self, certificate: Certificate) -> None:
        super().__init__(0)
        self.answer_with(LOGIN_PAGE)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.cert, certificate.key)
        self._http.socket = context.wrap_socket(self._http.socket, server_side=True)

    @property
    def url(self) -> str:
        """Give the address the agent is told."""
        return super().url.replace("http:", "https:")
