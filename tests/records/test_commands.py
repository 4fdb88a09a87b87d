"""A line of JSON becomes a command, or everything wrong with it is named at once."""

import json
import unicodedata
from datetime import date
from typing import Any

import pytest

from records.command_types import CheckIn, CheckOut, CorrectDossier, ReceiveDossier
from records.commands import Submission, parse
from records.limits import COMMAND_BYTES_MAX
from wire.problems import Refusal

TODAY = date(2026, 11, 21)
RECEIVE: dict[str, Any] = {
    "type": "dossier.receive",
    "procedure_code": "1.001193",
    "channel": "direct",
    "return_channel": "postal",
    "applicant": {
        "full_name": "Nguyễn Thị Ngọc Hà",
        "id_number": "001184000017",
        "date_of_birth": "1984-03-05",
        "gender": "female",
        "phone": "0912345678",
        "address": "Thôn 1, xã Ứng Hòa, thành phố Hà Nội",
    },
    "documents": [{"name": "Tờ khai", "copies": 1, "original": True}],
}
CHECK_IN: dict[str, Any] = {
    "type": "visit.check_in",
    "visitor": {"full_name": "Lê Văn An", "id_number": "001085000001", "phone": "0912345678"},
    "purpose": "Nộp hồ sơ",
    "method": "id_card_qr",
    "temperature_c": 36.6,
    "symptoms": [],
}
CORRECT: dict[str, Any] = {
    "type": "dossier.correct",
    "dossier": "2026/1/57",
    "set": {"applicant.phone": "0912345600"},
    "reason": "Ghi nhầm số",
}


def line(command: Any) -> bytes:
    return json.dumps(command, ensure_ascii=False).encode()


def read(command: Any) -> Submission:
    return parse(line(command), today=TODAY)


def read_bytes(data: bytes) -> Submission:
    return parse(data, today=TODAY)


def refusal(data: Any) -> Refusal:
    with pytest.raises(Refusal) as refused:
        parse(data if isinstance(data, bytes) else line(data), today=TODAY)
    return refused.value


def wrong(data: Any) -> dict[str, str]:
    return {error.path: error.code for error in refusal(data).errors}


