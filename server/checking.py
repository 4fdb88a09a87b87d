"""Check what the province holds: every event against its hash, every hash against the next.

The same for the desk journals. A chain that holds proves that nothing was lost, changed or put in
between since it was acknowledged; the head is what the receipts say. The newest head that a device
signed must stand in its chain at that place: it proves who wrote what is held.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from msgspec import Struct
from sqlalchemy import Row, Select, null, select
from sqlalchemy.ext.asyncio import AsyncConnection

from server.context import ServerContext
from server.store.tables import desk_event, desk_journal, device, event, journal, office
from wire import statements
from wire.chain import Head, event_digest, genesis, link
from wire.keys import VerifyKey, key_id
from wire.problems import Malformed, Refusal
from wire.statements import HeadStatement

CHUNK_EVENTS: Final = 2_000


class Damage(Struct, frozen=True, kw_only=True):
    """The first place where a journal is not what it should be.

    `what`: missing | hash-wrong | head-wrong | statement-wrong. `side`: office | desk.
    """

    office: str
    side: str
    journal: str
    seq: int
    what: str


class Checked(Struct, frozen=True, kw_only=True):
    """What a check looked at and found; `signed` journals have a head their device signed."""

    ok: bool
    journals: int
    signed: int
    events: int
    damaged: tuple[Damage, ...]


class _Chain(Struct, frozen=True, kw_only=True):
    """One journal of either side: where it starts, where it should end, its rows.

    `statement`: the newest head that the device whose public key is `writer` signed, if any.
    """

    office: str
    side: str
    journal_id: bytes
    start: Head
    end: Head
    rows: Select[Any]
    statement: bytes | None = None
    writer: bytes = b""


async def verify(ctx: ServerContext) -> Checked:
    """Check every journal, each as it is at one moment; messages go on meanwhile."""
    async with ctx.store.read() as conn:
        chains = [*await _office_chains(conn), *await _desk_chains(conn)]
    events = 0
    damaged: list[Damage] = []
    for chain in chains:
        async with ctx.store.read() as conn:
            found = await _check(conn, chain)
        events += chain.end.seq if found is None else found.seq
        if found is not None:
            damaged.append(found)
    return Checked(
        ok=not damaged,
        journals=len(chains),
        signed=sum(chain.statement is not None for chain in chains),
        events=events,
        damaged=tuple(damaged),
    )


async def _check(conn: AsyncConnection, chain: _Chain) -> Damage | None:
    """Walk one journal from its start; return the first thing that is wrong."""
    head = chain.start
    while head.seq < chain.end.seq:
        sequence = chain.rows.selected_columns.seq
        rows = (
            await conn.execute(
                chain.rows.where(sequence > head.seq, sequence <= chain.end.seq)
                .order_by(sequence)
                .limit(CHUNK_EVENTS)
            )
        ).all()
        if not rows:
            return _damage(chain, head.seq + 1, "missing")
        for row in rows:
            wrong = _wrong(head, row)
            if wrong is not None:
                return _damage(chain, head.seq + 1, wrong)
            head = Head(row.seq, row.hash)
    if head.hash != chain.end.hash:
        return _damage(chain, head.seq, "head-wrong")
    return await _check_statement(conn, chain)


async def _check_statement(conn: AsyncConnection, chain: _Chain) -> Damage | None:
    """Compare the head the device signed with the chain; of what is not held yet it says nothing.

    Its place is the end of the chain when it cannot be read.
    """
    if chain.statement is None:
        return None
    try:
        said = statements.verify(chain.statement, HeadStatement, VerifyKey(chain.writer))
    except (Malformed, Refusal):
        return _damage(chain, chain.end.seq, "statement-wrong")
    if said.seq > chain.end.seq and said.journal == chain.journal_id:
        return None
    found = await conn.execute(chain.rows.where(chain.rows.selected_columns.seq == said.seq))
    row = found.first()
    held = chain.start.hash if row is None else row.hash
    agrees = (said.journal, said.hash) == (chain.journal_id, held)
    return None if agrees else _damage(chain, said.seq, "statement-wrong")


def _wrong(head: Head, row: Row[Any]) -> str | None:
    """Return what is wrong with the row that should follow `head`, None when it does."""
    if row.seq != head.seq + 1:
        return "missing"
    digest = row.digest if row.event is None else event_digest(row.event)
    return None if digest is not None and link(head.hash, digest) == row.hash else "hash-wrong"


def _damage(chain: _Chain, seq: int, what: str) -> Damage:
    return Damage(
        office=chain.office, side=chain.side, journal=chain.journal_id.hex(), seq=seq, what=what
    )


async def _office_chains(conn: AsyncConnection) -> list[_Chain]:
    rows = await conn.execute(
        select(journal, office.c.code, device.c.device_key)
        .outerjoin(office, office.c.office_id == journal.c.office_id)
        .outerjoin(
            device,
            (device.c.office_id == journal.c.office_id)
            & (device.c.device_id == journal.c.device_id),
        )
        .order_by(office.c.code, journal.c.journal_no)
    )
    return [
        _Chain(
            office=row.code or str(UUID(bytes=row.office_id)),
            side="office",
            journal_id=row.journal_id,
            start=genesis(row.device_id, row.journal_id),
            end=Head(row.head_seq, row.head_hash),
            rows=select(event.c.seq, event.c.hash, event.c.event, event.c.digest).where(
                event.c.office_id == row.office_id, event.c.journal_no == row.journal_no
            ),
            statement=row.head_statement,
            writer=row.device_key or b"",
        )
        for row in rows
    ]


async def _desk_chains(conn: AsyncConnection) -> list[_Chain]:
    rows = await conn.execute(
        select(desk_journal, office.c.code)
        .outerjoin(office, office.c.office_id == desk_journal.c.office_id)
        .order_by(office.c.code, desk_journal.c.desk_id)
    )
    return [
        _Chain(
            office=row.code or str(UUID(bytes=row.office_id)),
            side="desk",
            journal_id=row.desk_id,
            start=genesis(key_id(row.writer_key), row.desk_id),
            end=Head(row.head_seq, row.head_hash),
            rows=select(
                desk_event.c.seq, desk_event.c.hash, desk_event.c.event, null().label("digest")
            ).where(desk_event.c.office_id == row.office_id, desk_event.c.desk_id == row.desk_id),
        )
        for row in rows
    ]
