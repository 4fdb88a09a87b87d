"""A settings file is judged whole: every mistake at once, each with its line."""

import pytest
from msgspec import Struct

from wire.settings import SettingsRefused, read
from wire.texts import Text


class Part(Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    port: int = 1


class File(Struct, frozen=True, forbid_unknown_fields=True):
    office: str
    count: int = 3
    province: Part | None = None
    devices: tuple[Part, ...] = ()


def test_a_good_file_is_read() -> None:
    found = read('office = "H26"\n[[devices]]\nname = "a"\n[[devices]]\nname = "b"\n', File)
    assert found == File("H26", devices=(Part("a"), Part("b")))


def test_every_mistake_is_named_with_its_line_and_remedy() -> None:
    source = (
        'offise = "H26"\n'
        "count = 'three'\n"
        "\n"
        "[province]\n"
        'name = "p"  # good\n'
        "prot = 2\n"
        "[[devices]]\n"
        'name = "a"\n'
        "[[devices]]\n"
        "name = 7\n"
        "port = true\n"
    )
    remedy = Text(vi="Số", en="A number")
    with pytest.raises(SettingsRefused) as refused:
        read(source, File, remedies={"count": remedy})
    found = [(problem.path, problem.line) for problem in refused.value.problems]
    assert found == [
        ("office", 1),
        ("offise", 1),
        ("count", 2),
        ("province.prot", 6),
        ("devices[1].name", 10),
        ("devices[1].port", 11),
    ]
    assert refused.value.problems[2].remedy == remedy
    assert "2: count" in str(refused.value)


def test_what_is_no_toml_says_where() -> None:
    with pytest.raises(SettingsRefused) as refused:
        read('office = "H26"\ncount = = 3\n', File)
    assert [problem.line for problem in refused.value.problems] == [2]


def test_dotted_and_quoted_keys_have_lines_too() -> None:
    with pytest.raises(SettingsRefused) as refused:
        read('office = "a"\nprovince.name = "b"\nprovince."port" = "c"\n', File)
    assert [(p.path, p.line) for p in refused.value.problems] == [("province.port", 3)]
