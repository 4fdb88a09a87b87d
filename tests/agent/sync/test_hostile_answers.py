"""Whatever comes back: only a bound answer moves the delivered mark; status says what it was."""

import asyncio
import secrets
from collections.abc import Callable

import msgspec
import pytest

from agent.sync import store
from tests.agent.sync.conftest import Office, an_up
from tests.agent.sync.province import Loopback, http, ok, problem
from wire import message, plaintext
from wire.chain import Head
from wire.keys import SealingKey, SigningKey
from wire.plaintext import Down

CAPTIVE = ("captive-portal", "captive-portal")
POISONED = (b'{"code":"\xff"}', b'{"x":' + b"[" * 16_000)
"""Problem documents that make a careless reader fall."""
HTML = b"<html><body>Welcome! Please sign in.</body></html>"


async def refused_then_well(office: Office, code: str, line: str) -> None:
    """Nothing is delivered by what was scripted, it is shown and logged; then all goes well."""
    await office.record(3)
    before = office.journal.delivered
    office.delays.wait_ms = 3_600_000
    office.start()
    show = await office.until_shown(code)
    assert show.line == line
    assert office.journal.delivered == before
    assert await office.meta(store.TURN) is None
    assert (await office.log())[-1] == (0, code)
    assert office.syncer is not None
    office.line.always = None
    office.syncer.sync_now()
    await office.until_delivered()
    assert office.province.held == office.journal.head


def claiming(office: Office, body: bytes, receipt: Head) -> Down:
    """An answer to `body` with a receipt of our choice."""
    down = office.province.down(body, an_up(office))
    return msgspec.structs.replace(down, receipt=receipt)


async def test_an_old_genuine_answer_played_again(office: Office, line: Loopback) -> None:
    await office.record(1)
    office.start()
    await office.until_delivered()
    old = ok(office.province.seal(office.province.down(office.province.messages[0], an_up(office))))
    delivered, turn = office.journal.delivered, await office.meta(store.TURN)
    line.scripts.append(old)
    office.delays.wait_ms = 3_600_000
    await office.record(1)
    show = await office.until_shown("answer-foreign")
    assert show.line == "captive-portal"
    assert office.journal.delivered == delivered
    assert await office.meta(store.TURN) == turn


Forge = Callable[[Office, bytes], bytes]


def forged_signature(office: Office, body: bytes) -> bytes:
    return office.province.seal(
        claiming(office, body, office.journal.head), SigningKey(secrets.token_bytes(32))
    )


