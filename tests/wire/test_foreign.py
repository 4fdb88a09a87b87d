"""JSON that nobody vouches for: one exception, whatever is wrong and wherever it stands."""

import pytest
from msgspec import Struct

from wire.foreign import read_json
from wire.limits import FOREIGN_DEPTH_MAX
from wire.problems import Malformed


class Named(Struct):
    code: str = ""


def nested(levels: int) -> bytes:
    return b'{"x":' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not-json"),
        (b"{", "not-json"),
        (b'{"code":"a"}}', "not-json"),
        (b"[]", "member"),
        (b'{"code":1}', "member"),
        (b'{"code":"\xff"}', "not-utf8"),
        (b'{"x":"\xff"}', "not-utf8"),
        (rb'{"code":"\ud800"}', "not-json"),
        (nested(20_000), "depth"),
        (nested(20_000)[:10_000], "depth"),
        (nested(FOREIGN_DEPTH_MAX + 1), "depth"),
    ],
)
def test_what_is_wrong_is_named(data: bytes, reason: str) -> None:
    with pytest.raises(Malformed) as malformed:
        read_json(data, Named)
    assert malformed.value.reason == reason


@pytest.mark.parametrize(
    "data",
    [
        nested(FOREIGN_DEPTH_MAX),
        b'{"x":"' + b"[" * 1_000 + b'"}',
        b"[" * 3 + b"]," + b"[]," * 100 + b"[]]]",
    ],
)
def test_members_nobody_asked_for_are_passed_over(data: bytes) -> None:
    assert read_json(data, object) is not None
