"""Vectors of a province's keys through time: what follows the statement that is held."""

from msgspec.structs import replace

from tests.vectors.case import Case
from tests.vectors.cases_basic import PROVINCE, PROVINCE_SAYS, ROOT, STRANGER, signed
from wire import statements
from wire.keys import SealingKey, SigningKey
from wire.succession import RootChange

NEW_ROOT, NEW_SIGNING = (SigningKey(bytes([n]) * 32) for n in (7, 8))
NEW_SEALING = SealingKey(b"\x09" * 32)

HELD = statements.sign(PROVINCE_SAYS, ROOT)
NEXT_SAYS = replace(
    PROVINCE_SAYS, n=2, signing_key=NEW_SIGNING.public, sealing_key=NEW_SEALING.public
)
NEXT = statements.sign(NEXT_SAYS, ROOT)
BEYOND_SAYS = replace(NEXT_SAYS, n=3, root_key=NEW_ROOT.public)
BEYOND = statements.sign(BEYOND_SAYS, NEW_ROOT)
CHANGE_SAYS = RootChange(ROOT.public, BEYOND)
CHANGE = statements.sign(CHANGE_SAYS, ROOT)


def _cases() -> list[Case]:
    def case(name: str, about: str, data: bytes, refused: str | None = None, **held: bytes) -> Case:
        header = {"held": held.get("held", HELD).hex()}
        return Case("successor", name, about, data, header, refused)

    renamed = statements.sign(replace(PROVINCE_SAYS, name="Thủ đô"), ROOT)
    of_stranger = statements.sign(BEYOND_SAYS, STRANGER)
    leaves_other = RootChange(STRANGER.public, BEYOND)
    return [
        case("next", "number 2 after number 1, under the same root", NEXT),
        case("skipped", "number 7: how many lie between does not matter",
             statements.sign(replace(NEXT_SAYS, n=7), ROOT)),
        case("same", "the number that is held, whatever else it says: nothing follows", renamed),
        case("root", "another root, by the word of the one it leaves", CHANGE),
        case("root-skipped", "a change of root with n 2 between", CHANGE, held=NEXT),
        case("refused-older", "number 1 after number 2", HELD, "province-older", held=NEXT),
        case("refused-signer", "number 2, signed by a stranger",
             statements.sign(NEXT_SAYS, STRANGER), "signature-wrong"),
        case("refused-signing-key", "number 2, signed with the province's signing key",
             statements.sign(NEXT_SAYS, PROVINCE), "signature-wrong"),
        case("refused-root", "another root that nobody announced", BEYOND, "signature-wrong"),
        case("refused-names-root", "signed by the root, and names another",
             statements.sign(BEYOND_SAYS, ROOT), "signature-wrong"),
        case("refused-change-signer", "a change of root signed by the new one",
             statements.sign(CHANGE_SAYS, NEW_ROOT), "signature-wrong"),
        case("refused-change-leaves", "a change of root that leaves another than the one held",
             statements.sign(leaves_other, ROOT), "signature-wrong"),
        case("refused-change-inner", "a change to a root that did not sign what it holds",
             statements.sign(RootChange(ROOT.public, of_stranger), ROOT), "signature-wrong"),
        case("refused-change-older", "a change of root that goes back",
             statements.sign(RootChange(ROOT.public, statements.sign(
                 replace(BEYOND_SAYS, n=1), NEW_ROOT)), ROOT), "province-older", held=NEXT),
        case("refused-kind", "a statement of another kind",
             statements.sign(statements.Revoked(bytes(32), 2, 0), ROOT), "statement-name"),
    ]  # fmt: skip


def _statement() -> list[Case]:
    header = {"name": RootChange.NAME, "key": ROOT.public.hex()}
    short = signed([RootChange.NAME, ROOT.public[1:], BEYOND])
    return [
        Case("statement", "root", "a change of root", CHANGE, header),
        Case("statement", "refused-root-key", "a change whose former root has 31 bytes", short,
             header | {"key": PROVINCE.public.hex()}, "member-size"),
    ]  # fmt: skip


CASES = (*_cases(), *_statement())
