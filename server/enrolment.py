"""Enrolment: a one-time ticket becomes a known device (docs/protocol.md section 10).

The request is opened before anybody is authenticated, so what it may cost is bounded first: its
size, how often one ticket and one address may ask, and an unknown ticket is refused before any
cryptography. The rules themselves are pure and stand in `wire.enrolment`.
"""

from __future__ import annotations

import asyncio
from hashlib import sha256

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from server import (
    desk,
    desk_refolded,
    devices,
    incidents,
    offices,
    places,
    publishing,
    revocations,
    signed,
)
from server.context import ServerContext
from server.desk import Desk
from server.devices import Device
from server.offices import Office
from server.reply import Answer, seal
from server.request import malformed
from server.store.access_tables import ticket as ticket_table
from server.store.tables import device as device_table
from wire import enrolment, message, statements, turns
from wire.chain import genesis
from wire.codec import CODECS
from wire.enrolment import IssuedTicket, Opened
from wire.event import body_of
from wire.keys import device10
from wire.limits import IDLE_POLL_S, MESSAGE_BYTES_MAX, PENDING_POLL_S, TICKET_ID_BYTES
from wire.plaintext import Down
from wire.problems import Malformed, Refusal
from wire.statements import DeviceRecord, Province, Revoked, Ticket
from wire.turns import NO_TURN, TurnState

TICKET_VALID_S = 14 * 86_400  # a device travels to the office by post and waits for a technician
SECRET_BYTES = 16
ROLE = "office"


async def issue_ticket(
    ctx: ServerContext, office_id: bytes, *, automatic: bool = False, valid_s: int = TICKET_VALID_S
) -> bytes:
    """Return a signed one-time ticket for an office, stored first.

    `automatic` lets its device work without a person's approval. Only the hash of the secret is
    kept. Raises Refusal office-unknown.
    """
    now_ms = ctx.now_ms()
    province = statements.read_unverified(ctx.keys.province, Province)
    secret = ctx.random_bytes(SECRET_BYTES)
    ticket_id = ctx.random_bytes(TICKET_ID_BYTES)
    expires_ms = now_ms + valid_s * 1000
    async with ctx.store.write() as conn:
        office = await offices.locked(conn, office_id)
        await conn.execute(
            ticket_table.insert().values(
                office_id=office_id,
                ticket_id=ticket_id,
                secret_hash=sha256(secret).digest(),
                automatic=automatic,
                issued_ms=now_ms,
                expires_ms=expires_ms,
            )
        )
    ticket = Ticket(
        ticket_id=ticket_id,
        urls=(ctx.config.public_url,),
        root_hash=sha256(province.root_key).digest(),
        office_id=office_id,
        office_code=office.code,
        office_name=office.name,
        secret=secret,
        expires_ms=expires_ms,
    )
    return statements.sign(ticket, ctx.keys.signing)


async def enrol(ctx: ServerContext, ticket_id: bytes, body: bytes, address: str) -> bytes:
    """Answer an enrolment request that names `ticket_id`, sent from `address`.

    Raises TooOften, and Refusal: ticket-unknown, ticket-forged, ticket-used, ticket-expired,
    already-enrolled, device-revoked, receiver-unknown, signature-wrong, message-malformed,
    too-large.
    """
    now_ms = ctx.now_ms()
    ctx.addresses.take(address.encode(), now_ms)
    ctx.tickets.take(ticket_id, now_ms)
    async with ctx.store.read() as conn:
        await _ticket(conn, ticket_id)
    try:
        envelope = enrolment.parse_request(body)
        if envelope.ticket != ticket_id:
            raise Malformed("header-differs", "ticket id")
        ctx = ctx.known_by(envelope.receiver_kid)
        receiver = ctx.keys.opening(envelope.receiver_kid)
        opened = await asyncio.to_thread(enrolment.open_request, envelope, receiver)
    except Malformed as error:
        raise malformed(error) from error
    request_hash = message.request_hash(body)
    try:
        async with ctx.store.write() as conn:
            answer = await _enrol(conn, ctx, opened, request_hash, now_ms)
    except Refusal as refusal:
        if refusal.code == "ticket-used":
            both = await _show_both(ctx, opened, now_ms)
            raise Refusal("ticket-used", both) from refusal
        raise
    return await asyncio.to_thread(seal, answer, opened.request.sealing, ctx.keys, CODECS)