def changed(base: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return a copy of `base` with one member, named by its dotted path, set."""
    copy: dict[str, Any] = json.loads(json.dumps(base))
    *heads, last = path.split(".")
    place = copy
    for head in heads:
        place = place.setdefault(head, {})
    place[last] = value
    return copy


def test_the_example_of_a_dossier_is_read() -> None:
    command = read(RECEIVE).command
    assert isinstance(command, ReceiveDossier)
    assert command.applicant.date_of_birth == date(1984, 3, 5)
    assert command.sets == 1


def test_the_example_of_a_visit_is_read() -> None:
    command = read(CHECK_IN).command
    assert isinstance(command, CheckIn)
    assert (command.room, command.person, command.symptoms) == ("main", "visitor", ())


def test_key_and_actor_stand_beside_the_command() -> None:
    submission = read(RECEIVE | {"key": "k-1", "actor": "lan.nt"})
    assert (submission.key, submission.actor) == ("k-1", "lan.nt")
    assert submission == Submission(submission.command, "k-1", "lan.nt", read(RECEIVE).digest)


def test_the_digest_knows_the_same_command_in_another_spelling() -> None:
    spelt = json.dumps(dict(reversed(RECEIVE.items())) | {"sets": 1, "note": None}, indent=2)
    decomposed = unicodedata.normalize("NFD", spelt).encode()
    assert parse(decomposed, today=TODAY).digest == read(RECEIVE).digest


def test_the_digest_tells_other_commands_apart() -> None:
    assert read(changed(RECEIVE, "applicant.phone", "0912345679")).digest != read(RECEIVE).digest


def test_text_is_kept_in_nfc() -> None:
    decomposed = unicodedata.normalize("NFD", "Nguyễn Thị Ngọc Hà")
    for ascii_only in (False, True):
        data = json.dumps(
            changed(RECEIVE, "applicant.full_name", decomposed), ensure_ascii=ascii_only
        )
        command = parse(data.encode(), today=TODAY).command
        assert isinstance(command, ReceiveDossier)
        assert command.applicant.full_name == "Nguyễn Thị Ngọc Hà"


def test_everything_wrong_is_named_at_once() -> None:
    bad = {
        "type": "dossier.receive",
        "channel": "fax",
        "return_channel": "postal",
        "applicant": {
            "full_name": "",
            "id_number": "12345",
            "phone": "gọi sau",
            "fone": "1",
            "date_of_birth": "2027-01-01",
        },
        "documents": [
            {"name": 7, "copies": -1},
            {"name": "Bản sao", "copies": 1, "original": True, "colour": "red"},
        ],
        "procedure": "1.001193",
    }
    assert wrong(bad) == {
        "procedure_code": "field-missing",
        "channel": "field-invalid",
        "applicant.full_name": "field-invalid",
        "applicant.id_number": "field-invalid",
        "applicant.phone": "field-invalid",
        "applicant.fone": "field-unknown",
        "applicant.date_of_birth": "field-invalid",
        "documents[0].name": "field-invalid",
        "documents[0].copies": "field-invalid",
        "documents[0].original": "field-missing",
        "documents[1].colour": "field-unknown",
        "procedure": "field-unknown",
    }


def test_the_problem_bears_the_code_of_the_first_error_and_speaks_both_languages() -> None:
    found = refusal(changed(RECEIVE, "applicant.id_number", "12345"))
    assert found.code == "field-invalid"
    (vi,), (en,) = found.document("vi").errors, found.document("en").errors
    assert vi.path == en.path == "applicant.id_number"
    assert "12 chữ số" in vi.message
    assert "12 digits" in en.message


def test_an_unknown_member_names_a_close_one() -> None:
    (error,) = refusal(changed(RECEIVE, "applicant.fullname", "x")).errors
    assert "full_name" in error.message.vi


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("applicant", None),
        ("applicant", []),
        ("applicant.full_name", None),
        ("applicant.full_name", "   "),
        ("applicant.full_name", "x" * 201),
        ("applicant.full_name", "Hà\u0000"),
        ("applicant.full_name", "Hà\u202e"),
        ("applicant.full_name", "Hà\nNguyễn"),
        ("applicant.gender", "nữ"),
        ("applicant.date_of_birth", "1984-02-30"),
        ("applicant.date_of_birth", "05/03/1984"),
        ("applicant.date_of_birth", "1884-03-05"),
        ("applicant.date_of_birth", 19840305),
        ("applicant.phone", "09123"),
        ("applicant.email", "ha.example.vn"),
        ("channel", ["direct"]),
        ("documents", {}),
        ("documents", [{"name": "Tờ khai", "copies": 1, "original": True}] * 101),
        ("sets", 0),
        ("sets", 1.5),
        ("sets", True),
        ("sets", "1"),
        ("urgent", "yes"),
        ("due_at", "2026-11-21T08:00:00"),
        ("due_at", "2026-11-21 08:00:00+07:00"),
        ("paper.at", "2026-11-21 08:00:00+07:00"),
        ("due_at", "0001-01-01T00:00:00+07:00"),
        ("paper.at", "9999-12-31T23:59:59-07:00"),
        ("override.reason", ""),
    ],
)
def test_a_wrong_value_is_named_by_its_path(path: str, value: Any) -> None:
    base = RECEIVE | {
        "paper": {"volume": 2, "number": 1, "at": "2026-11-20T09:00:00+07:00"},
        "override": {"reason": "Khẩn", "supervisor": "hoa.tt"},
    }
    assert wrong(changed(base, path, value)) == {path: "field-invalid"}


def test_a_blank_for_the_t_of_a_time_is_found_however_it_is_written() -> None:
    escaped = (
        b'{"type":"dossier.extend","dossier":"1/1","reason":"r","due_at":"2026-11-21%s08:00:00Z"}'
    )
    for blank in (b" ", b"\\u0020"):
        assert wrong(escaped % blank) == {"due_at": "field-invalid"}
    read_bytes(escaped % b"T")
    read(RECEIVE | {"note": "Hẹn 2026-11-21 08:00"})


def test_a_payment_is_of_at_least_one_dong() -> None:
    pay = {"type": "dossier.pay", "dossier": "1/1", "name": "Lệ phí", "by": "cash"}
    assert wrong(pay | {"amount_vnd": 0}) == {"amount_vnd": "field-invalid"}
    read(pay | {"amount_vnd": 1})


@pytest.mark.parametrize("digits", [b"1" * 5_000, b"-" + b"9" * 5_000])
def test_a_number_of_thousands_of_digits_is_named_by_its_path(digits: bytes) -> None:
    pay = b'{"type":"dossier.pay","dossier":"1/1","name":"x","by":"cash","amount_vnd":%s}'
    assert wrong(pay % digits) == {"amount_vnd": "field-invalid"}
    correct = b'{"type":"dossier.correct","dossier":"1/1","reason":"r","set":{"pages":%s}}'
    assert wrong(correct % digits) == {"set.pages": "field-invalid"}


def test_a_note_may_have_several_lines() -> None:
    command = read(RECEIVE | {"note": "Dòng một\n\tDòng hai", "summary": "Đăng ký khai sinh"})
    assert isinstance(command.command, ReceiveDossier)


def test_blanks_that_word_processors_write_are_no_harm() -> None:
    read(changed(RECEIVE, "applicant.address", "Thôn\u00a01"))


@pytest.mark.parametrize("celsius", [36.65, 29.9, 45.1, "36.6", True])
def test_a_temperature_is_plausible_and_has_one_decimal(celsius: object) -> None:
    assert wrong(CHECK_IN | {"temperature_c": celsius}) == {"temperature_c": "field-invalid"}


def test_a_whole_number_is_a_temperature() -> None:
    read(CHECK_IN | {"temperature_c": 37})


def test_a_check_out_names_a_visit_or_a_visitor() -> None:
    out = {"type": "visit.check_out"}
    assert wrong(out) == {"visit": "field-missing"}
    assert wrong(out | {"visit": "a", "visitor": {"pass": "b"}}) == {"visit": "field-invalid"}
    assert isinstance(read(out | {"visitor": {"pass": "b"}}).command, CheckOut)


def test_a_correction_is_checked_as_what_it_corrects() -> None:
    changes = {
        "applicant.phone": "gọi sau",
        "applicant.date_of_birth": "2026-02-30",
        "applicant.full_name": None,
        "applicant.id_number": "12 345",
        "proxy.phone": "x",
        "procedure_code": "1.000001",
        "pages": "3",
        "note": "",
    }
    assert wrong(CORRECT | {"set": changes}) == {
        "set.applicant.phone": "field-invalid",
        "set.applicant.date_of_birth": "field-invalid",
        "set.applicant.full_name": "field-invalid",
        "set.applicant.id_number": "field-invalid",
        "set.proxy.phone": "field-invalid",
        "set.procedure_code": "field-unknown",
        "set.pages": "field-invalid",
        "set.note": "field-invalid",
    }


def test_a_correction_corrects_something() -> None:
    assert wrong(CORRECT | {"set": {}}) == {"set": "field-invalid"}
    assert wrong(CORRECT | {"set": []}) == {"set": "field-invalid"}
    assert wrong(CORRECT | {"set": None}) == {"set": "field-invalid"}
    assert wrong(CORRECT | {"set": {"pages": [1]}}) == {"set.pages": "field-invalid"}
    command = read(CORRECT | {"set": {"applicant.email": None, "pages": 3}}).command
    assert isinstance(command, CorrectDossier)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\xff\xfe{", "not-utf8"),
        (b"{", "not-json"),
        (b"", "not-json"),
        (b'\xef\xbb\xbf{"type":"visit.check_out"}', "not-json"),
        (b'{"type":"visit.check_out","visit":NaN}', "not-json"),
        (b'{"type":"visit.check_out"} {}', "not-json"),
        (b"[" * 5_000, "not-json"),
        (b'{"type":"visit.check_out","visit":' + b"[" * 17 + b"]" * 17 + b"}", "not-json"),
        (b'{"type":"visit.check_out","visit":' + b"1" * 5_000 + b"}", "field-invalid"),
        (b'"' + b"x" * 10_000_000 + b'"', "too-large"),
        (b'{"type":"visit.check_out","visit":"' + b"x" * COMMAND_BYTES_MAX + b'"}', "too-large"),
        (b"[]", "field-invalid"),
        (b"null", "field-invalid"),
        (b"{}", "field-missing"),
        (b'{"type":7}', "field-invalid"),
        (b'{"type":"queue.take"}', "type-unknown"),
        (b'{"type":"visit.check_out","visit":"\\ud800"}', "field-invalid"),
        (b'{"type":"visit.check_out","visit":"a","visit":"b"}', "field-invalid"),
    ],
)
def test_what_is_no_command_is_refused(data: bytes, code: str) -> None:
    assert refusal(data).code == code


def test_a_close_type_is_named() -> None:
    found = refusal({"type": "dossier.recieve"})
    assert "dossier.receive" in found.detail.vi
    assert [error.path for error in found.errors] == ["type"]


def test_a_repeated_member_is_named_wherever_it_stands() -> None:
    twice = b'{"type":"visit.check_out","visitor":{"pass":"a","pass":"b"}}'
    assert wrong(twice) == {"visitor.pass": "field-invalid"}
    inside = b'{"type":"dossier.correct","dossier":"1","reason":"r","set":{"pages":1,"pages":2}}'
    assert wrong(inside) == {"set.pages": "field-invalid"}
