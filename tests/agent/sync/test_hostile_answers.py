"""Whatever comes back: only a bound answer moves the delivered mark; status says what it was."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable

import msgspec
import pytest

from agent.sync import store
from agent.sync.signals import Held
from tests.agent.sync.conftest import Office, an_up
from tests.agent.sync.province import Loopback, desk_event, http, ok, problem
from wire import message, plaintext
from wire.block import EventsBlock, pack
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


Claim = Callable[[Office], Awaitable[Head]]


async def another_hash(office: Office) -> Head:
    return Head(office.journal.head.seq, bytes(32))


async def above_the_head(office: Office) -> Head:
    return Head(office.journal.head.seq + 1, bytes(32))


@pytest.mark.parametrize(
    ("claim", "code"), [(another_hash, "receipt-wrong"), (above_the_head, "device-restored")]
)
async def test_a_receipt_that_is_not_our_chain_is_shown_and_after_three_times_held(
    office: Office, claim: Claim, code: str
) -> None:
    await office.record(3)
    receipt = await claim(office)
    office.province.change = lambda down: msgspec.structs.replace(
        down, receipt=receipt, statement=None
    )
    office.start()
    assert office.syncer is not None
    syncer = office.syncer
    await office.until(lambda: isinstance(syncer.state, Held))
    assert office.shown[-1].fault is not None
    assert office.shown[-1].fault.code == code
    assert office.journal.delivered.seq == 0
    assert [error for _, error in await office.log()] == [code] * 3


async def test_a_fork_is_shown_and_recording_goes_on(office: Office) -> None:
    await office.record(3)
    office.province.change = lambda down: msgspec.structs.replace(
        down, verdict="fork", receipt=Head(1, bytes(32)), statement=None
    )
    office.start()
    assert office.syncer is not None
    syncer = office.syncer
    await office.until(lambda: isinstance(syncer.state, Held))
    await office.record(2)
    assert office.journal.head.seq == 5
    assert office.journal.delivered.seq == 0
    assert office.shown[-1].fault is not None
    assert office.shown[-1].fault.code == "fork"


async def test_desk_events_that_do_not_follow_are_asked_for_again(office: Office) -> None:
    office.province.desk.append(desk_event(1))
    good = office.province.change

    def wrong_prev(down: Down) -> Down:
        return msgspec.structs.replace(down, events=pack(1, bytes(32), [desk_event(1)]))

    office.province.change = wrong_prev
    await office.record(1)
    office.start()
    await office.until_delivered()
    assert office.journal.desk_head.seq == 0
    office.province.change = good
    await office.record(1)
    await office.until(lambda: office.journal.desk_head.seq == 1)
    assert office.province.ups[-1].cursor.seq == 0


async def test_desk_events_that_cannot_be_read_do_not_spoil_the_receipt(office: Office) -> None:
    garbage = EventsBlock(1, office.province.desk.head.hash, 1, b"not zstd")
    office.province.change = lambda down: msgspec.structs.replace(down, events=garbage)
    await office.record(1)
    office.start()
    await office.until_delivered()
    rows = await office.journal.read(
        lambda conn: conn.execute("SELECT code, detail FROM problem").fetchall()
    )
    assert rows == [("event-malformed", "frame")]


async def test_a_remark_on_a_message_is_gone_with_the_next_answer(office: Office) -> None:
    def remarks(*problems: plaintext.Problem) -> Callable[[Down], Down]:
        return lambda down: msgspec.structs.replace(down, problems=problems)

    async def noted() -> list[tuple[int, str]]:
        query = "SELECT seq, code FROM problem ORDER BY seq"
        return await office.journal.read(lambda conn: conn.execute(query).fetchall())

    said = [plaintext.Problem(0, "office-differs", ""), plaintext.Problem(1, "field-invalid", "")]
    office.province.change = remarks(*said)
    await office.record(1)
    office.start()
    await office.until_delivered()
    assert await noted() == [(0, "office-differs"), (1, "field-invalid")]
    office.province.change = remarks()
    await office.record(1)
    await office.until_delivered()
    assert await noted() == [(1, "field-invalid")]


async def test_retry_after_is_handed_on_and_a_date_is_left_aside(
    office: Office, line: Loopback
) -> None:
    line.scripts.append(problem("503 Busy", "busy", retry_after="7"))
    line.scripts.append(problem("503 Busy", "busy", retry_after="Wed, 21 Oct 2026 07:28:00 GMT"))
    line.scripts.append(problem("429 Busy", "busy", retry_after="9" * 30))
    await office.record(1)
    office.start()
    await office.until_delivered()
    assert office.delays.retry_after_s == [7, None, None]


async def test_too_large_is_split_until_it_fits(office: Office, line: Loopback) -> None:
    await office.record(40, text=secrets.token_hex(2_000))

    async def script(body: bytes, writer: asyncio.StreamWriter) -> None:
        fits = len(body) < 6_000
        writer.write(
            ok(office.province.answer(body)) if fits else problem("413 Large", "too-large")
        )
        await writer.drain()

    line.always = script
    office.start()
    await office.until_delivered()
    assert len(office.province.events) == 40


async def test_an_unknown_sender_introduces_itself_in_the_next_message(
    office: Office, line: Loopback
) -> None:
    line.scripts.append(problem("401 No", "sender-unknown"))
    await office.record(1)
    office.start()
    await office.until_delivered()
    [accepted] = office.province.messages
    record = message.parse_full(accepted).device_record
    assert record is not None
    await office.record(1)
    await office.until_delivered()
    assert message.parse_full(office.province.messages[-1]).device_record is None


async def test_a_lost_answer_doubles_nothing(office: Office, line: Loopback) -> None:
    async def lost(body: bytes, _writer: asyncio.StreamWriter) -> None:
        office.province.answer(body)
        raise ConnectionResetError

    line.scripts.extend([lost, lost, lost])
    await office.record(10)
    office.start()
    await office.until_delivered()
    assert len(office.province.events) == 10
    assert [up.events.first for up in office.province.ups if up.events][:4] == [1, 1, 1, 1]


async def test_a_moved_province_leaves_its_statement_and_is_shown(office: Office) -> None:
    office.province.change = lambda down: msgspec.structs.replace(
        down, verdict="moved", statement=b"province 2"
    )
    await office.record(1)
    office.start()
    show = await office.until_shown("province-moved")
    assert show.line == "moved"
    assert await office.meta(store.SUCCESSOR) == b"province 2"


async def test_a_province_that_answers_but_takes_nothing_is_not_asked_in_a_hot_loop(
    office: Office,
) -> None:
    await office.record(2)
    office.province.change = lambda down: msgspec.structs.replace(
        down, receipt=office.province.genesis, statement=None
    )
    office.delays.wait_ms = 3_600_000
    office.start()
    await office.until_shown("receipt-stuck")
    assert len(office.province.ups) == 1
    assert office.journal.delivered.seq == 0
