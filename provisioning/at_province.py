"""What is done at the province's own server, through its functions and on its database."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from provisioning.office_list import OfficeRow
from records.desk_events import OfficeProfile
from server import offices
from server.cli.opening import opened as server_opened
from server.config import load
from server.context import ServerContext
from server.enrolment import issue_ticket
from server.publishing import publish
from wire import base45, statements
from wire.problems import Refusal
from wire.statements import Ticket


class Imported(NamedTuple):
    """One office of a list; `is_new` when its id was minted now."""

    code: str
    office_id: bytes
    is_new: bool


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


async def add_office(
    context: ServerContext, code: str, name: str, ward_code: str | None
) -> Imported:
    """Mint an office's id and tell the office its name; a code that is known keeps its id."""
    async with context.store.read() as conn:
        known = await offices.by_code(conn, code)
    if known is not None:
        return Imported(code, known.office_id, is_new=False)
    office_id = await offices.add_office(context, code, name, ward_code)
    profile = msgspec.json.encode(OfficeProfile(name=name))
    await publish(context, [office_id], [("office.profile", profile)])
    return Imported(code, office_id, is_new=True)


async def import_offices(context: ServerContext, rows: Sequence[OfficeRow]) -> tuple[Imported, ...]:
    """Add the offices of a list; doing it again adds nothing."""
    return tuple([await add_office(context, row.code, row.name, row.ward_code) for row in rows])


async def issue(context: ServerContext, code: str, *, automatic: bool, valid_s: int) -> Issued:
    """Issue a one-time ticket for the office with this code. Raises Refusal office-unknown."""
    async with context.store.read() as conn:
        office = await offices.by_code(conn, code)
    if office is None:
        raise Refusal("office-unknown", code)
    statement = await issue_ticket(context, office.office_id, automatic=automatic, valid_s=valid_s)
    ticket = statements.read_unverified(statement, Ticket)
    return Issued(statement, base45.encode(statement), ticket.office_code, ticket.expires_ms)
