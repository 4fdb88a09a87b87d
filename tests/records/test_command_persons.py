"""Persons in commands: numbers, passports, proxies, visitors."""

import pytest

from tests.records.test_commands import (
    CHECK_IN,
    CORRECT,
    RECEIVE,
    changed,
    read,
    wrong,
)


@pytest.mark.parametrize(
    ("kind", "number", "good"),
    [
        (None, "001184000017", True),
        (None, "012345678", True),
        (None, "B1234567", False),
        (None, "00118400001x", False),
        (None, "٠٠١١٨٤٠٠٠٠١٧", False),
        ("cccd", "001184000017", True),
        ("cccd", "012345678", False),
        ("cmnd", "012345678", True),
        ("cmnd", "01234567", False),
        ("passport", "B1234567", True),
        ("passport", "B-1", False),
        ("org", "0100109106-001", True),
        ("org", "-1", False),
        ("none", "001184000017", False),
        ("none", None, True),
    ],
)
def test_a_number_has_the_shape_of_its_kind(kind: str, number: str, good: bool) -> None:
    command = changed(changed(RECEIVE, "applicant.id_kind", kind), "applicant.id_number", number)
    if good:
        read(command)
    else:
        assert wrong(command) == {"applicant.id_number": "field-invalid"}


@pytest.mark.parametrize(
    ("number", "good"),
    [
        ("001184000017", True),
        ("012345678", True),
        ("C01X00T47", True),
        ("AB1234567", True),
        ("L01X00T471", True),
        ("12345678", True),
        ("00118400001", False),
        ("0011840000177", False),
        ("12345", False),
        ("c01x00t47", False),
        ("C01-X00T47", False),
        ("A" * 21, False),
    ],
)
def test_proxy_recipient_and_visitor_may_show_any_countrys_passport(
    number: str, good: bool
) -> None:
    proxy = {"full_name": "John Smith", "paper": "Giấy ủy quyền", "id_number": number}
    to = {"full_name": "John Smith", "id_number": number}
    for path, command in (
        ("proxy", RECEIVE | {"proxy": proxy}),
        ("to", {"type": "dossier.return", "dossier": "1/1", "by": "direct", "to": to}),
        ("visitor", CHECK_IN | {"visitor": {"id_number": number}}),
    ):
        if good:
            read(command)
        else:
            assert wrong(command) == {f"{path}.id_number": "field-invalid"}


def test_a_proxy_and_a_recipient_are_checked_too() -> None:
    proxy = {"full_name": "Lê Văn An", "paper": "Giấy ủy quyền", "id_number": "1", "phone": "x"}
    assert wrong(RECEIVE | {"proxy": proxy}) == {
        "proxy.id_number": "field-invalid",
        "proxy.phone": "field-invalid",
    }
    given_back = {"type": "dossier.return", "dossier": "1/1", "by": "direct"}
    to = {"full_name": "Lê Văn An", "id_number": "1"}
    assert wrong(given_back | {"to": to}) == {"to.id_number": "field-invalid"}
    declined = {"type": "dossier.decline", "procedure_code": "1", "reason": "Thiếu", "form": "02"}
    assert wrong(declined | {"applicant": {"full_name": "A", "phone": "x"}}) == {
        "applicant.phone": "field-invalid"
    }


def test_a_visitor_is_somebody() -> None:
    nobody = {name: value for name, value in CHECK_IN.items() if name != "visitor"}
    assert wrong(nobody) == {"visitor": "field-missing"}
    assert wrong(CHECK_IN | {"visitor": {}}) == {"visitor": "field-missing"}
    assert wrong(CHECK_IN | {"visitor": {"id_number": 1}}) == {"visitor.id_number": "field-invalid"}


def test_a_number_corrected_with_its_kind_has_the_shape_of_that_kind() -> None:
    both = {"applicant.id_kind": "cccd", "applicant.id_number": "C01X00T47"}
    assert wrong(CORRECT | {"set": both}) == {"set.applicant.id_number": "field-invalid"}
    read(CORRECT | {"set": both | {"applicant.id_kind": "passport"}})
    read(CORRECT | {"set": {"applicant.id_number": "C01X00T47"}})
