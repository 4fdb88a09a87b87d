"""A receipt proves what it says to whoever knows the province's root key, and nothing else."""

import msgspec
import pytest

from wire import chain, proof, statements
from wire.keys import SealingKey, SigningKey, key_id
from wire.problems import Refusal
from wire.proof import Proof, Way
from wire.statements import Province, Receipt

ROOT, PROVINCE, OTHER = (SigningKey(bytes([n]) * 32) for n in (1, 2, 3))
ROOT_HASH = key_id(ROOT.public)
DEVICE, JOURNAL = b"d" * 32, b"j" * 16
EVENTS = [b'{"kind":"test.noted","n":%d}' % number for number in range(1, 6)]


def heads() -> list[chain.Head]:
    found = [chain.genesis(DEVICE, JOURNAL)]
    for event in EVENTS:
        found.append(chain.extend(found[-1], event))
    return found


def province(root: SigningKey = ROOT) -> bytes:
    sealing = SealingKey(b"s" * 32).public
    named = Province(1, "Hà Nội", ("http://x",), PROVINCE.public, sealing, 0, root.public)
    return statements.sign(named, root)


def receipt(signer: SigningKey = PROVINCE, seq: int = 5) -> bytes:
    head = heads()[seq]
    said = Receipt(DEVICE, JOURNAL, head.seq, head.hash, b"k" * 16, 0, bytes(32), 1_000)
    return statements.sign(said, signer)


def way(seq: int, upto: int = 5) -> Way:
    after = b"".join(chain.event_digest(event) for event in EVENTS[seq:upto])
    return Way(seq=seq, event=EVENTS[seq - 1], before=heads()[seq - 1].hash, after=after)


@pytest.mark.parametrize("seq", [1, 3, 5])
def test_an_event_under_the_head_is_proved_with_its_place(seq: int) -> None:
    file = proof.write(Proof(receipt=receipt(), way=way(seq)))
    checked = proof.check(proof.read(file), province(), ROOT_HASH)
    assert (checked.receipt.seq, checked.province.name) == (5, "Hà Nội")
    assert checked.event_hash == heads()[seq].hash


def test_the_head_alone_can_be_shown() -> None:
    checked = proof.check(Proof(receipt=receipt()), province(), ROOT_HASH)
    assert (checked.event_hash, checked.receipt.hash) == (None, heads()[5].hash)


def altered(**changes: object) -> Way:
    return msgspec.structs.replace(way(3), **changes)


@pytest.mark.parametrize(
    "wrong",
    [
        altered(event=b"{}"),
        altered(seq=2),
        altered(seq=4),
        altered(before=bytes(32)),
        altered(before=b""),
        altered(after=b"x"),
        altered(after=b""),
        way(3, upto=4),
    ],
)
def test_what_does_not_lead_to_the_head_proves_nothing(wrong: Way) -> None:
    with pytest.raises(Refusal, match="proof-wrong"):
        proof.check(Proof(receipt=receipt(), way=wrong), province(), ROOT_HASH)


@pytest.mark.parametrize(
    ("statement", "named", "code"),
    [
        (receipt(OTHER), province(), "signature-wrong"),
        (receipt(), province(OTHER), "signature-wrong"),
        (receipt(), b"no statement", "signature-wrong"),
        (province(PROVINCE), province(), "proof-wrong"),
        (b"no statement", province(), "proof-wrong"),
    ],
)
def test_only_the_province_of_that_root_says_so(statement: bytes, named: bytes, code: str) -> None:
    with pytest.raises(Refusal, match=code):
        proof.check(Proof(receipt=statement), named, ROOT_HASH)


@pytest.mark.parametrize(
    "file", [b"", b"{", b"[]", b"{}", b"\xff", b'{"v":2,"receipt":""}', b'{"receipt":"?"}']
)
def test_what_is_no_such_file_is_refused(file: bytes) -> None:
    with pytest.raises(Refusal, match="proof-wrong"):
        proof.read(file)
