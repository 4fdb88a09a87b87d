"""Enrolment: both sides, every link of the chain from the paper ticket to the device record."""

from hashlib import sha256
from typing import Any

import msgspec
import pytest

from tests.wire.samples import (
    DESK,
    DEVICE,
    DEVICE_SEALING,
    JOURNAL,
    NOW_MS,
    OFFICE,
    PROVINCE,
    PROVINCE_SEALING,
    ROOT,
    STRANGER,
    a_down,
    an_enrolment,
)
from wire import base45, block, chain, enrolment, message, plaintext, statements
from wire.enrolment import DeviceKeys, IssuedTicket
from wire.keys import SealingKey, SigningKey
from wire.problems import Malformed, Refusal
from wire.statements import DeviceRecord, Province, Statement, Ticket

KEYS = DeviceKeys(DEVICE, DEVICE_SEALING)
SECRET = b"\x5e" * 16
PROVINCE_SAYS = Province(
    1,
    "Thành phố Hà Nội",
    ("https://motcua.hanoi.example",),
    PROVINCE.public,
    PROVINCE_SEALING.public,
    0,
    ROOT.public,
)
TICKET_SAYS = Ticket(
    b"\x71" * 8,
    PROVINCE_SAYS.urls,
    ROOT.key_id,
    OFFICE,
    "H26.107",
    "Xã Ứng Hòa",
    SECRET,
    NOW_MS + 1,
)
PROVINCE_COSE = statements.sign(PROVINCE_SAYS, ROOT)
TICKET = statements.sign(TICKET_SAYS, PROVINCE)
CHECKED = enrolment.check_ticket(TICKET, PROVINCE_COSE, NOW_MS)
REQUEST = enrolment.build_request(CHECKED, KEYS, box=bytes(24), journal=JOURNAL, name="máy một cửa")
RECORD_SAYS = DeviceRecord(
    DEVICE.key_id,
    DEVICE.public,
    DEVICE_SEALING.public,
    OFFICE,
    "office",
    (),
    PROVINCE.public,
    DESK,
    1,
    NOW_MS,
)
ISSUED = IssuedTicket(TICKET_SAYS.ticket_id, sha256(SECRET).digest(), NOW_MS + 1)


def changed(statement: Any, **changes: object) -> Any:
    return msgspec.structs.replace(statement, **changes)


def refused_code(work: Any) -> str:
    with pytest.raises(Refusal) as refused:
        work()
    return refused.value.code


# --- root fingerprint -> province.cose -> ticket -----------------------------------------------


def test_a_ticket_is_read_from_its_qr_code_and_from_its_file() -> None:
    text = base45.encode(TICKET)
    assert len(TICKET) < 330
    for ticket in (TICKET, text, f"  {text}\n"):
        assert enrolment.check_ticket(ticket, PROVINCE_COSE, NOW_MS) == CHECKED


def test_a_ticket_expires() -> None:
    late = TICKET_SAYS.expires_ms
    code = refused_code(lambda: enrolment.check_ticket(TICKET, PROVINCE_COSE, late))
    assert code == "ticket-expired"


def test_a_device_whose_clock_is_behind_can_enrol() -> None:
    assert enrolment.check_ticket(TICKET, PROVINCE_COSE, 0) == CHECKED


@pytest.mark.parametrize(
    ("ticket", "province"),
    [
        (statements.sign(TICKET_SAYS, STRANGER), PROVINCE_COSE),
        (statements.sign(TICKET_SAYS, ROOT), PROVINCE_COSE),
        (TICKET, statements.sign(PROVINCE_SAYS, STRANGER)),
        (TICKET, statements.sign(changed(PROVINCE_SAYS, root_key=STRANGER.public), STRANGER)),
        (TICKET, statements.sign(changed(PROVINCE_SAYS, signing_key=STRANGER.public), ROOT)),
        (statements.sign(changed(TICKET_SAYS, root_hash=bytes(32)), PROVINCE), PROVINCE_COSE),
    ],
    ids=[
        "signed by a stranger",
        "signed by the root",
        "province signed by a stranger",
        "province of another root",
        "province with another signing key",
        "ticket for another root",
    ],
)
def test_a_broken_link_is_a_forgery(ticket: bytes, province: bytes) -> None:
    assert refused_code(lambda: enrolment.check_ticket(ticket, province, 0)) == "ticket-forged"


