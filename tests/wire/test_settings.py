"""A settings file is judged whole: every mistake at once, each with its line."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta, Struct, defstruct

from wire.settings import Fault, Mistake, SettingsRefused, read
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
    with pytest.raises(SettingsRefused) as refused:
        read(source, File)
    found = [(problem.path, problem.line) for problem in refused.value.problems]
    assert found == [
        ("offise", 1),
        ("office", 1),
        ("count", 2),
        ("province.prot", 6),
        ("devices[1].name", 10),
        ("devices[1].port", 11),
    ]
    assert refused.value.problems[2].remedy.en == "Write count = 1 (without quotes)."
    assert "2: count" in str(refused.value)


def test_what_is_no_toml_says_where() -> None:
    with pytest.raises(SettingsRefused) as refused:
        read('office = "H26"\ncount = = 3\n', File)
    assert [problem.line for problem in refused.value.problems] == [2]


def test_dotted_and_quoted_keys_have_lines_too() -> None:
    with pytest.raises(SettingsRefused) as refused:
        read('office = "a"\nprovince.name = "b"\nprovince."port" = "c"\n', File)
    assert [(p.path, p.line) for p in refused.value.problems] == [("province.port", 3)]


def test_what_the_program_checks_itself_is_told_with_the_rest() -> None:
    fault = Fault(Text(vi="lẻ", en="odd"), Text(vi="chẵn", en="even"))

    def even(value: int) -> Fault | None:
        return fault if value % 2 else None

    def between(data: Mapping[str, Any]) -> Iterator[Mistake]:
        if len(data["devices"]) > 1:
            yield ("devices", 1), fault

    source = 'count = 5\n[[devices]]\nname = "a"\nport = 3\n[[devices]]\nname = "b"\n'
    with pytest.raises(SettingsRefused) as refused:
        read(source, File, checks={"count": even, "devices.port": even}, between=between)
    told = [(problem.path, problem.line, problem.message.en) for problem in refused.value.problems]
    assert told == [
        ("office", 1, "The key 'office' is missing"),
        ("count", 1, "odd"),
        ("devices[0].port", 4, "odd"),
        ("devices[1]", 5, "odd"),
    ]


class Bounded(Struct, frozen=True, kw_only=True):
    least: Annotated[int, Meta(ge=2)] = 2
    share: Annotated[int, Meta(ge=1, le=9)] = 1
    kind: Literal["a", "b"] = "a"
    words: Annotated[str, Meta(min_length=1)] = "x"
    part: Part | None = None
    parts: tuple[Part, ...] = ()
    needed: Part


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("least = 1", "'least' must be 2 or more"),
        ("share = 10", "'share' must be between 1 and 9"),
        ("share = true", "'share' must be a whole number"),
        ("kind = 'c'", "'c' is no value of 'kind'"),
        ("words = '  '", "'words' is empty"),
        ("words = 3", "'words' must be text in double quotes"),
        ("part = 3", "'part' must be a section, written [part]"),
        ("parts = 3", "'parts' must be a list of sections, each written [[parts]]"),
        ("parts = [3]", "'parts' must be a section, written [parts]"),
    ],
)
def test_each_kind_of_mistake_has_its_words(line: str, said: str) -> None:
    with pytest.raises(SettingsRefused) as refused:
        read(f"{line}\n[needed]\nname = 'n'\n", Bounded)
    assert [problem.message.en for problem in refused.value.problems] == [said]


def test_what_is_one_of_the_choices_within_its_bounds_is_read() -> None:
    source = "least = 2\nshare = 9\nkind = 'b'\nwords = ' y '\n[needed]\nname = 'n'\n"
    assert read(source, Bounded) == Bounded(
        least=2, share=9, kind="b", words=" y ", needed=Part("n")
    )


def test_a_section_that_must_be_there_is_named() -> None:
    with pytest.raises(SettingsRefused) as refused:
        read("", Bounded)
    assert refused.value.problems[0].message.en == "The section [needed] is missing"


def test_a_type_no_setting_has_is_a_mistake_of_the_program() -> None:
    with pytest.raises(TypeError, match="no settings of type"):
        read("a = 1.5\n", defstruct("Odd", [("a", float)]))
