"""Taking a device in again that a restored province has forgotten (docs/protocol.md section 10).

The device shows the record the province once signed. A good own signature and no revocation make
it known again, pending: a person looks at it first. Its former desk journal is lost to us, so
nothing more is ever appended to that.
"""

from __future__ import annotations

import asyncio

from sqlalchemy import select

from server import desk, devices, incidents, revocations, signed
from server.context import ServerContext
from server.desk import Desk
from server.devices import Device
from server.store.tables import device as device_table
from server.store.tables import office
from wire import message
from wire.chain import genesis
from wire.keys import VerifyKey, key_id
from wire.message import Envelope
from wire.problems import Malformed, Refusal
from wire.statements import DeviceRecord
from wire.turns import TurnState, encode_state


async def readmit(ctx: ServerContext, envelope: Envelope, now_ms: int) -> Device:
    """Return the device an unknown sender proves to be. Raises Refusal sender-unknown."""
    record = await asyncio.to_thread(_proven, ctx, envelope)
    if record is None or revocations.is_revoked(ctx.config.data_dir, record.device_id):
        raise Refusal("sender-unknown")
    async with ctx.store.write() as conn:
        known = await devices.find(conn, record.device_id)
        if known is not None:
            return known
        has_office = await conn.execute(
            select(office.c.code).where(office.c.office_id == record.office_id)
        )
        if has_office.first() is None:
            raise Refusal("sender-unknown")
        each = Desk(
            office_id=record.office_id,
            desk_id=record.desk,
            device_id=record.device_id,
            writer_key=record.desk_writer_key,
            state="lost",
            head=genesis(key_id(record.desk_writer_key), record.desk),
        )
        await desk.create(conn, each, now_ms)
        await conn.execute(
            device_table.insert().values(
                office_id=record.office_id,
                device_id=record.device_id,
                device_key=record.device_key,
                sealing_key=record.sealing_key,
                state="pending",
                name="",
                predecessors=b"".join(record.predecessors),
                record=envelope.device_record,
                serial=record.serial,
                desk_id=record.desk,
                turns=encode_state(TurnState(any_once=True)),
                enrolled_ms=now_ms,
            )
        )
        await incidents.record(
            conn,
            record.office_id,
            "device-readmitted",
            facts=(),
            detail="",
            now_ms=now_ms,
            device_id=record.device_id,
        )
        found = await devices.find(conn, record.device_id)
    if found is None:
        raise Refusal("sender-unknown")
    return found


def _proven(ctx: ServerContext, envelope: Envelope) -> DeviceRecord | None:
    """Return the record if we signed it, it names the sender, and the sender signed the message."""
    if envelope.device_record is None:
        return None
    try:
        record = signed.read(ctx.keys, envelope.device_record, DeviceRecord)
        if record.device_id != envelope.sender_kid:
            return None
        message.verify_full(envelope, VerifyKey(record.device_key))
    except (Malformed, Refusal):
        return None  # not ours, or not the sender's: to us it is a stranger
    return record