def test_what_is_no_ticket_is_malformed() -> None:
    with pytest.raises(Malformed, match="base45"):
        enrolment.check_ticket("not a ticket", PROVINCE_COSE, 0)
    with pytest.raises(Malformed, match="statement-name"):
        enrolment.check_ticket(PROVINCE_COSE, PROVINCE_COSE, 0)
    with pytest.raises(Malformed, match="statement-name"):
        enrolment.check_ticket(TICKET, TICKET, 0)


# --- the request -------------------------------------------------------------------------------


def opened(request: bytes = REQUEST) -> enrolment.Opened:
    return enrolment.open_request(enrolment.parse_request(request), PROVINCE_SEALING)


def sealed_request(
    plain: plaintext.EnrolmentRequest,
    *,
    sender: SigningKey = DEVICE,
    ticket: bytes | None = TICKET_SAYS.ticket_id,
) -> bytes:
    return message.seal_full(
        plaintext.encode_enrolment(plain),
        sender=sender,
        receiver=PROVINCE_SEALING.public_key,
        direction="up",
        ticket=ticket,
    )


def test_the_province_opens_what_the_device_built() -> None:
    assert enrolment.parse_request(REQUEST).ticket == TICKET_SAYS.ticket_id
    request = opened()
    assert request.device_id == DEVICE.key_id
    assert request.sealing_key == DEVICE_SEALING.public_key
    assert request.request == plaintext.EnrolmentRequest(
        ticket=TICKET_SAYS.ticket_id,
        device=DEVICE.public,
        sealing=DEVICE_SEALING.public,
        box=bytes(24),
        journal=JOURNAL,
        name="máy một cửa",
        secret=SECRET,
    )


def test_a_request_is_small_and_a_large_one_is_refused_unread() -> None:
    assert len(REQUEST) < 3_000
    with pytest.raises(ValueError, match="too large"):
        enrolment.build_request(CHECKED, KEYS, box=bytes(24), journal=JOURNAL, name="x" * 20_000)
    with pytest.raises(Malformed, match="too-large"):
        enrolment.parse_request(sealed_request(an_enrolment(name="x" * 20_000)))


def test_a_request_without_a_ticket_id_outside_is_refused() -> None:
    with pytest.raises(Malformed, match="header-missing"):
        enrolment.parse_request(sealed_request(an_enrolment(), ticket=None))


def test_the_ticket_id_outside_is_the_one_inside() -> None:
    with pytest.raises(Malformed, match="differs: ticket"):
        opened(sealed_request(an_enrolment(), ticket=bytes(8)))


def test_the_sender_holds_the_key_it_names() -> None:
    request = sealed_request(an_enrolment(), sender=STRANGER)
    assert refused_code(lambda: opened(request)) == "signature-wrong"


def test_a_request_for_another_province_is_refused() -> None:
    envelope = enrolment.parse_request(REQUEST)
    code = refused_code(lambda: enrolment.open_request(envelope, SealingKey(bytes(32))))
    assert code == "receiver-unknown"


def test_a_key_nobody_could_seal_to_is_refused() -> None:
    with pytest.raises(Malformed, match="sealing-key"):
        opened(sealed_request(an_enrolment(sealing=b"\xff" * 1216)))


# --- the judgement -----------------------------------------------------------------------------


def test_the_first_request_wins_and_the_same_keys_again_are_the_same_device() -> None:
    assert enrolment.judge_request(opened(), ISSUED, NOW_MS) == "first"
    used = changed(ISSUED, used_by=(DEVICE.public, DEVICE_SEALING.public, JOURNAL))
    assert enrolment.judge_request(opened(), used, NOW_MS) == "again"
    assert enrolment.judge_request(opened(), used, NOW_MS + 10**9) == "again"


