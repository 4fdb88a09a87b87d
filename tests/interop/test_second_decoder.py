"""The second implementation of docs/protocol.md: against the vectors, and against the first."""

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.interop.decoder import cbor_strict, cose, frames, message, seal, xwing
from tests.interop.decoder.refused import Refused
from tests.interop.decoder.vectors import KINDS, answer, parse
from wire.keys import SealingKey, SealingPublicKey, SigningKey, VerifyKey
from wire.message import Direction, decrypt_full, parse_full, seal_full, verify_full

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
VECTORS = {
    f"{path.parent.name}/{path.stem}": path
    for path in sorted((ROOT / "tests" / "vectors").glob("*/*.txt"))
}
SIGNING_SEED, SEALING_SEED = b"\x31" * 32, b"\x32" * 32
DIRECTIONS: tuple[Direction, ...] = ("up", "down")


@pytest.mark.parametrize("name", VECTORS)
def test_vector_gets_the_right_answer(name: str) -> None:
    vector = parse(VECTORS[name].read_text(encoding="ascii"))
    said = answer(vector)
    if vector.keys["expect"] == "ok":
        assert said == f"ok {vector.keys['result']}".rstrip()
    else:
        assert said.startswith("refused ")


def test_every_kind_of_vector_is_there() -> None:
    assert {name.partition("/")[0] for name in VECTORS} == set(KINDS)


def test_the_command_answers_as_the_runner_wants() -> None:
    for name, first_word in (("message/up", "ok"), ("message/refused-flipped", "refused")):
        done = subprocess.run(
            [sys.executable, "-m", "tests.interop.decoder"],
            input=VECTORS[name].read_text(encoding="ascii"),
            capture_output=True,
            check=True,
            text=True,
            cwd=ROOT,
        )
        assert done.stdout.split()[0] == first_word
        assert done.stdout.count("\n") == 1


def test_the_page_names_the_dictionary_in_use() -> None:
    named = re.search(r"wire/data/d1\.zdict`, SHA-256 `([0-9a-f]{64})`", PAGE)
    assert named
    assert hashlib.sha256(frames.D1.read_bytes()).hexdigest() == named[1]


def test_the_sealing_key_of_the_page() -> None:
    named = re.search(r"Vector: seed `([0-9a-f]{64})` .* starts `([0-9a-f]+)`", PAGE)
    assert named
    public = xwing.PrivateKey(bytes.fromhex(named[1])).public
    assert public.hex().startswith(named[2])


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_the_first_implementation_opens_what_the_second_sealed(direction: Direction) -> None:
    plaintext = cbor_strict.dumps({"v": 1, "from": "the second implementation"})
    receiver = xwing.PrivateKey(SEALING_SEED).public
    sealed = seal.full(plaintext, SIGNING_SEED, receiver, direction)

    envelope = parse_full(sealed)
    verify_full(envelope, VerifyKey(cose.public_of(SIGNING_SEED)))
    assert decrypt_full(envelope, SealingKey.from_seed(SEALING_SEED), direction) == plaintext


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_the_second_implementation_opens_what_the_first_sealed(direction: Direction) -> None:
    plaintext = os.urandom(300)
    sealed = seal_full(
        plaintext,
        sender=SigningKey.from_seed(SIGNING_SEED),
        receiver=SealingPublicKey(xwing.PrivateKey(SEALING_SEED).public),
        direction=direction,
    )
    public = cose.public_of(SIGNING_SEED)
    assert message.open_full(sealed, direction, public, SEALING_SEED) == plaintext


def test_a_message_opens_in_its_own_direction_only() -> None:
    receiver = xwing.PrivateKey(SEALING_SEED).public
    sealed = seal.full(b"\xa0", SIGNING_SEED, receiver, "up")
    public = cose.public_of(SIGNING_SEED)
    assert message.open_full(sealed, "up", public, SEALING_SEED) == b"\xa0"
    with pytest.raises(Refused, match="cannot open"):
        message.open_full(sealed, "down", public, SEALING_SEED)