async def _enrol(
    conn: AsyncConnection, ctx: ServerContext, opened: Opened, request_hash: bytes, now_ms: int
) -> Answer:
    row = await _ticket(conn, opened.request.ticket, locked=True)
    issued = await _issued(conn, row)
    if enrolment.judge_request(opened, issued, now_ms) == "first":
        await _must_be_new(conn, ctx, opened.device_id)
        office = await offices.locked(conn, row.office_id)
        await _take_in(conn, ctx, opened, office, automatic=row.automatic, now_ms=now_ms)
        await conn.execute(
            ticket_table.update()
            .where(ticket_table.c.office_id == row.office_id)
            .where(ticket_table.c.ticket_id == row.ticket_id)
            .values(device_id=opened.device_id, used_ms=now_ms)
        )
    device = await devices.find(conn, opened.device_id, locked=True)
    if device is None:
        raise Refusal("sender-unknown")
    if device.state == "revoked":
        raise Refusal("device-revoked")
    return await _welcome(conn, ctx, device, opened, request_hash, now_ms)


async def _must_be_new(conn: AsyncConnection, ctx: ServerContext, device_id: bytes) -> None:
    """Refuse keys that are, or were, a device already: a second ticket needs new ones."""
    if revocations.is_revoked(ctx.config.data_dir, device_id):
        raise Refusal("device-revoked")
    if await devices.find(conn, device_id) is not None:
        raise Refusal("already-enrolled")


async def _take_in(
    conn: AsyncConnection,
    ctx: ServerContext,
    opened: Opened,
    office: Office,
    *,
    automatic: bool,
    now_ms: int,
) -> None:
    """Make the device known: its record, its desk journal with the present state, its journal."""
    request, writer = opened.request, ctx.keys.signing
    desk_id = ctx.random_bytes(16)
    record = DeviceRecord(
        device_id=opened.device_id,
        device_key=request.device,
        sealing_key=request.sealing,
        office_id=office.office_id,
        role=ROLE,
        predecessors=(),
        desk_writer_key=writer.public,
        desk=desk_id,
        serial=1,
        time_ms=now_ms,
    )
    await conn.execute(
        device_table.insert().values(
            office_id=office.office_id,
            device_id=opened.device_id,
            device_key=request.device,
            sealing_key=request.sealing,
            state="active" if automatic else "pending",
            name=request.name,
            predecessors=b"",
            record=statements.sign(record, writer),
            serial=record.serial,
            desk_id=desk_id,
            box=request.box,
            turns=turns.encode_state(TurnState()),
            enrolled_ms=now_ms,
            province_n=ctx.keys.n,
        )
    )
    each = Desk(
        office_id=office.office_id,
        desk_id=desk_id,
        device_id=opened.device_id,
        writer_key=writer.public,
        state="open",
        head=genesis(writer.key_id, desk_id),
    )
    await desk.create(conn, each, now_ms)
    place = await places.open_journal(
        conn, office.office_id, opened.device_id, request.journal, now_ms
    )
    each = await publishing.begin(conn, each, now_ms)
    if automatic:
        await devices.lend_numbers(conn, place, each, now_ms)


async def _welcome(  # noqa: PLR0917 - everything an answer is made of
    conn: AsyncConnection,
    ctx: ServerContext,
    device: Device,
    opened: Opened,
    request_hash: bytes,
    now_ms: int,
) -> Answer:
    """Return the answer with device record and first desk events; the receipt is [0, hash(0)]."""
    each = await desk.find(conn, device.office_id, device.desk_id)
    pending = device.state == "pending"
    down = Down(
        re=request_hash,
        office=device.office_id,
        journal=opened.request.journal,
        receipt=genesis(device.device_id, opened.request.journal),
        verdict="ok",
        turn=await _first_turn(conn, ctx, device, request_hash),
        desk=each.desk_id,
        desk_head=each.head,
        device=signed.anew(ctx.keys, device.record, DeviceRecord),
        pending=pending,
        now=now_ms,
        codecs=CODECS,
        next_after=PENDING_POLL_S if pending else IDLE_POLL_S,
    )
    part = await desk.after(conn, each, each.start)
    if device.state != "active":
        part = desk.guarded(part)
    return Answer(down=down, receipt=None, desk=part, past=None, budget=MESSAGE_BYTES_MAX)


async def _first_turn(
    conn: AsyncConnection, ctx: ServerContext, device: Device, request_hash: bytes
) -> bytes:
    """Return the first turn to show; the same request again is given the same one."""
    judgement = turns.judge(
        device.turns, turn=NO_TURN, was=None, request_hash=request_hash, key=ctx.keys.turn
    )
    if not judgement.current:
        return judgement.turn
    state = turns.encode_state(judgement.state)
    await conn.execute(device_table.update().where(device.row).values(turns=state))
    return judgement.turn


