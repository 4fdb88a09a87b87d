"""Commands made of anything: read, or refused with its path and in words."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from records import reading
from records.commands import parse
from tests.records.test_commands import RECEIVE, TODAY, changed, line, refusal
from wire.problems import CATALOGUE, FieldError, Refusal

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


PATHS = [
    *RECEIVE,
    "applicant.full_name",
    "applicant.id_number",
    "applicant.date_of_birth",
    "due_at",
]


def test_a_type_no_command_has_reads_as_wrong() -> None:
    errors: list[FieldError] = []
    assert reading.read("x", reading.info_of(bytes), "place", errors) is None
    assert [error.path for error in errors] == ["place"]


def tried(data: bytes) -> Refusal | None:
    try:
        parse(data, today=TODAY)
    except Refusal as refused:
        return refused
    return None


@given(st.sampled_from(PATHS), JSON)
def test_any_value_anywhere_is_read_or_refused_with_its_path(path: str, value: Any) -> None:
    refused = tried(line(changed(RECEIVE, path, value)))
    if refused is not None:
        heads = {error.path.split(".")[0].split("[")[0] for error in refused.errors}
        assert heads == {path.split(".", maxsplit=1)[0]}


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_refused_in_words(data: bytes) -> None:
    assert refusal(data).code


@given(st.data())
def test_a_broken_line_is_refused_or_read(data: st.DataObject) -> None:
    good = bytearray(line(RECEIVE))
    good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    refused = tried(bytes(good))
    assert refused is None or refused.code in CATALOGUE
