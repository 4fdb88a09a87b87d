"""`/v1/statistics/dossiers`: the report of `records.statistics` over the offices of a province."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date
from functools import partial

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from records.statistics import (
    Completeness,
    Declined,
    Group,
    History,
    Statistics,
    period,
    statistics,
)
from server import catalogue, offices
from server.config import Config
from server.offices import Office
from server.projected_dossiers import read_history
from server.standing import state_of
from server.store.projection_tables import declined as declined_table
from server.store.projection_tables import dossier as dossier_table
from server.store.tables import device

HEARD = frozenset({"fresh", "late"})
Story = tuple[str, bytes]
"""Code of the office and the column `history`."""


async def dossiers(  # noqa: PLR0917 - a question has these parts
    conn: AsyncConnection,
    config: Config,
    now_ms: int,
    span: tuple[date, date],
    office: Office | None,
    group: Sequence[Group],
) -> Statistics:
    """Work out the report of a period, both days inside, of one office or of all.

    An office counts as in when it was heard within the time after which it is silent.
    """
    chosen = await offices.every(conn) if office is None else [office]
    codes = {one.office_id: one.code for one in chosen}
    moments = period(*span, now_ms)
    own = [dossier_table.c.office_id == office.office_id] if office else []
    stories: list[Story] = [
        (codes[row.office_id], row.history)
        for row in await conn.execute(
            select(dossier_table.c.office_id, dossier_table.c.history)
            .where(dossier_table.c.first_ms < moments.end_ms, *own)
            .where(or_(dossier_table.c.open, dossier_table.c.last_ms >= moments.start_ms))
        )
    ]
    away = [
        Declined(codes[row.office_id], row.procedure_code, row.at_ms)
        for row in await conn.execute(
            select(declined_table).where(
                declined_table.c.at_ms >= moments.start_ms,
                declined_table.c.at_ms < moments.end_ms,
                *([declined_table.c.office_id == office.office_id] if office else []),
            )
        )
    ]
    fields = {code: item.field for code, item in (await catalogue.procedures(conn)).items()}
    work = partial(
        statistics,
        declined=away,
        first_day=span[0],
        last_day=span[1],
        now_ms=now_ms,
        field_of=fields.get,
        completeness=await _completeness(conn, config, now_ms, chosen),
        group=group,
    )
    return await asyncio.to_thread(lambda: work(_histories(stories)))


def _histories(stories: Sequence[Story]) -> list[History]:
    return [read_history(history, code) for code, history in stories]


async def _completeness(
    conn: AsyncConnection, config: Config, now_ms: int, chosen: Sequence[Office]
) -> Completeness:
    rows = await conn.execute(select(device.c.office_id, device.c.state, device.c.seen_ms))
    heard = {
        row.office_id
        for row in rows
        if state_of(row.state, "open", row.seen_ms, config, now_ms) in HEARD
    }
    silent = tuple(sorted(one.code for one in chosen if one.office_id not in heard))
    return Completeness(offices=len(chosen), heard=len(chosen) - len(silent), silent=silent)
