"""Full messages: what a receiver opens, and everything it refuses, in which order."""

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.samples import (
    DEVICE,
    DEVICE_SEALING,
    PROVINCE_SEALING,
    STRANGER,
    an_up,
)
from wire import cbor, cose, message, plaintext
from wire.keys import SigningKey
from wire.limits import ENROLMENT_BYTES_MAX, MESSAGE_BYTES_MAX
from wire.message import decrypt_full, parse_full, seal_full, verify_full
from wire.problems import Malformed, Refusal


def seal(
    text: bytes,
    *,
    sender: SigningKey = DEVICE,
    device_record: bytes | None = None,
    ticket: bytes | None = None,
) -> bytes:
    return seal_full(
        text,
        sender=sender,
        receiver=PROVINCE_SEALING.public_key,
        direction="up",
        device_record=device_record,
        ticket=ticket,
    )


def read(data: bytes) -> bytes:
    envelope = parse_full(data)
    verify_full(envelope, DEVICE.verify_key)
    return decrypt_full(envelope, PROVINCE_SEALING, "up")


MESSAGE = seal(plaintext.encode_up(an_up()))


@given(st.binary(max_size=2_000))
@settings(max_examples=30)
def test_what_was_sealed_is_opened(text: bytes) -> None:
    assert read(seal(text)) == text


def test_an_envelope_names_sender_and_receiver() -> None:
    envelope = parse_full(MESSAGE)
    assert envelope.sender_kid == sha256(DEVICE.public).digest()
    assert envelope.receiver_kid == sha256(PROVINCE_SEALING.public).digest()[:8]
    assert envelope.device_record is None
    assert envelope.ticket is None


def test_the_bytes_are_those_of_the_page() -> None:
    # Built here from the words of section 4.1 alone, with none of the writer's functions.
    prot_s = cbor.encode({1: -19, 4: DEVICE.key_id, 16: message.MEDIA_TYPE})
    prot_e = cbor.encode({1: -65793, 4: PROVINCE_SEALING.kid})
    aad = cbor.encode(["commune/exchange/1", DEVICE.key_id, PROVINCE_SEALING.kid, "up"])
    info = cbor.encode(["Encrypt0", prot_e, aad])
    ciphertext = PROVINCE_SEALING.public_key.seal(b"hello", info)
    inner = b"\xd0" + cbor.encode([prot_e, {}, ciphertext])
    signature = DEVICE.sign(cbor.encode(["Signature1", prot_s, b"", inner]))
    assert read(b"\xd2" + cbor.encode([prot_s, {}, inner, signature])) == b"hello"


def test_an_envelope_costs_about_1300_bytes() -> None:
    assert len(seal(b"")) == 1_312


def test_every_flipped_bit_is_refused() -> None:
    for bit in range(8 * len(MESSAGE)):
        changed = bytearray(MESSAGE)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises((Malformed, Refusal)):
            read(bytes(changed))


def test_every_shorter_message_and_a_longer_one_is_refused() -> None:
    for size in range(len(MESSAGE)):
        with pytest.raises(Malformed, match="truncated"):
            parse_full(MESSAGE[:size])
    with pytest.raises(Malformed, match="trailing-bytes"):
        parse_full(MESSAGE + b"\x00")


@given(st.binary(max_size=60))
def test_any_bytes_are_refused_in_words(data: bytes) -> None:
    with pytest.raises(Malformed):
        parse_full(data)


def test_a_message_over_the_limit_is_refused_before_it_is_read() -> None:
    with pytest.raises(Malformed, match="too-large"):
        parse_full(bytes(MESSAGE_BYTES_MAX + 1))
    large = seal(bytes(ENROLMENT_BYTES_MAX))
    parse_full(large)
    with pytest.raises(Malformed, match="too-large"):
        parse_full(large, limit=ENROLMENT_BYTES_MAX)


def test_the_receiver_and_the_direction_are_sealed_in() -> None:
    envelope = parse_full(MESSAGE)
    with pytest.raises(Malformed, match="cannot-open"):
        decrypt_full(envelope, PROVINCE_SEALING, "down")
    with pytest.raises(Refusal) as refused:
        decrypt_full(envelope, DEVICE_SEALING, "up")
    assert refused.value.code == "receiver-unknown"


def test_a_message_cannot_be_signed_again_by_somebody_else() -> None:
    stolen = parse_full(MESSAGE).signed.payload
    header = cose.protected_header(cose.ED25519, STRANGER.key_id, message.MEDIA_TYPE)
    envelope = parse_full(cose.sign1(header, stolen, STRANGER, {}))
    verify_full(envelope, STRANGER.verify_key)
    with pytest.raises(Malformed, match="cannot-open"):
        decrypt_full(envelope, PROVINCE_SEALING, "up")


