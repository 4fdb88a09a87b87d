"""Which statement of a province takes the place of the one that is held."""

import msgspec
import pytest

from wire import statements
from wire.keys import SealingKey, SigningKey, VerifyKey
from wire.problems import Malformed, Refusal
from wire.statements import Province
from wire.succession import STATEMENT_BYTES_MAX, RootChange, signed_by, succeed

ROOT, OTHER = SigningKey(bytes(32)), SigningKey(bytes([1]) * 32)
FIRST = Province(
    n=2,
    name="Hà Nội",
    urls=("https://a.example",),
    signing_key=SigningKey(bytes([2]) * 32).public,
    sealing_key=SealingKey(bytes([3]) * 32).public,
    valid_from_ms=1,
    root_key=ROOT.public,
)


def later(n: int, root: SigningKey = ROOT, signer: SigningKey | None = None) -> bytes:
    stated = msgspec.structs.replace(FIRST, n=n, root_key=root.public)
    return statements.sign(stated, signer or root)


def change(n: int, former: SigningKey = ROOT, new: SigningKey = OTHER) -> bytes:
    said = RootChange(former_root=former.public, province=later(n, new))
    return statements.sign(said, former)


@pytest.mark.parametrize("n", [3, 9])
def test_a_higher_number_under_the_same_root_follows(n: int) -> None:
    followed = succeed(FIRST, later(n))
    assert followed is not None
    assert (followed.province.n, followed.cose) == (n, later(n))


def test_the_same_number_is_no_news_and_a_lower_one_is_refused() -> None:
    assert succeed(FIRST, later(2)) is None
    with pytest.raises(Refusal, match="province-older"):
        succeed(FIRST, later(1))


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param(later(3, OTHER), id="another root"),
        pytest.param(later(3, ROOT, OTHER), id="signed by another"),
        pytest.param(later(3, OTHER, ROOT), id="a root that nobody changed to"),
        pytest.param(change(3, OTHER, ROOT), id="a change by another root"),
    ],
)
def test_nobody_but_the_root_that_is_held_names_a_successor(statement: bytes) -> None:
    with pytest.raises(Refusal, match="signature-wrong"):
        succeed(FIRST, statement)


def test_a_change_of_root_is_signed_by_both() -> None:
    followed = succeed(FIRST, change(3))
    assert followed is not None
    assert (followed.province.root_key, followed.cose) == (OTHER.public, later(3, OTHER))
    unsigned = RootChange(former_root=ROOT.public, province=later(3, OTHER, ROOT))
    with pytest.raises(Refusal, match="signature-wrong"):
        succeed(FIRST, statements.sign(unsigned, ROOT))
    misnamed = RootChange(former_root=OTHER.public, province=later(3, OTHER))
    with pytest.raises(Refusal, match="signature-wrong"):
        succeed(FIRST, statements.sign(misnamed, ROOT))
    with pytest.raises(Refusal, match="province-older"):
        succeed(FIRST, change(1))


@pytest.mark.parametrize("garbage", [b"", b"<html>", later(3)[:-1], bytes(STATEMENT_BYTES_MAX + 1)])
def test_what_cannot_be_read_names_nobody(garbage: bytes) -> None:
    with pytest.raises(Malformed):
        succeed(FIRST, garbage)


def test_a_statement_names_which_province_signed_it() -> None:
    former, now = SigningKey(bytes([2]) * 32), SigningKey(bytes([4]) * 32)
    known = (FIRST, msgspec.structs.replace(FIRST, n=3, signing_key=now.public))
    said = RootChange(former_root=ROOT.public, province=later(3))
    for signer in (former, now):
        found = signed_by(statements.sign(said, signer), known)
        assert found is not None
        assert found.key_id == VerifyKey(signer.public).key_id
    assert signed_by(statements.sign(said, OTHER), known) is None
