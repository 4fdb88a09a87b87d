"""The catalogue as the province publishes it: what its procedures are called, in which field."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from records.catalogue import Procedure
from server.store.tables import PROVINCE, publication

_procedure = msgspec.json.Decoder(Procedure)


async def procedures(conn: AsyncConnection) -> Mapping[str, Procedure]:
    """Return every procedure the province has published to all offices, by code.

    One published to a single office names itself there; for figures of the whole province that
    of the province counts, and the office's where there is no other.
    """
    rows = await conn.execute(
        select(publication.c.office_id, publication.c.body)
        .where(publication.c.kind == "procedure.set")
        .order_by(publication.c.ordinal)
    )
    own: dict[str, Procedure] = {}
    common: dict[str, Procedure] = {}
    for row in rows:
        procedure = _procedure.decode(row.body)
        (common if row.office_id == PROVINCE else own)[procedure.code] = procedure
    return own | common
