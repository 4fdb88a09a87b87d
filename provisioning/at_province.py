"""What is done at the province's own server, through its functions and on its database."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from provisioning.office_list import OfficeRow
from server import office_register, offices
from server.cli.opening import opened as server_opened
from server.config import load
from server.context import ServerContext
from server.enrolment import issue_ticket
from server.office_register import Entry, Found
from wire import base45, statements
from wire.problems import Refusal
from wire.statements import Ticket


class Issued(NamedTuple):
    """A ticket: the statement, its text for a QR code, the code of its office, its end."""

    statement: bytes
    text: str
    office: str
    expires_ms: int


@asynccontextmanager
async def opened(config_file: Path) -> AsyncIterator[ServerContext]:
    """Open the province's keys and database.

    Raises SettingsRefused, OSError, and what `server.main.open_context` raises.
    """
    async with server_opened(load(config_file)) as context:
        yield context


async def add_office(context: ServerContext, entry: Entry) -> bytes:
    """Mint an office's id and tell the office its name; a code that is known keeps its id."""
    (done,) = await office_register.take_in(context, [entry])
    if done.office_id is None:
        raise AssertionError("whatever was taken in has an id")
    return done.office_id


async def import_offices(
    context: ServerContext, rows: Sequence[OfficeRow], *, dry_run: bool
) -> list[Found]:
    """Take a list into the register, all or nothing; with `dry_run` only say what would be."""
    entries = [Entry(row.code, row.name, row.ward_code, row.valid_from) for row in rows]
    if not dry_run:
        return await office_register.take_in(context, entries)
    async with context.store.read() as conn:
        return await office_register.compare(conn, entries)


async def issue(context: ServerContext, code: str, *, automatic: bool, valid_s: int) -> Issued:
    """Issue a one-time ticket for the office with this code. Raises Refusal office-unknown."""
    async with context.store.read() as conn:
        office = await offices.by_code(conn, code)
    if office is None:
        raise Refusal("office-unknown", code)
    statement = await issue_ticket(context, office.office_id, automatic=automatic, valid_s=valid_s)
    ticket = statements.read_unverified(statement, Ticket)
    return Issued(statement, base45.encode(statement), ticket.office_code, ticket.expires_ms)
