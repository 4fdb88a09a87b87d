"""Bodies of events: what cannot be shown or reckoned with is no body."""

import json
from datetime import datetime
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from records.events import BODIES, decode_body
from wire.problems import Refusal

ORDER = {"order": "99/UBND", "title": "Chỉ thị", "from": "2026-11-01T00:00:00+07:00"}


@pytest.mark.parametrize("member", ["from", "until"])
@pytest.mark.parametrize(
    "at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-12:00"]
)
def test_a_time_at_the_ends_of_the_calendar_is_refused_by_its_name(member: str, at: str) -> None:
    body = json.dumps(ORDER | {member: at}).encode()
    with pytest.raises(Refusal) as refused:
        decode_body("policy.set", body)
    assert [error.path for error in refused.value.errors] == [f"body.{member}"]


def test_a_time_inside_an_inner_part_is_judged_too() -> None:
    received = {
        "procedure_code": "1.001193", "version": "1", "channel": "direct",
        "return_channel": "direct", "applicant": {"full_name": "Lê Văn An"}, "book": "9/1",
        "paper": {"volume": 9, "number": 1, "at": "9999-12-31T23:59:59Z"},
    }  # fmt: skip
    with pytest.raises(Refusal) as refused:
        decode_body("dossier.received", json.dumps(received).encode())
    assert [error.path for error in refused.value.errors] == ["body.paper.at"]


def test_no_list_of_a_body_holds_times_that_would_pass_unjudged() -> None:
    for body in BODIES.values():
        assert not _listed(inspect.type_info(body), inside=False), body


def _listed(info: Any, *, inside: bool) -> bool:
    match info:
        case inspect.DateTimeType():
            return inside
        case inspect.UnionType():
            return any(_listed(kind, inside=inside) for kind in info.types)
        case inspect.StructType():
            return any(_listed(field.type, inside=inside) for field in info.fields)
        case inspect.VarTupleType() | inspect.ListType():
            return _listed(info.item_type, inside=True)
        case inspect.DictType():
            return _listed(info.value_type, inside=True)
    return False


def test_usual_times_pass() -> None:
    read = decode_body("policy.set", json.dumps(ORDER | {"until": None}).encode())
    assert msgspec.structs.asdict(read)["start"] == datetime.fromisoformat(ORDER["from"])
