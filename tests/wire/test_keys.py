"""Keys: what they are named, and what they refuse."""

import pytest

from tests.wire.samples import DEVICE, DEVICE_SEALING, PROVINCE
from wire.keys import SealingKey, SealingPublicKey, SigningKey, VerifyKey, device10
from wire.problems import Malformed, Refusal

XWING_SEED = bytes.fromhex("7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26")


def test_the_x_wing_vector() -> None:
    key = SealingKey.from_seed(XWING_SEED)
    assert key.public.hex().startswith("e2236b35a8c24b39")
    assert len(key.public) == 1_216


def test_an_ed25519_vector_of_rfc_8032() -> None:
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    key = SigningKey.from_seed(seed)
    assert key.public.hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert key.sign(b"").hex().startswith("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e0")


def test_people_see_ten_characters_of_a_device() -> None:
    assert device10(bytes(32)) == "aaaaaaaaaa"
    assert device10(bytes.fromhex("ff00ff00ff") + bytes(27)) == "74ap6ah7aa"


def test_a_signature_of_another_key_or_of_other_bytes_is_wrong() -> None:
    signature = DEVICE.sign(b"hello")
    DEVICE.verify_key.verify(signature, b"hello")
    for key, data in ((PROVINCE, b"hello"), (DEVICE, b"hullo")):
        with pytest.raises(Refusal) as refused:
            key.verify_key.verify(signature, data)
        assert refused.value.code == "signature-wrong"


def test_sealed_bytes_open_only_with_their_key_and_info() -> None:
    sealed = DEVICE_SEALING.public_key.seal(b"hello", b"info")
    assert len(sealed) == 1_120 + 5 + 16
    assert DEVICE_SEALING.open(sealed, b"info") == b"hello"
    for key, info in ((DEVICE_SEALING, b"other"), (SealingKey(XWING_SEED), b"info")):
        with pytest.raises(Malformed, match="cannot-open"):
            key.open(sealed, info)


@pytest.mark.parametrize("size", [0, 1, 1_119, 1_120, 1_135])
def test_a_ciphertext_too_short_for_anything_cannot_be_opened(size: int) -> None:
    with pytest.raises(Malformed, match="cannot-open"):
        DEVICE_SEALING.open(bytes(size), b"")


def test_public_keys_are_checked_when_they_are_read() -> None:
    good = DEVICE_SEALING.public
    low_order = good[:1_184] + bytes(32)
    not_reduced = b"\xff" * 1_184 + good[1_184:]
    for raw in (b"", good[:-1], good + b"\x00", low_order, not_reduced):
        with pytest.raises(Malformed, match="sealing-key"):
            SealingPublicKey(raw)
    with pytest.raises(Malformed, match="signing-key"):
        VerifyKey(bytes(31))


def test_seeds_have_32_bytes() -> None:
    for kind in (SigningKey, SealingKey):
        with pytest.raises(ValueError, match="32 bytes"):
            kind(bytes(31))


def test_keys_are_compared_by_value_and_show_no_secret() -> None:
    assert VerifyKey(DEVICE.public) == DEVICE.verify_key
    assert VerifyKey(DEVICE.public) != PROVINCE.verify_key
    assert SealingPublicKey(DEVICE_SEALING.public) == DEVICE_SEALING.public_key
    assert len({VerifyKey(DEVICE.public), DEVICE.verify_key}) == 1
    assert len({SealingPublicKey(DEVICE_SEALING.public), DEVICE_SEALING.public_key}) == 1
    for shown in (repr(DEVICE), repr(DEVICE_SEALING)):
        assert DEVICE.seed.hex() not in shown
        assert DEVICE_SEALING.seed.hex() not in shown
    assert repr(DEVICE.verify_key) == f"VerifyKey({device10(DEVICE.key_id)})"
    assert repr(DEVICE_SEALING.public_key) == f"SealingPublicKey({DEVICE_SEALING.kid.hex()})"
