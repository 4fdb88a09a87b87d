"""Reads the files of both sides by itself, beside the programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import sqlcipher3

from agent.journal import database
from tests.simulation.device import KEY, Device
from tests.simulation.province import Province


class Row(NamedTuple):
    """One event as a side holds it."""

    seq: int
    hash: bytes
    event: bytes | None


Journals = Mapping[bytes, list[Row]]
"""Events by the id of their journal; empty journals are left out."""

_HELD = (
    "SELECT e.seq, e.hash, e.event FROM event e JOIN journal j"
    " ON j.office_id = e.office_id AND j.journal_no = e.journal_no"
)
_HELD_JOURNALS = (
    "SELECT j.journal_id, e.seq, e.hash, e.event FROM event e JOIN journal j"
    " ON j.office_id = e.office_id AND j.journal_no = e.journal_no"
    " WHERE j.device_id = ? ORDER BY j.journal_no, e.seq"
)
_SAID_JOURNALS = (
    "SELECT j.desk_id, e.seq, e.hash, e.event FROM desk_event e JOIN desk_journal j"
    " ON j.office_id = e.office_id AND j.desk_id = e.desk_id"
    " WHERE j.device_id = ? ORDER BY j.opened_ms, j.desk_id, e.seq"
)


def ask(province: Province, query: str, *values: Any) -> list[Any]:
    """Return what the running province's database says."""
    with _reading(province) as connection:
        return list(connection.execute(query, values).fetchall())


@contextmanager
def _reading(province: Province) -> Iterator[Any]:
    key = (province.config.keys_dir / "database.key").read_bytes()
    connection = sqlcipher3.connect(f"file:{quote(str(province.file))}?mode=ro", uri=True)
    try:
        connection.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
        yield connection
    finally:
        connection.close()


def hash_at(province: Province, device: Device, seq: int) -> bytes | None:
    """Return hash(seq) of a device's first journal as the province holds it."""
    identity = device.enrolled.enrolment.identity
    if seq == 0:
        return identity.genesis.hash
    found = ask(
        province,
        _HELD + " WHERE j.device_id = ? AND j.journal_id = ? AND e.seq = ?",
        identity.device_id, identity.journal, seq,
    )  # fmt: skip
    return found[0][1] if found else None


def held_rows(province: Province, device: Device) -> list[Row]:
    """Return a device's first journal as the province holds it."""
    identity = device.enrolled.enrolment.identity
    query = _HELD + " WHERE j.device_id = ? AND j.journal_id = ? ORDER BY e.seq"
    return [Row(*row) for row in ask(province, query, identity.device_id, identity.journal)]


def held_journals(province: Province, device: Device) -> Journals:
    """Return every journal of a device that the province holds."""
    identity = device.enrolled.enrolment.identity
    return _by_journal(ask(province, _HELD_JOURNALS, identity.device_id))


def said_journals(province: Province, device: Device) -> Journals:
    """Return every desk journal that the province keeps for a device."""
    identity = device.enrolled.enrolment.identity
    return _by_journal(ask(province, _SAID_JOURNALS, identity.device_id))


def own_rows(device: Device, side: str = "office") -> list[Row]:
    """Return a device's open journal as its own file holds it."""
    return rows_of(device.file, side)


def rows_of(file: Path, side: str) -> list[Row]:
    """Return the open journal of a file."""
    query = (
        "SELECT seq, hash, body FROM event JOIN journal ON no = journal"
        " WHERE side = ? AND state = 'open' ORDER BY seq"
    )
    return [Row(*row) for row in _read(file, query, side)]


def own_journals(device: Device, side: str = "office") -> Journals:
    """Return every journal of a device's file, also those that another follows."""
    query = (
        "SELECT id, seq, hash, body FROM event JOIN journal ON no = journal"
        " WHERE side = ? ORDER BY no, seq"
    )
    return _by_journal(_read(device.file, query, side))


def _read(file: Path, query: str, *values: Any) -> list[Any]:
    connection = database.open_reader(file, KEY)
    try:
        return list(connection.execute(query, values).fetchall())
    finally:
        connection.close()


def _by_journal(rows: list[Any]) -> Journals:
    found: dict[bytes, list[Row]] = {}
    for journal_id, *row in rows:
        found.setdefault(journal_id, []).append(Row(*row))
    return found
