"""The one way in: decided, recorded, answered; the same again is the same answer."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from agent.journal.verify import verify
from agent.result import Result, result_json
from agent.service import KEYS_SINCE, UNNAMED
from tests.agent.office import CHECK_IN, RECEIVE, Office, opened
from tests.agent.world import FakeClock, as_json, chained, desk_event
from wire import event as wire_event
from wire.event import Event
from wire.problems import Refusal


async def events(office: Office) -> list[Event]:
    query = "SELECT body FROM event WHERE journal = 1 ORDER BY seq"
    rows = await office.journal.read(lambda c: c.execute(query).fetchall())
    return [wire_event.decode(row[0]) for row in rows]


async def test_a_dossier_gets_its_numbers_and_due_time(office: Office) -> None:
    result = await office.receive()
    assert result.seq == 1
    assert result.code == "H26.107-261120-0001"
    assert (result.book, result.book_year) == ("1/1", 2026)
    assert result.due_at == "2026-11-20T17:00:00+07:00"
    second = await office.receive(applicant={"full_name": "Trần Văn Bình"})
    assert (second.code, second.book) == ("H26.107-261120-0002", "1/2")


async def test_the_answer_has_the_shape_that_outsiders_rely_on(office: Office) -> None:
    answer = msgspec.json.decode(result_json(await office.receive()))
    assert list(answer) == ["ok", "id", "seq", "code", "book", "book_year", "due_at", "warnings"]
    assert answer["ok"] is True
    again = msgspec.json.decode(result_json(await office.receive(), "en"))
    assert set(again["warnings"][0]) == {"code", "path", "message"}


async def test_a_command_about_a_dossier_names_its_event_by_seq(office: Office) -> None:
    received = await office.receive()
    fee: dict[str, object] = {"name": "Lệ phí", "amount_vnd": 5000, "by": "cash"}
    done = await office.do(type="dossier.pay", dossier=received.code, **fee)
    assert (done.id, done.seq) == (received.id, 2)
    assert [event.subject for event in await events(office)] == [None, 1]
    for ref in (str(received.id), "2026/1/1", "1/1"):
        paid = await office.do(type="dossier.pay", dossier=ref, name="a", amount_vnd=1, by="cash")
        assert paid.id == received.id


async def test_a_book_without_a_year_is_that_of_this_year(office: Office) -> None:
    await office.receive()
    office.clock.wall_ms += 366 * 86_400_000
    with pytest.raises(Refusal, match="dossier-unknown"):
        await office.do(type="dossier.pay", dossier="1/1", name="a", amount_vnd=1, by="cash")


async def test_a_dossier_from_the_desk_is_named_by_its_id(office: Office) -> None:
    body = RECEIVE | {"code": "H26-261120-0500", "due_at": "2026-11-25T17:00:00+07:00"}
    body.pop("type")
    assigned = desk_event("dossier.assigned", body)
    await office.journal.write(lambda t: t.append_desk(chained(t.desk_head, [assigned])))
    onward = {"to": "Sở Tư pháp", "holder": "province"}
    done = await office.do(type="dossier.forward", dossier="H26-261120-0500", **onward)
    assert (await events(office))[-1].subject == str(done.id)


async def test_an_unknown_procedure_records_nothing(office: Office) -> None:
    with pytest.raises(Refusal, match="procedure-unknown") as refused:
        await office.receive(procedure_code="9.999999")
    assert refused.value.errors[0].path == "procedure_code"
    assert office.journal.head.seq == 0


async def test_good_lines_are_recorded_and_bad_ones_named(office: Office) -> None:
    lines = [
        as_json(RECEIVE),
        b"{",
        as_json(RECEIVE | {"procedure_code": "9.9"}),
        as_json(CHECK_IN),
    ]
    answers = await office.service.submit_many([(line, "lan.nt") for line in lines])
    codes = [getattr(answer, "code", None) for answer in answers[1:3]]
    assert codes == ["not-json", "procedure-unknown"]
    assert isinstance(answers[0], Result)
    assert isinstance(answers[3], Result)
    assert (answers[0].seq, answers[3].seq) == (1, 2)
    assert (await office.journal.read_apart(verify)).ok


async def test_more_lines_than_one_commit_takes_are_all_answered_in_order(office: Office) -> None:
    lines = [(as_json(RECEIVE), "lan.nt")] * 1030
    answers = await office.service.submit_many(lines)
    assert [a.seq for a in answers if isinstance(a, Result)] == list(range(1, 1031))


async def test_the_same_key_gives_the_first_answer_again(office: Office) -> None:
    first = await office.receive(key="k-1")
    again = await office.receive(key="k-1")
    assert again == first
    assert office.journal.head.seq == 1


async def test_the_header_s_key_counts_when_the_command_has_none(office: Office) -> None:
    line = as_json(RECEIVE)
    first = await office.service.submit_line(line, "lan.nt", "k-1")
    assert await office.service.submit_line(line, "lan.nt", "k-1") == first
    other = await office.service.submit_line(as_json(RECEIVE | {"key": "k-2"}), "lan.nt", "k-1")
    assert other.seq == 2


async def test_a_key_belongs_to_its_actor_and_its_command(office: Office) -> None:
    await office.receive(key="k-1")
    line = as_json(RECEIVE | {"key": "k-1"})
    other = await office.service.submit_line(line, "mai.tt")
    assert other.seq == 2
    with pytest.raises(Refusal, match="key-reused"):
        await office.receive(key="k-1", note="khác")
    assert office.journal.head.seq == 2


async def test_the_same_key_twice_at_one_moment_records_once(office: Office) -> None:
    line = as_json(RECEIVE | {"key": "k-1"})
    answers = await office.service.submit_many([(line, "lan.nt")] * 5)
    assert len({a.seq for a in answers if isinstance(a, Result)}) == 1
    assert office.journal.head.seq == 1


async def test_a_refused_command_does_not_use_its_key_up(office: Office) -> None:
    with pytest.raises(Refusal):
        await office.receive(procedure_code="9.9", key="k-1")
    assert (await office.receive(key="k-1")).seq == 1


async def test_keys_are_forgotten_when_a_trusted_clock_says_so(
    office: Office, clock: FakeClock
) -> None:
    await office.receive(key="k-1")
    clock.advance(31 * 24 * 3600 * 1000)
    clock.believed = "suspect"
    assert await office.service.prune() == 0
    clock.believed = "trusted"
    assert await office.service.prune() == 1


async def test_after_a_restore_results_say_since_when_keys_are_known(
    tmp_path: Path, clock: FakeClock
) -> None:
    async with opened(tmp_path / "journal.db", clock) as office:
        await office.journal.write(lambda t: t.set_meta(KEYS_SINCE, "2026-11-19T08:00:00+07:00"))
        since = await office.journal.write(lambda t: t.get_meta(KEYS_SINCE))
        service = type(office.service)(office.journal, office.views, clock, bytes, keys_since=since)
        result = await service.submit_line(as_json(RECEIVE), "lan.nt")
        assert msgspec.json.decode(result_json(result))["keys_since"] == since


async def test_the_same_visitor_within_a_minute_is_answered_again(
    office: Office, clock: FakeClock
) -> None:
    first = await office.check_in()
    clock.advance(30_000)
    again = await office.check_in()
    assert (again.id, again.seq) == (first.id, first.seq)
    assert office.journal.head.seq == 1


async def test_health_data_carries_a_salt_and_a_dossier_none(office: Office) -> None:
    await office.check_in()
    await office.receive()
    salts = [event.salt for event in await events(office)]
    assert salts[0] is not None
    assert len(salts[0]) == 11
    assert salts[1] is None


async def test_a_clock_that_is_not_trusted_leaves_what_is_needed_to_correct_it(
    office: Office, clock: FakeClock
) -> None:
    clock.believed = "unsynced"
    await office.receive()
    event = (await events(office))[0]
    assert (event.clock, event.mono) == ("unsynced", 60_000)
    assert event.boot is not None
    assert len(event.boot) == 16


async def test_a_clock_back_at_1970_gives_no_code_and_stays_in_the_year_of_the_book(
    office: Office, clock: FakeClock
) -> None:
    await office.receive()
    clock.wall_ms, clock.believed = 0, "suspect"
    await office.receive(applicant={"full_name": "A", "date_of_birth": "2000-01-01"})
    late = await office.receive()
    assert late.code is None
    assert (late.book, late.book_year) == ("1/3", 2026)
    assert "code-withheld" in {warning.code for warning in late.warnings}


async def test_who_speaks_is_the_one_signed_in_else_the_command_s_actor(office: Office) -> None:
    await office.service.submit_line(as_json(RECEIVE | {"actor": "mai.tt"}), "lan.nt")
    await office.service.submit_line(as_json(RECEIVE | {"actor": "mai.tt"}), None)
    await office.service.submit_line(as_json(RECEIVE), None)
    assert [event.actor for event in await events(office)] == ["lan.nt", "mai.tt", UNNAMED]


async def test_callers_at_one_moment_get_numbers_of_their_own(office: Office) -> None:
    results = await asyncio.gather(*(office.receive() for _ in range(40)))
    assert len({result.code for result in results}) == 40
    assert {result.book for result in results} == {f"1/{n}" for n in range(1, 41)}


async def test_numbers_survive_a_refusal_between_them(office: Office) -> None:
    good, bad = as_json(RECEIVE), as_json(RECEIVE | {"procedure_code": "9.9"})
    lines = [good, bad, good, bad, good]
    answers = await office.service.submit_many([(line, None) for line in lines])
    assert [a.book for a in answers if isinstance(a, Result)] == ["1/1", "1/2", "1/3"]
