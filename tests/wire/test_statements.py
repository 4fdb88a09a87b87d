"""Statements: read as what they were signed for, by whom, and as nothing else."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.wire.samples import DEVICE, DEVICE_SEALING, PROVINCE, ROOT, hashes, ids, turns, uints
from wire import cbor, cose, statements
from wire.keys import SigningKey, VerifyKey
from wire.problems import Malformed, Refusal
from wire.statements import (
    DeviceRecord,
    HeadStatement,
    Province,
    Receipt,
    ReportStatement,
    Revoked,
    Statement,
    Ticket,
)

urls = st.lists(st.text(max_size=20), max_size=3).map(tuple)
seeds = st.binary(min_size=32, max_size=32)
KINDS: dict[type[Statement], st.SearchStrategy[Statement]] = {
    Receipt: st.builds(Receipt, hashes, ids, uints, hashes, ids, uints, hashes, uints),
    HeadStatement: st.builds(HeadStatement, ids, uints, hashes),
    DeviceRecord: st.builds(
        DeviceRecord,
        st.just(DEVICE.key_id),
        st.just(DEVICE.public),
        st.binary(min_size=1216, max_size=1216),
        ids,
        st.text(max_size=9),
        st.lists(hashes, max_size=2).map(tuple),
        hashes,
        ids,
        uints,
        uints,
    ),
    Ticket: st.builds(
        Ticket, turns, urls, hashes, ids, st.text(max_size=9), st.text(max_size=9), ids, uints
    ),
    Province: st.builds(
        Province,
        uints,
        st.text(max_size=9),
        urls,
        hashes,
        st.binary(min_size=1216, max_size=1216),
        uints,
        hashes,
    ),
    Revoked: st.builds(Revoked, hashes, uints, uints),
    ReportStatement: st.builds(ReportStatement, hashes, uints),
}
RECEIPT = Receipt(bytes(32), bytes(16), 7, bytes(32), bytes(16), 3, bytes(32), 1_795_250_000_000)
SIGNED = statements.sign(RECEIPT, PROVINCE)


@given(st.one_of(*KINDS.values()), seeds)
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_every_statement_comes_back(statement: Statement, seed: bytes) -> None:
    key = SigningKey(seed)
    data = statements.sign(statement, key)
    assert statements.verify(data, type(statement), key.verify_key) == statement
    assert statements.read_unverified(data, type(statement)) == statement
    assert statements.read_kid(data) == key.key_id[:8]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.NAME)
def test_a_verifier_refuses_every_other_name(kind: type[Statement]) -> None:
    if kind is Receipt:
        assert statements.verify(SIGNED, kind, PROVINCE.verify_key) == RECEIPT
        return
    with pytest.raises(Malformed, match="statement-name"):
        statements.verify(SIGNED, kind, PROVINCE.verify_key)


def test_the_bytes_are_those_of_the_page() -> None:
    header = cbor.encode({1: -19, 4: PROVINCE.key_id[:8]})
    payload = cbor.encode(
        [
            "commune/receipt/1",
            bytes(32),
            bytes(16),
            7,
            bytes(32),
            bytes(16),
            3,
            bytes(32),
            1_795_250_000_000,
        ]
    )
    signature = PROVINCE.sign(cbor.encode(["Signature1", header, b"", payload]))
    assert b"\xd2" + cbor.encode([header, {}, payload, signature]) == SIGNED


def test_a_receipt_has_about_250_bytes() -> None:
    assert 240 <= len(SIGNED) <= 260


def test_every_flipped_bit_is_refused() -> None:
    for bit in range(8 * len(SIGNED)):
        changed = bytearray(SIGNED)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises((Malformed, Refusal)):
            statements.verify(bytes(changed), Receipt, PROVINCE.verify_key)


def test_another_key_is_refused_also_when_it_is_named_so() -> None:
    with pytest.raises(Refusal) as refused:
        statements.verify(SIGNED, Receipt, DEVICE.verify_key)
    assert refused.value.code == "signature-wrong"
    parts = cose.parse_sign1(SIGNED)
    forged = cose.sign1(parts.protected, parts.payload, DEVICE, {})
    for key in (DEVICE, PROVINCE):
        with pytest.raises(Refusal) as refused:
            statements.verify(forged, Receipt, key.verify_key)
        assert refused.value.code == "signature-wrong"


def by_province(payload: object, *, header: object = None, unprotected: object = None) -> bytes:
    protected = cbor.encode(header or {1: -19, 4: PROVINCE.key_id[:8]})
    body = cbor.encode(payload)
    signature = PROVINCE.sign(cbor.encode(["Signature1", protected, b"", body]))
    return cbor.encode([protected, unprotected or {}, body, signature], tag=18)


WRONG = {
    "an element too few": (by_province(["commune/revoked/1", bytes(32), 1]), "member-size"),
    "an element too many": (by_province(["commune/revoked/1", bytes(32), 1, 2, 3]), "member-size"),
    "an id too short": (by_province(["commune/revoked/1", bytes(31), 1, 2]), "member-size"),
    "a time before 1970": (by_province(["commune/revoked/1", bytes(32), 1, -2]), "member-value"),
    "no name": (by_province([bytes(32), 1, 2]), "statement-name"),
    "nothing": (by_province([]), "statement-name"),
    "no array": (by_province({0: "commune/revoked/1"}), "statement-name"),
    "the next version": (by_province(["commune/revoked/2", bytes(32), 1, 2]), "statement-name"),
    "an unprotected header": (
        by_province(["commune/revoked/1", bytes(32), 1, 2], unprotected={4: b"x"}),
        "header-unknown",
    ),
    "a whole key id": (
        by_province(["commune/revoked/1", bytes(32), 1, 2], header={1: -19, 4: PROVINCE.key_id}),
        "shape",
    ),
    "another algorithm": (
        by_province(["commune/revoked/1", bytes(32), 1, 2], header={1: -8, 4: bytes(8)}),
        "algorithm",
    ),
}


@pytest.mark.parametrize("case", WRONG, ids=str)
def test_a_good_signature_under_a_wrong_sentence_is_refused(case: str) -> None:
    data, reason = WRONG[case]
    with pytest.raises(Malformed) as refused:
        statements.verify(data, Revoked, PROVINCE.verify_key)
    assert refused.value.reason == reason


def test_what_nobody_could_read_is_never_signed() -> None:
    with pytest.raises(Malformed, match=r"member-size: commune/revoked/1\.device_id"):
        statements.sign(Revoked(bytes(31), 1, 2), PROVINCE)


def test_a_device_record_names_the_id_of_its_key() -> None:
    with pytest.raises(Malformed, match="device-id"):
        DeviceRecord(
            bytes(32),
            DEVICE.public,
            DEVICE_SEALING.public,
            bytes(16),
            "office",
            (),
            PROVINCE.public,
            bytes(16),
            1,
            0,
        )


def test_a_ticket_shows_no_secret() -> None:
    ticket = Ticket(bytes(8), (), bytes(32), bytes(16), "H26.107", "Xã Ứng Hòa", b"5" * 16, 0)
    assert repr(ticket) == "Ticket(0000000000000000, H26.107)"


def test_a_signature_is_bound_to_its_use() -> None:
    head = statements.sign(HeadStatement(bytes(16), 7, bytes(32)), ROOT)
    with pytest.raises(Malformed, match="statement-name"):
        statements.verify(head, ReportStatement, VerifyKey(ROOT.public))
