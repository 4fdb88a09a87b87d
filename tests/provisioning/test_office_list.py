"""A list of offices: everything that is wrong with it at once."""

import json
from datetime import date
from pathlib import Path

import pytest

from provisioning.office_list import ListWrong, read
from tests.provisioning.conftest import RunningProvince, provision

HEAD = "code,name,ward_code,valid_from\n"


def wrong(text: str | bytes, province: str | None = "H26") -> list[tuple[int, str]]:
    data = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(ListWrong) as caught:
        read(data, province)
    return [(error.line, error.column) for error in caught.value.errors]


def test_rows_are_read_with_empty_cells_as_nothing() -> None:
    rows = read(f"\ufeff{HEAD}H26.107, Xã Ứng Hòa ,10402,2025-07-01\nH26.1,A,,\n".encode(), "H26")
    assert [tuple(row) for row in rows] == [
        (2, "H26.107", "Xã Ứng Hòa", "10402", date(2025, 7, 1)),
        (3, "H26.1", "A", None, None),
    ]


def test_everything_wrong_is_named_at_once() -> None:
    text = HEAD + "H27.1,,1040,2025-02-30\nH26.1,A,,\nH26.1,B,,01/07/2025\nH26.2\n"
    assert wrong(text) == [
        (2, "code"), (2, "name"), (2, "valid_from"), (2, "ward_code"), (4, "code"),
        (4, "valid_from"), (5, ""),
    ]  # fmt: skip


def test_the_same_code_twice_is_named_with_its_first_line() -> None:
    assert wrong(HEAD + "H26.1,A,,\nH26.2,B,,\nH26.1,C,,\n") == [(4, "code")]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", [(1, "code"), (1, "name")]),
        (HEAD, [(1, "")]),
        ("code,name,colour\nH26.1,A,red\n", [(1, "colour")]),
        ("name\nA\n", [(1, "code")]),
        (HEAD + 'H26.1,"A\n', [(2, "")]),
        (HEAD + "H26.1,A,,,extra\n", [(2, "")]),
        (HEAD.encode() + b"H26.1,X\xe3\n", [(2, "")]),
    ],
)
def test_what_is_no_list_is_told(text: str | bytes, found: list[tuple[int, str]]) -> None:
    assert wrong(text) == found


def test_without_a_known_province_any_code_of_the_right_shape_will_do() -> None:
    assert read(f"{HEAD}H30.5.2,A,,\n".encode(), None)[0].code == "H30.5.2"


def test_a_code_that_stood_before_is_told_beside_every_other_mistake() -> None:
    text = HEAD + "H26.1,A,1,\nH26.1,B,2,\nH26.2\nH26.2,C,,\n"
    assert wrong(text) == [(2, "ward_code"), (3, "code"), (3, "ward_code"), (4, ""), (5, "code")]


def test_importing_twice_mints_once(province: RunningProvince, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text(HEAD + "H26.55,Xã Một,10001,\n")
    words = ["offices", "import", str(file), "--config", str(province.config), "--json"]
    dry = json.loads(provision(*words, "--dry-run").stdout)
    assert (dry["dry_run"], dry["offices"][0]["office_id"]) == (True, None)
    assert dry["offices"][0]["is_new"] is True
    first = json.loads(provision(*words).stdout)["offices"][0]
    second = json.loads(provision(*words).stdout)["offices"][0]
    assert (first["is_new"], second["is_new"]) == (True, False)
    assert first["office_id"] == second["office_id"]
    assert "new: 0; to be changed: 0; as they are: 1" in provision(*words[:-1], "--dry-run").stdout


def test_another_name_for_a_known_code_is_told_before_and_after(
    province: RunningProvince, tmp_path: Path
) -> None:
    file = tmp_path / "list.csv"
    words = ["offices", "import", str(file), "--config", str(province.config)]
    file.write_text(HEAD + "H26.56,Xã Cũ,10001,\n")
    assert provision(*words).returncode == 0
    file.write_text(HEAD + "H26.56,Xã Mới,10001,2026-01-01\nH26.57,Xã Kia,,\n")
    dry = provision(*words, "--dry-run").stdout
    assert "new: 1; to be changed: 1; as they are: 0" in dry
    assert "H26.56: Xã Cũ → Xã Mới" in dry
    done = json.loads(provision(*words, "--json").stdout)["offices"]
    assert [(each["is_new"], each["changed"], each["was"]) for each in done] == [
        (False, True, "Xã Cũ"), (True, False, None),
    ]  # fmt: skip
    again = json.loads(provision(*words, "--json").stdout)["offices"]
    assert [(each["is_new"], each["changed"]) for each in again] == [(False, False)] * 2


def test_one_mistake_is_one_mistake(province: RunningProvince, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text(HEAD + "H99.1,B,,\n")
    words = ["offices", "import", str(file), "--config", str(province.config)]
    assert "1 mistake, nothing" in provision(*words).stderr
    file.write_text(HEAD + "H99.1,,,\n")
    assert "2 mistakes, nothing" in provision(*words).stderr


def test_a_wrong_list_imports_nothing(province: RunningProvince, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text(HEAD + "H26.77,Xã Bảy,,\nH99.1,B,,\n")
    words = ["--config", str(province.config)]
    done = provision("offices", "import", file, *words, "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["errors"][0]["line"] == 3
    assert "line 3, code" in done.stderr
    refused = provision("ticket", "H26.77", *words, "--json")
    assert refused.returncode == 1
    assert json.loads(refused.stdout)["problem"]["code"] == "office-unknown"


def test_settings_that_are_not_there_are_told(tmp_path: Path) -> None:
    done = provision("ticket", "H26.107", "--config", tmp_path / "none.toml")
    assert done.returncode == 2
    assert "none.toml" in done.stderr