@pytest.mark.parametrize(
    ("issued", "code"),
    [
        (changed(ISSUED, secret_sha256=bytes(32)), "ticket-forged"),
        (changed(ISSUED, ticket_id=bytes(8)), "ticket-forged"),
        (changed(ISSUED, expires_ms=NOW_MS), "ticket-expired"),
        (changed(ISSUED, used_by=(STRANGER.public, DEVICE_SEALING.public, JOURNAL)), "ticket-used"),
        (changed(ISSUED, used_by=(DEVICE.public, bytes(1216), JOURNAL)), "ticket-used"),
        (changed(ISSUED, used_by=(DEVICE.public, DEVICE_SEALING.public, bytes(16))), "ticket-used"),
    ],
    ids=[
        "wrong secret",
        "another ticket",
        "expired",
        "another device",
        "another sealing key",
        "another journal",
    ],
)
def test_everybody_else_is_refused(issued: IssuedTicket, code: str) -> None:
    assert refused_code(lambda: enrolment.judge_request(opened(), issued, NOW_MS)) == code


# --- the answer --------------------------------------------------------------------------------

DESK_START = chain.genesis(PROVINCE.key_id, DESK)
DESK_EVENTS = block.pack(1, DESK_START.hash, [b"{}"])


def answer(
    *,
    record: Statement | None = RECORD_SAYS,
    record_key: SigningKey = PROVINCE,
    sender: SigningKey = PROVINCE,
    **changes: object,
) -> bytes:
    members: dict[str, object] = {
        "re": message.request_hash(REQUEST),
        "device": record and statements.sign(record, record_key),
        "pending": True,
        "events": DESK_EVENTS,
        "desk_head": chain.extend(DESK_START, b"{}"),
    }
    return message.seal_full(
        plaintext.encode_down(a_down(**{**members, **changes})),
        sender=sender,
        receiver=DEVICE_SEALING.public_key,
        direction="down",
    )


def accept(data: bytes) -> enrolment.Accepted:
    return enrolment.accept_answer(
        data, request=REQUEST, checked=CHECKED, keys=KEYS, journal=JOURNAL
    )


def test_the_device_accepts_its_record_and_the_first_desk_events() -> None:
    down, record = accept(answer())
    assert record == RECORD_SAYS
    assert down.pending
    assert down.events == DESK_EVENTS


def test_an_answer_may_bring_no_desk_events() -> None:
    assert accept(answer(events=None)).record == RECORD_SAYS


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"re": bytes(32)}, "differs: re"),
        ({"journal": bytes(16)}, "differs: journal"),
        ({"receipt": chain.Head(1, bytes(32))}, "differs: receipt"),
        ({"verdict": "revoked"}, "differs: verdict"),
        ({"desk": bytes(16)}, "differs: desk"),
        ({"record": None}, "member-missing: down.device"),
        ({"record": changed(RECORD_SAYS, office_id=bytes(16))}, "differs: office_id"),
        (
            {"record": changed(RECORD_SAYS, sealing_key=bytes(1216))},
            "differs: sealing_key",
        ),
        (
            {"record": changed(RECORD_SAYS, device_key=STRANGER.public, device_id=STRANGER.key_id)},
            "differs: device_key",
        ),
        ({"record": TICKET_SAYS}, "statement-name: no commune/device/1"),
        ({"events": block.pack(2, DESK_START.hash, [b"{}"])}, "differs: events"),
        ({"events": block.pack(1, bytes(32), [b"{}"])}, "differs: events"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_answer_that_names_anything_else_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(Malformed) as refused:
        accept(answer(**changes))
    assert str(refused.value) == words


def test_an_answer_or_a_record_signed_by_anybody_else_is_refused() -> None:
    assert refused_code(lambda: accept(answer(sender=STRANGER))) == "signature-wrong"
    assert refused_code(lambda: accept(answer(record_key=STRANGER))) == "signature-wrong"


def test_the_own_request_is_no_answer() -> None:
    with pytest.raises(Refusal):
        accept(REQUEST)