def one_bit_flipped(office: Office, body: bytes) -> bytes:
    good = bytearray(office.province.seal(claiming(office, body, office.journal.head)))
    good[len(good) // 2] ^= 1
    return bytes(good)


def truncated(office: Office, body: bytes) -> bytes:
    return office.province.seal(claiming(office, body, office.journal.head))[:-7]


def own_request_sent_back(_office: Office, body: bytes) -> bytes:
    return body


def nothing(_office: Office, _body: bytes) -> bytes:
    return b""


def wrong_re(office: Office, _body: bytes) -> bytes:
    return office.province.seal(claiming(office, b"another request", office.journal.head))


def other_journal(office: Office, body: bytes) -> bytes:
    down = claiming(office, body, office.journal.head)
    return office.province.seal(msgspec.structs.replace(down, journal=bytes(16)))


def other_office(office: Office, body: bytes) -> bytes:
    down = claiming(office, body, office.journal.head)
    return office.province.seal(msgspec.structs.replace(down, office=bytes(16)))


def sealed_to_somebody_else(office: Office, body: bytes) -> bytes:
    return message.seal_full(
        plaintext.encode_down(claiming(office, body, office.journal.head)),
        sender=office.province.signing,
        receiver=SealingKey(secrets.token_bytes(32)).public_key,
        direction="down",
    )


def sealed_as_if_it_went_up(office: Office, body: bytes) -> bytes:
    return message.seal_full(
        plaintext.encode_down(claiming(office, body, office.journal.head)),
        sender=office.province.signing,
        receiver=office.province.device_sealing.public_key,
        direction="up",
    )


def not_a_down(office: Office, _body: bytes) -> bytes:
    return message.seal_full(
        b"\xa0",
        sender=office.province.signing,
        receiver=office.province.device_sealing.public_key,
        direction="down",
    )


@pytest.mark.parametrize(
    ("forge", "code", "shown"),
    [
        (forged_signature, "answer-forged", "captive-portal"),
        (one_bit_flipped, "answer-forged", "captive-portal"),
        (truncated, "answer-forged", "captive-portal"),
        (own_request_sent_back, "answer-forged", "captive-portal"),
        (nothing, "answer-forged", "captive-portal"),
        (wrong_re, "answer-foreign", "captive-portal"),
        (other_journal, "answer-foreign", "captive-portal"),
        (other_office, "answer-foreign", "captive-portal"),
        (sealed_to_somebody_else, "answer-foreign", "captive-portal"),
        (sealed_as_if_it_went_up, "answer-foreign", "captive-portal"),
        (not_a_down, "server-error", "online"),
    ],
)
async def test_an_answer_that_is_not_one(
    office: Office, line: Loopback, forge: Forge, code: str, shown: str
) -> None:
    async def script(body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(ok(forge(office, body)))
        await writer.drain()

    line.always = script
    await refused_then_well(office, code, shown)


@pytest.mark.parametrize(
    ("response", "code", "shown"),
    [
        (http("200 OK", HTML, content_type="text/html"), "captive-portal", "captive-portal"),
        (http("200 OK", b""), "captive-portal", "captive-portal"),
        (http("204 No Content"), "captive-portal", "captive-portal"),
        (http("302 Found", location="http://portal/"), "captive-portal", "captive-portal"),
        (http("307 Temporary", location="/v1/exchange"), "captive-portal", "captive-portal"),
        (http("404 Not Found", HTML, content_type="text/html"), "captive-portal", "captive-portal"),
        (http("511 Network Authentication Required"), "captive-portal", "captive-portal"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "captive-portal", "captive-portal"),
        (http("502 Bad Gateway", HTML, content_type="text/html"), "server-error", "online"),
        (problem("500 Internal", "internal"), "server-error", "online"),
        (http("500 Oh", b"{", content_type="application/problem+json"), "server-error", "online"),
        (http("400 Bad", b"{", content_type="application/problem+json"), *CAPTIVE),
        (problem("400 Bad", "message-malformed"), "message-malformed", "online"),
        (problem("401 No", "sender-unknown"), "sender-unknown", "online"),
        (problem("401 No", "signature-wrong"), "signature-wrong", "online"),
        (problem("409 No", "receiver-unknown"), "receiver-unknown", "online"),
        (problem("503 Busy", "busy"), "busy", "online"),
        (http("429 Slow down"), "busy", "online"),
        (problem("403 No", "device-revoked"), "server-error", "online"),
        (
            http("200 OK", b"x", content_type=message.MEDIA_TYPE, content_encoding="gzip"),
            "captive-portal",
            "captive-portal",
        ),
    ],
)
async def test_a_response_that_is_no_message(
    office: Office, line: Loopback, response: bytes, code: str, shown: str
) -> None:
    line.always = response
    await refused_then_well(office, code, shown)


@pytest.mark.parametrize("body", POISONED, ids=["no UTF-8", "too deep"])
@pytest.mark.parametrize(
    ("status", "code", "shown"), [("401 No", *CAPTIVE), ("500 Oh", "server-error", "online")]
)
async def test_a_poisoned_problem_document(
    office: Office, line: Loopback, body: bytes, status: str, code: str, shown: str
) -> None:
    line.always = http(status, body, content_type="application/problem+json")
    await refused_then_well(office, code, shown)


async def test_ten_megabytes_are_read_up_to_the_limit_only(office: Office, line: Loopback) -> None:
    written = [0]

    async def script(_body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(ok(b"")[:-4].replace(b"length: 0", b"length: 10485760") + b"\r\n\r\n")
        for _ in range(160):
            writer.write(bytes(65_536))
            await writer.drain()
            written[0] += 65_536

    line.always = script
    await refused_then_well(office, "answer-forged", "captive-portal")
    [row] = await office.journal.read(
        lambda conn: conn.execute("SELECT bytes_down FROM exchange WHERE ok = 0").fetchall()
    )
    assert 2 << 20 < row[0] < 3 << 20


async def test_a_slow_drip_is_not_waited_for_for_ever(office: Office, line: Loopback) -> None:
    async def script(_body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(ok(bytes(1_000))[:-1_000])
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    line.always = script
    await refused_then_well(office, "line-timeout", "offline")


async def test_silence_is_not_waited_for_for_ever(office: Office, line: Loopback) -> None:
    async def script(_body: bytes, _writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    line.always = script
    await refused_then_well(office, "line-timeout", "offline")


async def test_an_answer_cut_off_in_the_middle(office: Office, line: Loopback) -> None:
    async def script(body: bytes, writer: asyncio.StreamWriter) -> None:
        answer = ok(office.province.answer(body))
        writer.write(answer[: len(answer) // 2])
        await writer.drain()
        raise ConnectionResetError

    line.always = script
    await refused_then_well(office, "line-cut", "offline")
    assert len(office.province.events) == 3
