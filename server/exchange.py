"""The exchange: one message of a device, one transaction, one answer (docs/protocol.md section 5).

- known sender, rate, signature, receiver key, opening, shape, revocation, content: before the
  transaction; a short message (section 4.2) is known by its session, and opening it is its
  signature
- one transaction: lock the device and its journal, judge the turn, compare what is held, append
  what is new, project it, read what the device lacks; commit
- a message repeated, late or reordered finds its events held and changes nothing
- nothing is ever concluded from a head that is behind
- what belongs to a stale message beside `events` and `fetch` is ignored (section 6)
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncConnection

from server import (
    ahead,
    arrival,
    desk,
    desk_lost,
    desk_met,
    desk_reopened,
    devices,
    ingest,
    naming,
    past,
    places,
    quarantine,
    readmission,
    reporting,
    sessions,
)
from server.blobs import grants, marks
from server.context import ServerContext
from server.desk import Desk, Part
from server.devices import Device
from server.first_contact import Contact, meet_journal
from server.judging import Judged
from server.places import Place
from server.reply import Answer, seal, seal_in_session
from server.request import (
    Request,
    open_in_session,
    open_request,
    parse,
    parse_in_session,
    read_contents,
)
from server.store.tables import device as device_table
from wire import turns
from wire.chain import Head
from wire.codec import CODECS
from wire.keys import VerifyKey
from wire.limits import IDLE_POLL_S, PENDING_POLL_S
from wire.plaintext import Down, Problem
from wire.problems import Refusal
from wire.short import IV_BYTES, is_short
from wire.statements import Receipt
from wire.turns import TurnJudgement

IDLE_SPREAD_S = 600  # at most twice an hour, and a province's offices apart from each other
AT_ONCE_S = 1  # 0 says nothing


@dataclass(frozen=True, slots=True)
class _Exchange:
    """What every step of one exchange needs."""

    conn: AsyncConnection
    ctx: ServerContext
    request: Request
    device: Device
    turn: TurnJudgement
    now_ms: int


async def exchange(body: bytes, ctx: ServerContext, address: str = "") -> bytes:
    """Answer one message, sent from `address`: a full one in full, a short one shortly.

    How often a device may ask is counted for each address by itself: what somebody else sends in
    its name, which no signature has shown yet, must not use up its own allowance.

    Raises Refusal (message-malformed, sender-unknown, signature-wrong, receiver-unknown,
    session-unknown, codec-unknown, too-large) or TooOften; nothing was stored then.
    """
    if is_short(body):
        return await _exchange_in_session(body, ctx, address)
    envelope, now_ms = parse(body), ctx.now_ms()
    ctx = ctx.known_by(envelope.receiver_kid)
    async with ctx.store.read() as conn:
        sender = await devices.find(conn, envelope.sender_kid)
    known = b"" if sender is None else envelope.sender_kid
    ctx.senders.take(known + address.encode(), now_ms)
    if sender is None:
        sender = await readmission.readmit(ctx, envelope, now_ms)
    key = VerifyKey(sender.device_key)
    request = await asyncio.to_thread(open_request, body, envelope, key, ctx.keys)
    if sender.state != "revoked":
        request = await asyncio.to_thread(read_contents, request, sender.device_key)
    async with ctx.store.write() as conn:
        await desk_reopened.expect_to_reopen(conn, sender, request.up)
        answer = await _answer(conn, ctx, request, sender.device_id, now_ms)
    return await asyncio.to_thread(seal, answer, sender.sealing_key, ctx.keys, request.up.codecs)


async def _exchange_in_session(body: bytes, ctx: ServerContext, address: str) -> bytes:
    envelope = parse_in_session(body)
    now_ms = ctx.now_ms()
    try:
        async with ctx.store.read() as conn:
            session = await sessions.find(conn, envelope.kid, ctx.keys, now_ms)
    except Refusal:
        ctx.senders.take(address.encode(), now_ms)
        raise
    ctx.senders.take(session.device_id + address.encode(), now_ms)
    request = await asyncio.to_thread(open_in_session, body, envelope, session)
    request = await asyncio.to_thread(read_contents, request, session.device_key)
    async with ctx.store.write() as conn:
        answer = await _answer(conn, ctx, request, session.device_id, now_ms)
    codecs, iv = request.up.codecs, ctx.random_bytes(IV_BYTES)
    return await asyncio.to_thread(seal_in_session, answer, session, ctx.keys, codecs, iv)


async def _answer(
    conn: AsyncConnection, ctx: ServerContext, request: Request, device_id: bytes, now_ms: int
) -> Answer:
    """Do everything a message asks for, inside one transaction."""
    device = await devices.find(conn, device_id, locked=True)
    if device is None:
        raise Refusal("sender-unknown")
    if request.session is not None:
        if device.state == "revoked":
            raise Refusal("session-unknown")  # a full message gets the verdict, signed
        await sessions.use(conn, request.session)
    turn = turns.judge(
        device.turns,
        turn=request.up.turn,
        was=request.up.was,
        request_hash=request.hash,
        key=ctx.keys.turn,
    )
    if device.state == "revoked":
        return await _revoked(_Exchange(conn, ctx, request, device, turn, now_ms))
    if turn.current:
        device = await quarantine.watch(conn, device, request, turn, now_ms)
    contact = await meet_journal(conn, device, request, now_ms, current=turn.current)
    request, contact = await ahead.meet(conn, ctx, device, request, contact, now_ms)
    this = _Exchange(conn, ctx, request, contact.believing(device), turn, now_ms)
    want_days = await _hear(this, contact) if turn.current else False
    said, contact = await _say(this, contact)
    named = await naming.held(conn, contact, request.judged)
    room = naming.PROBLEMS_MAX - len(named)
    contact = (await _take_in(this, contact, room, projects=not said.holds_back)).naming(named)
    if turn.current and contact.verdict == "ok" and contact.place is not None:
        await places.keep_statement(conn, contact.place, request.head)
    values: dict[str, object] = {"turns": turns.encode_state(turn.state)}
    if turn.current:
        head = request.up.head
        values |= {"said_journal": request.up.journal, "said_seq": head.seq, "said_hash": head.hash}
        values["seen_ms"], values["province_n"] = now_ms, ctx.keys.n
        if request.report is not None:
            values["agent"] = request.report.facts.agent
    await conn.execute(device_table.update().where(device.row).values(values))
    opened = await _begin_session(this, contact)
    return await _compose(this, contact, said, want_days=want_days, session=opened)


async def _begin_session(this: _Exchange, contact: Contact) -> bool:
    """Open the session a full message offers, if short ones may follow it."""
    request, device = this.request, this.device
    if request.session is not None or not this.turn.current or contact.verdict != "ok":
        return False
    return await sessions.begin(
        this.conn,
        this.ctx.keys,
        request.up,
        office_id=device.office_id,
        device_id=device.device_id,
        now_ms=this.now_ms,
        iv=this.ctx.random_bytes(IV_BYTES),
    )


async def _hear(this: _Exchange, contact: Contact) -> bool:
    """Take note of what a current message tells beside events; return whether days are wanted."""
    if contact.place is None or contact.verdict not in {"ok", "gap"}:
        return False  # or it would tell of another branch than the journal
    return await reporting.hear(this.conn, contact.place, this.request, this.now_ms)


@dataclass(frozen=True, slots=True)
class _Said:
    """What the answer brings of the desk journal, and the desk with its head.

    `holds_back`: the device's own events are received, and projected once that journal is whole.
    """

    desk: Desk
    part: Part | None = None
    lost: tuple[Head, ...] = ()
    record: bytes | None = None
    holds_back: bool = False


async def _say(this: _Exchange, contact: Contact) -> tuple[_Said, Contact]:
    """Find the desk events the device lacks, leasing numbers first when they run low.

    Returned beside the contact, whose events may have waited for this.
    """
    conn, device = this.conn, this.device
    report, place = this.request.report, contact.place
    lends = device.state == "active" and contact.verdict == "ok" and this.turn.current
    if lends and place is not None:
        left = report.facts.left_today if report else None
        await devices.expect_to_lend(conn, place, this.now_ms, left)
    if not this.turn.current:
        return await _say_to_stale(this), contact
    met = await desk_met.meet(conn, this.ctx, device, this.request, this.now_ms)
    if met.lost:
        return _Said(met.desk, lost=met.lost, holds_back=True), contact
    contact = await _caught_up(this, contact, met)
    each, place = met.desk, contact.place
    if lends and place is not None and met.is_open:
        left = report.facts.left_today if report and met.cursor == each.head else None
        each = await devices.lend_numbers(conn, place, each, this.now_ms, left)
    part = await desk.after(conn, each, met.cursor)
    part = part if device.state == "active" else desk.guarded(part)
    return _Said(each, part, record=met.record), contact


async def _say_to_stale(this: _Exchange) -> _Said:
    """Say nothing; what the message gives back is kept, and what it shows to be lost noted."""
    conn, ctx, device, request = this.conn, this.ctx, this.device, this.request
    lacking = await desk_lost.missing(conn, ctx, device, request)
    if lacking is not None and request.up.returned is not None:
        lacking = await desk_met.take_back(conn, ctx, device, request, this.now_ms)
    own = await desk.find(conn, device.office_id, device.desk_id)
    return _Said(own, holds_back=lacking is not None)


async def _caught_up(this: _Exchange, contact: Contact, met: desk_met.Met) -> Contact:
    """Project what has waited for the desk journal; return the contact with the place after it."""
    conn, device, place = this.conn, this.device, contact.place
    if device.state != "active" or not met.is_open:
        return contact
    behind = place is not None and place.projected_seq < place.head.seq
    if behind or met.reopened:
        await desk_met.refold(conn, this.ctx, device.device_id, this.now_ms)
    if place is None or not (behind or met.reopened):
        return contact
    place = await places.find(conn, device.office_id, device.device_id, place.journal_id)
    return replace(contact, place=place)


async def _take_in(this: _Exchange, contact: Contact, room: int, *, projects: bool) -> Contact:
    """Append and project the message's new events; return the contact with the new head.

    Only as many as have `room` problems, which the answer can still name.
    """
    fresh = this.request.judged[len(this.request.judged) - contact.fresh :]
    if contact.place is None or contact.verdict != "ok":
        return contact
    count = naming.nameable(fresh, ingest.poison_of(fresh), room)
    while count:
        fresh = fresh[:count]
        if count <= room:  # no more problems than events: this is all there can be to it
            return await _append(this, contact, contact.place, fresh, projects=projects)
        async with this.conn.begin_nested() as attempt:
            after = await _append(this, contact, contact.place, fresh, projects=projects)
            count = naming.nameable(fresh, after.problems, room)
            if count == len(fresh):
                return after
            await attempt.rollback()
    return contact


async def _append(
    this: _Exchange, contact: Contact, place: Place, fresh: Sequence[Judged], *, projects: bool
) -> Contact:
    conn = this.conn
    known = await arrival.corrections(
        conn,
        place,
        this.request.up,
        this.now_ms,
        keep=this.turn.current,
        needed=any(item.event is not None and item.event.clock is not None for item in fresh),
    )
    whole = place.projected_seq == place.head.seq
    projected = projects and this.device.state == "active" and whole
    times = await ingest.append(conn, place, fresh, known, this.now_ms, projected=projected)
    problems = ingest.poison_of(fresh)
    if projected:
        problems += await ingest.project_into(
            conn, this.ctx.project, place, fresh, times, this.now_ms
        )
    last = fresh[-1].chained
    return contact.at(Head(last.seq, last.hash), problems)


async def _revoked(this: _Exchange) -> Answer:
    """Answer a revoked device: nothing is stored, it learns why and what had been received."""
    device, up = this.device, this.request.up
    place = await places.find(this.conn, device.office_id, device.device_id, up.journal)
    each = await desk.find(this.conn, device.office_id, device.desk_id)
    start = places.start_of(device.device_id, up)
    contact = Contact(place=place, start=start, verdict="revoked")
    return await _compose(this, contact, _Said(each), want_days=False)


async def _compose(
    this: _Exchange, contact: Contact, said: _Said, *, want_days: bool, session: bool = False
) -> Answer:
    """Put together what was found; all of it was read in this transaction."""
    up, device = this.request.up, this.device
    head, receipt = said.desk.head, contact.receipt
    moved = this.ctx.keys.successor if contact.verdict == "ok" else None
    statement = device.revocation if contact.verdict == "revoked" else moved
    down = Down(
        re=this.request.hash,
        office=device.office_id,
        journal=up.journal,
        receipt=receipt,
        verdict="moved" if moved else contact.verdict,
        have=contact.have,
        ladder=contact.ladder,
        turn=this.turn.turn,
        stale=not this.turn.current,
        session="ok" if session else None,
        statement=statement,
        desk=said.desk.desk_id,
        desk_head=head,
        desk_lost=said.lost,
        device=said.record,
        pending=device.state == "pending",
        now=this.now_ms,
        codecs=CODECS,
        want_days=want_days,
        problems=_problems(this, contact),
        next_after=_next_after(this, contact, want_days=want_days),
    )
    down = await _ask_for_blobs(this, contact, down)
    proof = Receipt(
        device_id=device.device_id,
        journal=up.journal,
        seq=receipt.seq,
        hash=receipt.hash,
        desk=said.desk.desk_id,
        desk_seq=head.seq,
        desk_hash=head.hash,
        time_ms=this.now_ms,
    )
    proves = this.request.session is None or up.prove
    return Answer(
        down=down,
        receipt=proof if down.verdict == "ok" and proves else None,
        desk=said.part,
        past=await past.fetch(this.conn, device, up.fetch) if up.fetch else None,
        budget=up.budget,
    )


async def _ask_for_blobs(this: _Exchange, contact: Contact, down: Down) -> Down:
    """Say which of the blobs a device names are not here, and let it send them."""
    ctx, device = this.ctx, this.device
    if not this.turn.current or contact.verdict != "ok" or device.state != "active":
        return replace(down, wanted=tuple(state.id for state in this.request.up.blobs))
    wanted = await marks.wanted(this.conn, device, this.request.up)
    if not wanted:
        return down
    grant = grants.issue(ctx.keys.turn, device.device_id, device.office_id, this.now_ms)
    return replace(down, wanted=wanted, grant=grant)


def _problems(this: _Exchange, contact: Contact) -> tuple[Problem, ...]:
    """Return remarks on the message and the problems of the events it brought."""
    up = this.request.up
    found = list(this.request.remarks)
    if up.office != this.device.office_id:
        found.append(Problem(0, "office-differs", "office"))
    if up.fetch is not None and not past.may_fetch(this.device, up.fetch):
        found.append(Problem(0, "not-yours", "fetch"))
    return (*found, *sorted(set(contact.problems)))


def _next_after(this: _Exchange, contact: Contact, *, want_days: bool) -> int:
    """Return when to come again: at once while something is left, else spread out."""
    left = this.request.up.head.seq > contact.receipt.seq
    refused = contact.verdict in ("quarantined", "revoked")
    if (left or want_days or not this.turn.current) and not refused:
        return AT_ONCE_S
    if this.device.state == "pending":
        return PENDING_POLL_S
    return IDLE_POLL_S + this.ctx.jitter.randrange(IDLE_SPREAD_S)
