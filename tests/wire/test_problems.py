"""The catalogue of problems, and what carries them."""

import pickle
import re
from pathlib import Path

import msgspec
import pytest

from wire.problems import CATALOGUE, FieldError, Malformed, Refusal, read_catalogue
from wire.texts import Text

ROOT = Path(__file__).parent.parent.parent

# docs/interfaces.md "Problem codes", word for word.
PROMISED = {
    422: "field-invalid field-missing field-unknown type-unknown procedure-unknown due-required",
    404: "dossier-unknown not-yours",
    409: "state-forbidden channel-suspended room-full key-reused clock-unconfirmed ticket-used"
    " ticket-other-office office-differs session-unknown receiver-unknown codec-unknown",
    410: "ticket-expired cursor-expired",
    401: "ticket-forged sender-unknown signature-wrong not-signed-in",
    403: "role-forbidden csrf device-revoked origin-foreign",
    413: "too-large",
    400: "not-utf8 not-json",
    507: "disk-full",
    503: "not-enrolled busy",
}
ENDS = {
    "field-invalid": 1,
    "usage-wrong": 2,
    "config-invalid": 2,
    "daemon-absent": 3,
    "line-down": 3,
    "key-wrong": 4,
    "journal-damaged": 4,
    "schema-newer": 1,
}


@pytest.mark.parametrize(
    ("code", "status"),
    [(code, status) for status, codes in PROMISED.items() for code in codes.split()],
)
def test_every_promised_code_has_its_status(code: str, status: int) -> None:
    assert CATALOGUE[code].status == status


@pytest.mark.parametrize("code", ["projection-failed", "box-changed"])
def test_codes_of_problem_lists_are_there(code: str) -> None:
    assert CATALOGUE[code].remedy.vi


@pytest.mark.parametrize(("code", "exit_code"), ENDS.items())
def test_a_command_ends_with_the_promised_exit_code(code: str, exit_code: int) -> None:
    assert CATALOGUE[code].exit == exit_code


@pytest.mark.parametrize("code", CATALOGUE)
def test_every_problem_speaks_both_languages_and_ends_its_remedy(code: str) -> None:
    problem = CATALOGUE[code]
    assert problem.type == f"urn:commune:problem:{code}"
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", code)
    for text in (problem.title, problem.remedy):
        assert text.vi != text.en
    assert problem.remedy.vi.endswith(".")
    assert problem.remedy.en.endswith(".")
    assert not problem.title.vi.endswith(".")


def test_every_code_that_is_raised_stands_in_the_catalogue() -> None:
    named = re.compile(r'\bRefusal\(\s*"([^"]+)"')
    rooms = [ROOT / room for room in ("wire", "records", "agent", "server", "provisioning")]
    raised = {
        code
        for room in rooms
        for module in room.rglob("*.py")
        for code in named.findall(module.read_text("utf-8"))
    }
    assert raised
    assert raised - CATALOGUE.keys() == set()


def test_a_refusal_becomes_a_problem_document_in_the_language_asked_for() -> None:
    refusal = Refusal(
        "field-invalid",
        Text("Sai hai chỗ", "Two places are wrong"),
        [FieldError("applicant.id_number", "field-invalid", Text("Phải có 12 số", "12 digits"))],
    )
    assert msgspec.json.decode(msgspec.json.encode(refusal.document("en"))) == {
        "type": "urn:commune:problem:field-invalid",
        "title": "A field is not valid",
        "status": 422,
        "code": "field-invalid",
        "detail": "Two places are wrong",
        "errors": [{"path": "applicant.id_number", "message": "12 digits"}],
    }
    assert refusal.document("vi").errors[0].message == "Phải có 12 số"


def test_without_a_detail_the_remedy_is_told() -> None:
    assert Refusal("busy").document("en").detail == CATALOGUE["busy"].remedy.en


def test_a_refusal_reads_well_in_a_log() -> None:
    assert str(Refusal("busy", "later")) == "busy: later"
    assert str(Refusal("busy")) == "busy: Too busy just now"


def test_an_unknown_code_is_a_programming_error() -> None:
    with pytest.raises(KeyError):
        Refusal("no-such-code")


def test_both_survive_the_way_between_processes() -> None:
    refusal = pickle.loads(pickle.dumps(Refusal("busy", "later")))
    assert (refusal.code, refusal.detail.en) == ("busy", "later")
    malformed = pickle.loads(pickle.dumps(Malformed("depth", "9 levels")))
    assert (malformed.reason, malformed.detail, str(malformed)) == (
        "depth",
        "9 levels",
        "depth: 9 levels",
    )


GOOD = {
    "status": "409",
    "exit": "1",
    "consequence": '"retry"',
    "title": '{ vi = "x", en = "y" }',
    "remedy": '{ vi = "x.", en = "y." }',
}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"status": "200"}, "c: status"),
        ({"exit": "0"}, "c: exit"),
        ({"exit": "5"}, "c: exit"),
        ({"consequence": '"never"'}, "c: consequence"),
        ({"title": '{ vi = "x" }'}, "c.title: en is missing"),
        ({"remedy": '"x"'}, "c.remedy: a table"),
        ({"status": None}, "c: missing or unknown: status"),
        ({"colour": '"red"'}, "c: missing or unknown: colour"),
    ],
)
def test_a_wrong_entry_is_named(change: dict[str, str | None], complaint: str) -> None:
    members = GOOD | change
    source = "[c]\n" + "\n".join(f"{name} = {value}" for name, value in members.items() if value)
    with pytest.raises(ValueError, match=complaint):
        read_catalogue(source)
