"""TLS on the line: what is called wrong, what is resumed, and handshakes that are cut."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from agent.sync import faults
from agent.sync.http import HttpTransport, Patience, _why_broken
from agent.sync.tls import NO_CHECK_TIME, client_context
from agent.sync.transport import ExchangeError
from tests.agent.sync.province import Loopback, ok
from tests.agent.sync.test_line import fault_of
from tests.chaos.link import Fault, Link


async def test_a_server_that_speaks_no_tls_is_called_so() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        tls = ssl.create_default_context()
        assert await fault_of(HttpTransport(f"https://127.0.0.1:{port}", tls=tls)) is faults.TLS


async def test_a_certificate_of_somebody_else_is_called_so(tmp_path: Path) -> None:
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(self_signed(tmp_path))

    async def never(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        raise AssertionError

    server = await asyncio.start_server(never, "127.0.0.1", 0, ssl=theirs)
    async with server:
        port = server.sockets[0].getsockname()[1]
        tls = ssl.create_default_context()
        assert await fault_of(HttpTransport(f"https://localhost:{port}", tls=tls)) is faults.TLS


def self_signed(folder: Path, day: datetime = datetime(2020, 1, 1, tzinfo=UTC)) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(day)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .not_valid_after(day + timedelta(days=36_500))
        .sign(key, hashes.SHA256())
    )
    file = folder / "other.pem"
    pem = serialization.Encoding.PEM
    private = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    file.write_bytes(key.private_bytes(pem, *private) + certificate.public_bytes(pem))
    return file


@contextlib.asynccontextmanager
async def outdated(folder: Path) -> AsyncIterator[tuple[int, Path]]:
    """A province whose certificate is not valid yet, as a clock in 1970 finds every one."""
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    pem = self_signed(folder, datetime(2090, 1, 1, tzinfo=UTC))
    theirs.load_cert_chain(pem)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(ok(b"answer").replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=theirs)
    async with server:
        yield server.sockets[0].getsockname()[1], pem


@pytest.mark.parametrize("is_right", [True, False])
async def test_a_clock_that_is_wrong_judges_no_dates_of_certificates(
    tmp_path: Path, is_right: bool
) -> None:
    async with outdated(tmp_path) as (port, pem):
        context = client_context(pem, lambda: is_right)
        transport = HttpTransport(f"https://localhost:{port}", tls=context)
        if is_right:
            assert await fault_of(transport) is faults.TLS
        else:
            assert (await transport.post(b"x")).body == b"answer"
            await transport.close()


async def test_dates_are_judged_again_once_the_clock_is_right(tmp_path: Path) -> None:
    answers = iter([False, True])
    async with outdated(tmp_path) as (port, pem):
        context = client_context(pem, lambda: next(answers))
        loose = HttpTransport(f"https://localhost:{port}", tls=context)
        await loose.post(b"x")
        await loose.close()
        assert context.verify_flags & NO_CHECK_TIME
        context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="localhost")
        assert not context.verify_flags & NO_CHECK_TIME


async def test_a_wrong_clock_still_wants_the_right_issuer_and_name(tmp_path: Path) -> None:
    async with outdated(tmp_path) as (port, pem):
        for host, authority in (("localhost", None), ("127.0.0.1", pem)):
            context = client_context(authority, lambda: False)
            transport = HttpTransport(f"https://{host}:{port}", tls=context)
            assert await fault_of(transport) is faults.TLS


async def test_a_second_connection_resumes_the_tls_session(tmp_path: Path) -> None:
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    pem = self_signed(tmp_path)
    theirs.load_cert_chain(pem)
    resumed = []

    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        resumed.append(writer.get_extra_info("ssl_object").session_reused)
        writer.write(ok(b"answer").replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(answer_once, "127.0.0.1", 0, ssl=theirs)
    async with server:
        port = server.sockets[0].getsockname()[1]
        transport = HttpTransport(f"https://localhost:{port}", tls=client_context(pem))
        for _ in range(2):
            assert (await transport.post(b"x")).body == b"answer"
        await transport.close()
    assert resumed == [False, True]


async def test_a_handshake_cut_anywhere_is_a_fault_of_the_line_and_the_next_one_works(
    tmp_path: Path,
) -> None:
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    pem = self_signed(tmp_path)
    theirs.load_cert_chain(pem)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(ok(b"answer"))
            await writer.drain()
            await reader.read()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=theirs)
    async with server:
        with Link(server.sockets[0].getsockname()[1]) as link:
            transport = HttpTransport(f"https://localhost:{link.port}", tls=client_context(pem))
            try:
                # The server's first flight has some 700 bytes: no cut here lets it be whole, so
                # there is no session that a later connection could resume.
                for cut in range(1, 560, 40):
                    link.fail_with(partial(Fault, reply_bytes=cut))
                    with pytest.raises(ExchangeError) as caught:
                        await transport.post(b"x")
                    assert caught.value.fault.of_the_line
                link.heal()
                assert (await transport.post(b"x")).body == b"answer"
            finally:
                await transport.close()


async def test_a_handshake_that_is_never_answered_is_called_late(line: Loopback) -> None:
    patience = Patience(connect_s=0.2, silence_s=0.2, total_s=1.0)
    url = line.url.replace("http:", "https:")
    transport = HttpTransport(url, tls=ssl.create_default_context(), patience=patience)
    assert await fault_of(transport) is faults.LATE


def test_a_tls_failure_in_mid_transfer_is_called_so() -> None:
    error = httpx.ReadError("bad record mac")
    error.__cause__ = ssl.SSLError("bad record mac")
    assert _why_broken(error) is faults.TLS
