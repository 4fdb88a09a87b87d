"""Messages by stick, judged at the office: what an answer may do, and when."""

from __future__ import annotations

import secrets

import msgspec
import pytest

from agent.journal import Transaction, succession
from agent.journal.salvaged import UNTIL
from agent.sync import store, usb
from agent.sync.report import OfficeReporter, Reporter, Silent, Told
from agent.sync.usb import Carrier
from tests.agent.sync.conftest import BOX, Office, TestClock
from tests.agent.sync.province import FakeProvince, desk_event
from tests.agent.sync.test_report import Facts, Ticks
from wire import message, plaintext
from wire.plaintext import Down
from wire.problems import Refusal


def make_carrier(office: Office, reporter: Reporter) -> Carrier:
    return Carrier(
        office.journal,
        office.province.enrolment(),
        TestClock(),
        reporter,
        box=BOX,
        fresh_bytes=bytes,
    )


@pytest.fixture
def carrier(office: Office) -> Carrier:
    return make_carrier(office, OfficeReporter(Facts(), Ticks()))


async def test_the_newest_answered_counts_like_one_of_the_line(
    office: Office, carrier: Carrier
) -> None:
    await office.record(3)
    office.province.desk.append(desk_event(1))
    made = await carrier.export(None)
    assert (made.last, made.more) == (3, False)
    up = office.province.open(made.message)
    assert up.report is not None
    assert up.session is None
    assert await carrier.take(office.province.answer(made.message)) == "taken"
    assert office.journal.delivered == office.journal.head
    assert office.journal.desk_head == office.province.desk.head
    assert await office.meta(store.TURN) == office.province.turns[-1]


async def test_an_answer_to_an_older_message_only_raises_the_mark_and_brings_the_desk(
    office: Office, carrier: Carrier
) -> None:
    await office.record(3)
    older = await carrier.export(None)
    await office.record(2)
    await carrier.export(None)  # the newest now, still on its way
    office.province.desk.append(desk_event(1))
    assert await carrier.take(office.province.answer(older.message)) == "taken"
    assert office.journal.delivered.seq == 3
    assert office.journal.desk_head.seq == 1
    assert await office.meta(store.TURN) is None


async def test_an_answer_never_lowers_the_mark_unless_it_is_to_the_newest(
    office: Office, carrier: Carrier
) -> None:
    await office.record(4)
    first = await carrier.export(None)
    second = await carrier.export(None)
    late = office.province.answer(first.message)
    await carrier.take(office.province.answer(second.message))
    assert office.journal.delivered.seq == 4
    office.province.forget(2)  # a restored province: its late word is not taken for the newest
    lower = office.province.seal(
        office.province.down(first.message, office.province.open(first.message))
    )
    assert await carrier.take(lower) == "taken"
    assert office.journal.delivered.seq == 4
    assert await carrier.take(late) == "repeated"


async def test_a_message_over_the_line_is_newer_than_one_on_a_stick(
    office: Office, carrier: Carrier
) -> None:
    await office.record(2)
    made = await carrier.export(None)
    office.start()
    await office.until_delivered()
    turn = await office.meta(store.TURN)
    assert await office.meta(store.NEWEST_EXPORTED) is None
    assert await carrier.take(office.province.answer(made.message)) == "taken"
    assert await office.meta(store.TURN) == turn


async def test_what_a_stick_brought_is_not_sent_again(office: Office, carrier: Carrier) -> None:
    await office.record(5)
    made = await carrier.export(None)
    await carrier.take(office.province.answer(made.message))
    office.start()
    await office.until_shown(None)
    assert office.province.ups[-1].events is None


async def test_a_large_backlog_goes_in_several_messages(office: Office, carrier: Carrier) -> None:
    for _ in range(3):
        await office.record(1_000, text=secrets.token_hex(400))
    made, messages = await carrier.export(None), 1
    office.province.answer(made.message)
    while made.more:
        made = await carrier.export(made.last)
        office.province.answer(made.message)
        messages += 1
    assert messages > 1
    assert len(office.province.events) == 3_000


async def test_only_an_event_that_is_there_can_be_followed(
    office: Office, carrier: Carrier
) -> None:
    await office.record(1)
    with pytest.raises(Refusal, match="field-invalid"):
        await carrier.export(2)
    made = await carrier.export(0)
    assert (made.last, made.more) == (1, False)
    office.province.answer(made.message)
    assert len(office.province.events) == 1


async def test_an_answer_for_another_office_is_passed_over(
    office: Office, carrier: Carrier
) -> None:
    other = FakeProvince()
    made = await carrier.export(None)
    down = office.province.down(made.message, office.province.open(made.message))
    sealed = message.seal_full(
        plaintext.encode_down(down),
        sender=office.province.signing,
        receiver=other.device_sealing.public_key,
        direction="down",
    )
    assert await carrier.take(sealed) == "foreign"


