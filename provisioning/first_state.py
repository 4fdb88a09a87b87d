"""What a province publishes before anything can be received: the shipped calendar and catalogue."""

from collections.abc import Iterator

import msgspec
from msgspec import Raw, Struct

from records import calendar, catalogue


class _Line(Struct, frozen=True):
    """One line of a file for `commune-server publish`."""

    kind: str
    body: Raw


def publications() -> Iterator[tuple[str, bytes]]:
    """Yield (kind, JSON body): the working days, and every procedure."""
    yield "calendar.set", msgspec.json.encode(calendar.shipped().body)
    for procedure in catalogue.load().procedures():
        yield "procedure.set", msgspec.json.encode(procedure)


def ndjson() -> bytes:
    """Return the same as the file that `commune-server publish` takes."""
    lines = (msgspec.json.encode(_Line(kind, Raw(body))) for kind, body in publications())
    return b"".join(line + b"\n" for line in lines)
