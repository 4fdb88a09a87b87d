"""What is wrong is named with its path, nothing of it is recorded, and its neighbours stand."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from records.calendar import OFFICE_ZONE
from tests.e2e.exactly_once import realistic
from tests.e2e.world import World

Json = dict[str, Any]
TOO_LARGE_BYTES = 10 << 20
TOMORROW = (datetime.now(OFFICE_ZONE).date() + timedelta(days=1)).isoformat()


def receive(**changes: object) -> Json:
    """A dossier that could be filed, but for `changes`."""
    applicant = {"full_name": "Nguyễn Thị Ngọc Hà", "id_number": "001184000017"}
    command = {
        "type": "dossier.receive",
        "procedure_code": "1.001193",
        "channel": "direct",
        "return_channel": "direct",
        "applicant": applicant | dict(changes.pop("applicant", {})),  # type: ignore[call-overload]
    }
    return command | changes


class Bad(NamedTuple):
    """One bad line: its bytes, the code of the refusal and a path it must name (None: no path)."""

    line: bytes
    code: str
    path: str | None


def of(command: Json, code: str, path: str | None) -> Bad:
    return Bad(json.dumps(command).encode(), code, path)


BAD = {
    "unknown procedure": of(
        receive(procedure_code="9.999999"), "procedure-unknown", "procedure_code"
    ),
    "malformed card number": of(
        receive(applicant={"id_number": "00118400001"}), "field-invalid", "applicant.id_number"
    ),
    "letters in a card number": of(
        receive(applicant={"id_number": "0011840000l7"}), "field-invalid", "applicant.id_number"
    ),
    "born in the future": of(
        receive(applicant={"date_of_birth": TOMORROW}), "field-invalid", "applicant.date_of_birth"
    ),
    "unknown field": of(receive(colour="blue"), "field-unknown", "colour"),
    "unknown field within": of(
        receive(applicant={"nickname": "Hà"}), "field-unknown", "applicant.nickname"
    ),
    "missing field": of({"type": "dossier.forward"}, "field-missing", "dossier"),
    "wrong type of value": of(receive(sets="two"), "field-invalid", "sets"),
    "unknown command": of({"type": "dossier.burn"}, "type-unknown", "type"),
    "no command at all": of({"procedure_code": "1.001193"}, "field-missing", "type"),
    "invalid UTF-8": Bad(b'{"type":"dossier.receive","note":"\xff\xfe"}', "not-utf8", None),
    "half a surrogate": of(receive(note="\ud800"), "field-invalid", "note"),
    "not JSON": Bad(b'{"type":"dossier.receive",', "not-json", None),
    "a list": Bad(b'["dossier.receive"]', "field-invalid", ""),
    "10 MB of JSON": of(receive(note="a" * TOO_LARGE_BYTES), "too-large", None),
}


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One running office; nothing here may leave anything in it."""
    with World(tmp_path_factory.mktemp("w")) as world:
        world.start_agent()
        yield world


def assert_names(problem: Json, bad: Bad) -> None:
    assert problem["code"] == bad.code
    assert problem["type"] == f"urn:commune:problem:{bad.code}"
    assert problem["title"]
    if bad.path is not None:
        assert bad.path in [error["path"] for error in problem["errors"]], problem["errors"]
        assert all(error["message"] for error in problem["errors"])


@pytest.mark.parametrize("name", ["unknown procedure", "invalid UTF-8", "10 MB of JSON"])
def test_a_bad_line_is_refused_by_submit(office: World, name: str) -> None:
    bad, head = BAD[name], office.head
    done = office.run("submit", "-", stdin=bad.line + b"\n")
    assert done.returncode == 1, done.stderr
    (result,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert result["ok"] is False
    assert result["line"] == 1
    assert_names(result["problem"], bad)
    assert office.head == head, "nothing is recorded"


@pytest.mark.parametrize("name", BAD)
def test_a_bad_command_is_refused_over_http(office: World, name: str) -> None:
    bad, head = BAD[name], office.head
    status, media_type, problem = office.call("POST", "/api/commands", bad.line)
    assert 400 <= status < 500
    assert media_type.startswith("application/problem+json")
    assert problem["status"] == status
    assert_names(problem, bad)
    assert office.head == head, "nothing is recorded"


def test_every_mistake_of_a_command_is_named_at_once(office: World) -> None:
    command = receive(
        channel="pigeon", colour="blue", applicant={"id_number": "1", "date_of_birth": TOMORROW}
    )
    _, _, problem = office.call("POST", "/api/commands", json.dumps(command).encode())
    named = {error["path"] for error in problem["errors"]}
    assert named >= {"channel", "colour", "applicant.id_number", "applicant.date_of_birth"}


def test_good_lines_among_bad_ones_are_recorded(place: Path) -> None:
    with World(place) as world:
        world.start_agent()
        good = [json.dumps(command, ensure_ascii=False).encode() for command in realistic(40)]
        bad = list(BAD.values())
        lines: list[bytes] = []
        places: dict[int, Bad] = {}
        for number, line in enumerate(good):
            lines.append(line)
            if number % 2 == 0 and bad:
                lines.append(bad[0].line)
                places[len(lines)] = bad.pop(0)
        assert not bad, "every kind of bad line has its place"

        done = world.run("submit", "-", stdin=b"\n".join(lines) + b"\n")

        assert done.returncode == 1
        results = [json.loads(line) for line in done.stdout.splitlines()]
        assert len(results) == len(lines)
        refused = {result["line"]: result for result in results if not result["ok"]}
        assert refused.keys() == places.keys()
        for line_number, bad_line in places.items():
            assert_names(refused[line_number]["problem"], bad_line)
        recorded = {result["seq"] for result in results if result["ok"]}
        assert recorded == set(range(1, world.head + 1))
        assert world.verify()["ok"]