async def _ticket(
    conn: AsyncConnection, ticket_id: bytes, *, locked: bool = False
) -> Row[tuple[object, ...]]:
    query = select(ticket_table).where(ticket_table.c.ticket_id == ticket_id)
    row = (await conn.execute(query.with_for_update() if locked else query)).one_or_none()
    if row is None:
        raise Refusal("ticket-unknown")
    return row


async def _issued(conn: AsyncConnection, row: Row[tuple[object, ...]]) -> IssuedTicket:
    user = None if row.device_id is None else await devices.find(conn, row.device_id)
    used_by = None
    if user is not None:
        first = await places.first_journal(conn, user.office_id, user.device_id)
        used_by = (user.device_key, user.sealing_key, first)
    return IssuedTicket(
        ticket_id=row.ticket_id,
        secret_sha256=row.secret_hash,
        expires_ms=row.expires_ms,
        used_by=used_by,
    )


async def _show_both(ctx: ServerContext, opened: Opened, now_ms: int) -> str:
    """Tell a person which two devices used one ticket: its paper was seen by somebody else.

    One device with two journals was copied, or has lost what it recorded: both are shown. Return
    both device10 so, the first to use it first.
    """
    second, journal = device10(opened.device_id), opened.request.journal
    async with ctx.store.write() as conn:
        row = await _ticket(conn, opened.request.ticket, locked=True)
        first = device10(row.device_id) if row.device_id is not None else ""
        both = f"{first}, {second}"
        if row.device_id == opened.device_id:
            begun = await places.first_journal(conn, row.office_id, row.device_id)
            both = f"{first} {begun.hex()}, {second} {journal.hex()}"
        await incidents.record(
            conn,
            row.office_id,
            "ticket-used",
            facts=(row.ticket_id, opened.device_id, journal),
            detail=both,
            now_ms=now_ms,
            device_id=row.device_id,
        )
    return both


async def approve(ctx: ServerContext, device_id: bytes) -> None:
    """Let a pending device work: numbers, projections, feed. Raises Refusal sender-unknown."""
    now_ms = ctx.now_ms()
    async with ctx.store.write() as conn:
        device = await devices.find(conn, device_id, locked=True)
        if device is None:
            raise Refusal("sender-unknown")
        if device.state != "pending":
            return
        await conn.execute(device_table.update().where(device.row).values(state="active"))
        journals = await places.journals_of(conn, device.office_id, device_id)
        await offices.locked(conn, device.office_id)
        each = await desk.find(conn, device.office_id, device.desk_id)
        for place in journals:
            if place.state == "open" and each.state == "open":
                each = await devices.lend_numbers(conn, place, each, now_ms)
        if each.state == "open":  # else its events wait until it has given back what was lost
            await desk_refolded.fold(conn, ctx, device, now_ms)


async def revoke(ctx: ServerContext, device_id: bytes) -> bytes:
    """End a device's right to speak and return the signed statement; twice is once.

    The revocation is appended to the file that a restore never replaces before it is committed.
    The office's other devices are told (`device.revoked`).
    """
    now_ms = ctx.now_ms()
    async with ctx.store.write() as conn:
        device = await devices.find(conn, device_id, locked=True)
        if device is None:
            raise Refusal("sender-unknown")
        if device.revocation is not None:
            return device.revocation
        record = signed.read(ctx.keys, device.record, DeviceRecord)
        revoked = Revoked(device_id=device_id, serial=record.serial + 1, time_ms=now_ms)
        statement = statements.sign(revoked, ctx.keys.signing)
        await asyncio.to_thread(revocations.append, ctx.config.data_dir, device_id, statement)
        await conn.execute(
            device_table.update().where(device.row).values(state="revoked", revocation=statement)
        )
        await _tell_others(conn, device, now_ms)
    return statement


async def _tell_others(conn: AsyncConnection, device: Device, now_ms: int) -> None:
    await offices.locked(conn, device.office_id)
    said = desk.Saying("device.revoked", body_of({"device": device10(device.device_id)}))
    written = [desk.write(said, now_ms)]
    open_desks = await desk.open_desks(conn, [device.office_id])
    others = [each for each in open_desks if each.device_id != device.device_id]
    await desk.append(conn, [(each, written) for each in others], now_ms)