def test_the_key_that_is_named_must_be_the_key_that_signed() -> None:
    with pytest.raises(Refusal) as refused:
        verify_full(parse_full(MESSAGE), STRANGER.verify_key)
    assert refused.value.code == "signature-wrong"
    header = cose.protected_header(cose.ED25519, DEVICE.key_id, message.MEDIA_TYPE)
    forged = cose.sign1(header, parse_full(MESSAGE).signed.payload, STRANGER, {})
    for key in (DEVICE, STRANGER):
        with pytest.raises(Refusal) as refused:
            verify_full(parse_full(forged), key.verify_key)
        assert refused.value.code == "signature-wrong"


def test_a_device_record_or_a_ticket_id_may_stand_outside() -> None:
    assert parse_full(seal(b"", device_record=b"record")).device_record == b"record"
    assert parse_full(seal(b"", ticket=b"8 bytes!")).ticket == b"8 bytes!"


def test_a_request_is_named_by_its_hash() -> None:
    assert message.request_hash(MESSAGE) == sha256(MESSAGE).digest()


PARTS = parse_full(MESSAGE)
PROT_S: dict[object, object] = {1: -19, 4: DEVICE.key_id, 16: message.MEDIA_TYPE}
PROT_E: dict[object, object] = {1: -65793, 4: PROVINCE_SEALING.kid}
CIPHERTEXT = PARTS.sealed.ciphertext


def outer(
    *,
    prot: object = PROT_S,
    unprotected: object = None,
    inner: object = PARTS.signed.payload,
    signature: object = bytes(64),
    tag: int | None = 18,
) -> bytes:
    header = cbor.encode(prot)
    return cbor.encode([header, unprotected or {}, inner, signature], tag=tag)


def sealed(
    *,
    prot: object = PROT_E,
    unprotected: object = None,
    ciphertext: object = CIPHERTEXT,
    tag: int | None = 16,
) -> bytes:
    inner = cbor.encode([cbor.encode(prot), unprotected or {}, ciphertext], tag=tag)
    return outer(inner=inner)


SHAPES = {
    "no tag": (outer(tag=None), "tag"),
    "the tag of another message": (outer(tag=16), "tag"),
    "no array": (cbor.encode({}, tag=18), "shape"),
    "three parts": (cbor.encode([b"", {}, b""], tag=18), "shape"),
    "five parts": (cbor.encode([b"", {}, b"", bytes(64), 0], tag=18), "shape"),
    "a detached payload": (outer(inner=None), "shape"),
    "a short signature": (outer(signature=bytes(63)), "shape"),
    "a header that is no map": (outer(prot=[]), "shape"),
    "another algorithm": (outer(prot={**PROT_S, 1: -8}), "algorithm"),
    "no algorithm": (outer(prot={4: DEVICE.key_id, 16: message.MEDIA_TYPE}), "header-missing"),
    "no sender": (outer(prot={1: -19, 16: message.MEDIA_TYPE}), "header-missing"),
    "no type": (outer(prot={1: -19, 4: DEVICE.key_id}), "header-missing"),
    "a short sender": (outer(prot={**PROT_S, 4: bytes(31)}), "shape"),
    "a sender in text": (outer(prot={**PROT_S, 4: "x" * 32}), "shape"),
    "another type": (outer(prot={**PROT_S, 16: "application/cose"}), "shape"),
    "a type as a number": (outer(prot={**PROT_S, 16: 18}), "shape"),
    "a critical header": (outer(prot={**PROT_S, 2: [1]}), "header-unknown"),
    "a label in text": (outer(prot={**PROT_S, "x": 1}), "header-unknown"),
    "an unprotected kid": (outer(unprotected={4: b"x"}), "header-unknown"),
    "an unprotected IV": (outer(unprotected={5: bytes(12)}), "header-unknown"),
    "record and ticket": (outer(unprotected={-70001: b"r", -70002: bytes(8)}), "header-unknown"),
    "an empty record": (outer(unprotected={-70001: b""}), "header-unknown"),
    "a record in text": (outer(unprotected={-70001: "r"}), "header-unknown"),
    "a long ticket id": (outer(unprotected={-70002: bytes(9)}), "header-unknown"),
    "no inner tag": (sealed(tag=None), "tag"),
    "an inner signature": (sealed(tag=18), "tag"),
    "an inner array of two": (outer(inner=cbor.encode([b"", {}], tag=16)), "shape"),
    "another sealing": (sealed(prot={**PROT_E, 1: 3}), "algorithm"),
    "a long receiver": (sealed(prot={**PROT_E, 4: bytes(32)}), "shape"),
    "a type inside": (sealed(prot={**PROT_E, 16: "x"}), "header-unknown"),
    "an unprotected header inside": (sealed(unprotected={5: bytes(12)}), "header-unknown"),
    "no ciphertext": (sealed(ciphertext=None), "shape"),
    "a short ciphertext": (sealed(ciphertext=bytes(1_135)), "shape"),
    "an inner byte too many": (outer(inner=PARTS.signed.payload + b"\x00"), "trailing-bytes"),
}


@pytest.mark.parametrize("case", SHAPES, ids=str)
def test_another_shape_is_refused_before_any_cryptography(case: str) -> None:
    data, reason = SHAPES[case]
    with pytest.raises(Malformed) as refused:
        parse_full(data)
    assert refused.value.reason == reason
