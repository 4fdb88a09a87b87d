"""What reaches the log, and what never does."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from console.logs import HIDDEN, configure


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Give the stream the log goes to; everything as it was afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure(stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(log: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def test_an_entry_is_one_line_of_json_with_its_time_first(log: io.StringIO) -> None:
    structlog.get_logger("agent").info("started", office="H26.107", head=12)
    (entry,) = lines(log)
    assert list(entry)[:3] == ["timestamp", "level", "event"]
    assert (entry["event"], entry["office"], entry["head"]) == ("started", "H26.107", 12)


def test_personal_members_are_hidden_at_any_depth(log: io.StringIO) -> None:
    person = {"full_name": "Nguyễn Thị Ngọc Hà", "phone": "0912345678"}
    structlog.get_logger().info("oops", applicant=person, list=[{"visitor": person}], pin="123456")
    assert "Hà" not in log.getvalue()
    assert "0912345678" not in log.getvalue()
    assert "123456" not in log.getvalue()
    assert HIDDEN in log.getvalue()


def test_long_numbers_in_any_text_lose_their_end(log: io.StringIO) -> None:
    structlog.get_logger().warning("card 001184000017 was odd", nested=("0912345678",))
    assert "001184000017" not in log.getvalue()
    assert "0912345678" not in log.getvalue()
    assert f"001{HIDDEN}" in log.getvalue()


def test_an_exception_keeps_its_places_and_loses_its_message(log: io.StringIO) -> None:
    try:
        raise ValueError("Nguyễn Thị Ngọc Hà cannot be read")
    except ValueError:
        structlog.get_logger().exception("failed")
        logging.getLogger("library").exception("failed too")
    for entry in lines(log):
        assert entry["error"] == "ValueError"
        assert "test_logs.py" in str(entry["places"])
    assert "Hà" not in log.getvalue()


def test_each_exception_of_a_group_is_named(log: io.StringIO) -> None:
    try:
        raise ExceptionGroup("both", [ValueError("secret"), KeyError("secret")])
    except* (ValueError, KeyError):
        structlog.get_logger().exception("failed")
    (entry,) = lines(log)
    assert entry["error"] == "ExceptionGroup"
    assert "KeyError" in str(entry["errors"])
    assert "secret" not in log.getvalue()


def test_an_exception_given_by_hand_is_read_too(log: io.StringIO) -> None:
    structlog.get_logger().error("failed", exc_info=OSError("secret"))
    (entry,) = lines(log)
    assert (entry["error"], entry["places"]) == ("OSError", [])


def test_the_standard_librarys_logging_goes_the_same_way(log: io.StringIO) -> None:
    logging.getLogger("asyncio").info("listening on %s", "127.0.0.1:8710")
    logging.getLogger("uvicorn.access").info("GET /api/dossiers?q=001184000017")
    (entry,) = lines(log)
    assert entry["event"] == "listening on 127.0.0.1:8710"


def test_a_control_character_cannot_forge_a_line(log: io.StringIO) -> None:
    structlog.get_logger().info("scan", reason='x\n{"event":"forged"}\x1b[2J', raw=b"\x00\x01")
    (entry,) = lines(log)
    assert entry["raw"] == "2 bytes"
    assert "\x1b" not in log.getvalue()


def test_other_kinds_of_values_are_written_as_text(log: io.StringIO) -> None:
    structlog.get_logger().info("odd", value={"a"}, nothing=None, share=0.5, yes=True)
    (entry,) = lines(log)
    assert (entry["value"], entry["nothing"], entry["share"], entry["yes"]) == (
        "{'a'}",
        None,
        0.5,
        True,
    )
