"""Logs of the daemons: one JSON object a line on stderr, what may be personal taken out first.

Whatever is logged passes `redact` before anything else sees it. Names and numbers of people do
not belong into logs at all; this is the net below that rule. A traceback keeps its places and its
kind and loses its message, because messages quote what they complain about.
"""

import faulthandler
import logging
import re
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from types import TracebackType
from typing import Any, Final, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

PERSONAL: Final = frozenset(
    {
        "address", "applicant", "body", "date_of_birth", "email", "full_name", "id_number", "key",
        "password", "phone", "pin", "proxy", "secret", "seed", "text", "ticket", "token", "visitor",
    }
)  # fmt: skip
"""Members that never show their value, whatever it is."""

HIDDEN: Final = "•••"
TEXT_CHARS_MAX: Final = 500
DIGITS: Final = re.compile(r"\d{9,}")
"""Identity numbers have 9 or 12 digits, telephone numbers 10; times in ms are given as numbers."""

_INFO: Final = ("exc_info", "exc_text", "stack_info")


def redact(_logger: WrappedLogger, _method: str, entry: EventDict) -> EventDict:
    """Hide what may be personal in an entry, at any depth."""
    return {name: _redacted(name, value) for name, value in entry.items()}


def _redacted(name: str, value: Any) -> Any:
    if name in _INFO or name.startswith("_"):
        return value  # structlog's own; `places` comes next
    if name in PERSONAL:
        return HIDDEN
    if isinstance(value, Mapping):
        return {str(key): _redacted(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted("", inner) for inner in value]
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, str):
        return DIGITS.sub(lambda found: found.group()[:3] + HIDDEN, value)[:TEXT_CHARS_MAX]
    return value if isinstance(value, bool | int | float | None) else _redacted("", str(value))


def places(_logger: WrappedLogger, _method: str, entry: EventDict) -> EventDict:
    """Turn an exception into its kind and the places it passed, without its message."""
    info = entry.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    if isinstance(info, BaseException):
        info = (type(info), info, info.__traceback__)
    if isinstance(info, tuple) and info[0] is not None:
        kind, error, trace = info
        entry["error"] = kind.__name__
        entry["places"] = _places(trace)
        if isinstance(error, BaseExceptionGroup):
            entry["errors"] = [
                {"error": type(inner).__name__, "places": _places(inner.__traceback__)}
                for inner in error.exceptions
            ]
    return entry


def _places(trace: TracebackType | None) -> list[str]:
    frames = traceback.extract_tb(trace)
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]


def _renamed(_logger: WrappedLogger, _method: str, entry: EventDict) -> MutableMapping[str, Any]:
    """Put time, level and event first, so that a person can read down the lines."""
    first = ("timestamp", "level", "event")
    return {name: entry[name] for name in first if name in entry} | dict(entry)


CHAIN: Final[tuple[Processor, ...]] = (
    redact,
    places,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


def configure(stream: TextIO) -> None:
    """Send structlog and the standard library's logging to `stream` as JSON lines."""
    structlog.configure(
        processors=[*CHAIN, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=CHAIN,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _renamed,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    # What libraries tell of each request and step is not for this log.
    for name in ("httpx", "httpcore", "aiosqlite", "alembic", "uvicorn"):
        logging.getLogger(name).setLevel(logging.WARNING)


def show_faults() -> None:
    """Let a fault inside a library (a segmentation fault) leave its place on stderr, no contents.

    Python says nothing of it otherwise, and the service's manager only that the process is gone.
    """
    faulthandler.enable(sys.__stderr__ or sys.stderr)