async def test_what_is_no_answer_of_this_province_is_refused(
    office: Office, carrier: Carrier
) -> None:
    made = await carrier.export(None)
    answer = office.province.answer(made.message)
    stranger = FakeProvince()
    down = office.province.down(made.message, office.province.open(made.message))
    forged = office.province.seal(down, signer=stranger.signing)
    elsewhere = office.province.seal(msgspec.structs.replace(down, journal=bytes(16)))
    for body, code in (
        (b"no message", "answer-forged"),
        (answer[:-1] + bytes([answer[-1] ^ 1]), "answer-forged"),
        (forged, "answer-forged"),
        (elsewhere, "answer-foreign"),
    ):
        with pytest.raises(Refusal, match=code):
            await carrier.take(body)
    assert await carrier.take(answer) == "taken"


async def test_a_late_answer_brings_a_signed_revocation(office: Office, carrier: Carrier) -> None:
    first = await carrier.export(None)
    await carrier.export(None)

    def revoked(down: Down) -> Down:
        statement = office.province.revocation()
        return msgspec.structs.replace(down, verdict="revoked", statement=statement)

    office.province.change = revoked
    await carrier.take(office.province.answer(first.message))
    assert await office.meta(store.REVOKED) == office.province.revocation()


async def test_own_events_in_a_stick_s_answer_keep_no_clerk_waiting(
    office: Office, carrier: Carrier
) -> None:
    await office.record(1)
    made = await carrier.export(None)

    def ahead(down: Down) -> Down:
        return msgspec.structs.replace(down, receipt=down.receipt._replace(seq=9), statement=None)

    office.province.change = ahead
    await carrier.take(office.province.answer(made.message))
    assert not office.journal.marks.is_recovering
    await office.record(1)
    assert office.journal.delivered.seq == 0


async def test_a_salvaged_office_waits_for_what_a_stick_s_answer_says_is_there(
    office: Office, carrier: Carrier
) -> None:
    await office.record(1)
    await office.journal.write(lambda transaction: transaction.set_meta(UNTIL, 12))
    made = await carrier.export(None)

    def ahead(down: Down) -> Down:
        return msgspec.structs.replace(down, receipt=down.receipt._replace(seq=9), statement=None)

    office.province.change = ahead
    await carrier.take(office.province.answer(made.message))
    assert office.journal.marks.promised == 9
    assert await office.meta(UNTIL) == 12, "what waits behind it is not given up"


async def test_open_messages_are_bounded(
    office: Office, carrier: Carrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usb, "OPEN_MAX", 2)
    made = [await carrier.export(None) for _ in range(3)]
    fates = [await carrier.take(office.province.answer(each.message)) for each in made]
    assert fates.count("repeated") == 1


async def test_a_disk_that_cannot_note_it_keeps_the_message_back(
    office: Office, carrier: Carrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    await office.record(1)
    await carrier.export(None)

    def full(_transaction: Transaction) -> None:
        raise Refusal("disk-full")

    monkeypatch.setattr(store, "made_on_the_line", full)
    office.start()
    await office.until_shown("disk-full")
    assert office.province.ups == []


def follow(transaction: Transaction) -> None:
    succession.open_successor(transaction, b"s" * 16, transaction.delivered, "fork", held=0)


class Following(Silent):
    """A reporter that is asked just when another journal follows."""

    def __init__(self, office: Office) -> None:
        self._office = office

    async def tell(self, *, days: bool, sparing: bool = False) -> Told:
        if self._office.journal.marks.journal != b"s" * 16:
            await self._office.journal.write(follow)
        return await super().tell(days=days, sparing=sparing)


@pytest.mark.parametrize("when", ["before", "while"])
async def test_what_follows_another_journal_leaves_under_its_own_name(
    office: Office, when: str
) -> None:
    await office.record(2)
    if when == "before":
        carrier = make_carrier(office, Silent())
        await office.journal.write(follow)
    else:
        carrier = make_carrier(office, Following(office))
    made = await carrier.export(None)
    up = office.province.open(made.message)
    identity = office.journal.identity
    assert identity is not None
    assert up.journal == identity.journal == b"s" * 16
    assert up.head == office.journal.head
    assert up.events is not None
    assert (up.events.first, up.events.prev) == (1, identity.genesis.hash)
    assert await exported(office) == 1


async def exported(office: Office) -> int:
    """How many messages are open."""
    query = "SELECT count(*) FROM exported"
    return await office.journal.read(lambda conn: int(conn.execute(query).fetchone()[0]))
