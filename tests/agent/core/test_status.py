"""How the agent is: figures from one moment, one board, everybody reads it."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from agent import day_end, figures, rounds
from agent.config import parse
from agent.figures import Figures, disk_state, province_of
from agent.journal import Transaction
from agent.status import TEXTS, Live, Status, StatusBoard, conditions, sentence
from agent.views import lists
from agent.views.rebuild import rebuild
from agent.views.search import DossierQuery
from records.sync_report import ClockReport, DeviceReport
from tests.agent.office import Office, opened
from tests.agent.world import PERSON_KEY, FakeClock, chained, desk_event
from wire.digests import days_digest
from wire.event import parse_time
from wire.problems import CATALOGUE

TOML = 'office = "H26.107"\ndata_dir = "."\n[province]\nurl = "http://127.0.0.1:1"\n'
HOUR_MS = 3_600_000


@pytest.fixture
def made(office: Office, clock: FakeClock) -> Figures:
    return Figures(
        config=parse(TOML, office.journal.path.with_name("agent.toml")),
        journal=office.journal,
        views=office.views,
        clock=clock,
        agent="1.0.0",
        goodput_bytes_s=lambda: 4100,
        devices=lambda: [DeviceReport(name="door", driver="barcode", state="ready")],
    )


def a_status(**changes: Any) -> Status:
    first = Status(
        office="H26.107", name="Xã", province="H26", agent="1", generated_at="",
        clock=ClockReport(state="trusted"),
    )  # fmt: skip
    return msgspec.structs.replace(first, **changes)


def board_of(office: Office) -> StatusBoard:
    journal = office.journal

    def live() -> Live:
        return Live(journal.head.seq, journal.delivered.seq, journal.backlog_bytes)

    return StatusBoard(a_status(), live)


async def log_exchange(office: Office, error: str | None, up: int = 100) -> None:
    def job(transaction: Transaction) -> None:
        transaction.conn.execute(
            "INSERT INTO exchange(at_ms, ok, error, bytes_up, bytes_down, took_ms)"
            " VALUES (?, ?, ?, ?, ?, 1)",
            (transaction.now_ms, error is None, error, up, up // 2),
        )

    await office.journal.write(job)


async def test_the_report_is_of_one_moment_and_its_digest_that_of_its_days(
    office: Office, made: Figures, clock: FakeClock
) -> None:
    await office.receive()
    await office.check_in()
    await office.journal.write(lambda t: t.set_delivered(t.head, t.now_ms))
    await office.receive()
    clock.advance(HOUR_MS)
    collected = await made.collect()
    report = collected.report
    assert (report.head_seq, report.delivered_seq) == (3, 2)
    assert (report.backlog.events, report.backlog.oldest_age_s) == (1, 3600)
    assert report.backlog.bytes == office.journal.backlog_bytes
    assert report.days_digest == days_digest(collected.days).hex()
    assert [(row.kind, row.channel, row.count) for row in collected.days] == [
        ("dossier.received", "direct", 1), ("visit.checked_in", "", 1),
    ]  # fmt: skip
    assert (report.numbers.left_today, report.numbers.book_next) == (9997, 3)
    assert str(report.numbers.leased_until) == "2027-01-31"
    assert report.exchange.goodput_bytes_s == 4100
    assert report.devices[0].name == "door"
    assert report.catalogue is not None
    assert msgspec.json.decode(msgspec.json.encode(report))["backup_age_s"] is None
    shown = await made.sync_report()
    assert shown.office_id.count("-") == 4
    assert [(row.kind, row.count) for row in shown.days or ()] == [
        ("dossier.received", 1), ("visit.checked_in", 1),
    ]  # fmt: skip


async def test_the_days_follow_the_delivered_mark_both_ways(office: Office, made: Figures) -> None:
    heads = []
    for _ in range(3):
        await office.receive()
        heads.append(office.journal.head)
    counted = []
    for head in (heads[2], heads[0], heads[1]):
        await office.journal.write(lambda t, head=head: t.set_delivered(head, t.now_ms))  # type: ignore[misc]
        counted.append([row.count for row in (await made.collect()).days])
    assert counted == [[3], [1], [2]]


async def test_the_last_error_stands_until_an_exchange_works(
    office: Office, made: Figures, clock: FakeClock
) -> None:
    await log_exchange(office, None)
    clock.advance(25 * HOUR_MS)
    await log_exchange(office, "line-down")
    exchange = (await made.read()).exchange
    assert (exchange.last_error, exchange.count_24h, exchange.bytes_up_24h) == ("line-down", 1, 100)
    await log_exchange(office, None)
    assert (await made.read()).exchange.last_error is None
    assert (await made.read()).exchange.last_failed_at is not None


async def test_orders_in_force_or_to_come_are_shown_and_past_ones_are_not(
    office: Office, made: Figures
) -> None:
    for name, until in (("past", "2026-11-02T00:00:00+07:00"), ("now", None)):
        body = {"order": name, "title": name, "from": "2026-11-01T00:00:00+07:00", "until": until}
        event = desk_event("policy.set", body)
        await office.journal.write(lambda t, e=event: t.append_desk(chained(t.desk_head, [e])))  # type: ignore[misc]
    shown = figures.orders_shown((await made.read()).orders)
    assert list(msgspec.to_builtins(shown)) == [
        {"order": "now", "title": "now", "from": "2026-11-01T00:00:00+07:00", "until": None}
    ]


async def test_the_name_is_the_province_s_newest_word(office: Office, made: Figures) -> None:
    assert (await made.read()).name is None
    body: dict[str, object] = {"code": "H26.108", "name": "Xã Mới", "valid_from": "2026-12-01"}
    profile: dict[str, object] = {"name": "Xã Ứng Hòa"}
    for kind, content, name in (
        ("office.recoded", body, "Xã Mới"),
        ("office.profile", profile, "Xã Ứng Hòa"),
    ):
        event = desk_event(kind, content)
        await office.journal.write(lambda t, e=event: t.append_desk(chained(t.desk_head, [e])))  # type: ignore[misc]
        assert (await made.read()).name == name


async def test_today_is_counted_as_it_happens(
    office: Office, made: Figures, clock: FakeClock
) -> None:
    for _ in range(2):
        result = await office.receive()
    await office.do(type="dossier.resolve", dossier=result.code, result={"kind": "paper"})
    await office.do(type="dossier.return", dossier=result.code, by="direct")
    await office.check_in()
    today = (await made.read()).today
    assert (today.received, today.returned, today.due, today.inside) == (2, 1, 1, 1)
    clock.advance(12 * HOUR_MS)
    evening = (await made.read()).today
    assert (evening.due, evening.overdue) == (1, 0), "the date counts, not the hour"
    clock.advance(24 * HOUR_MS)
    tomorrow = (await made.read()).today
    assert (tomorrow.received, tomorrow.due, tomorrow.overdue, tomorrow.inside) == (0, 0, 1, 0)


async def test_the_board_shows_the_heads_of_this_moment(office: Office, made: Figures) -> None:
    board = board_of(office)
    await office.receive()
    status = board.snapshot()
    assert (status.head, status.delivered, status.backlog) == (1, 0, 1)
    await rounds.refresh(board, made, office.journal)
    assert board.snapshot().today.received == 1
    assert board.snapshot().journal == "6a" * 16


async def test_subscribers_hear_of_changes_and_only_of_changes(office: Office) -> None:
    board = board_of(office)
    heard = board.subscribe()
    assert (await anext(heard)).line == "not-enrolled"
    waiting = asyncio.ensure_future(anext(heard))
    await asyncio.sleep(0)
    board.update(line="not-enrolled")
    await asyncio.sleep(0)
    assert not waiting.done()
    board.update(line="online")
    assert (await waiting).line == "online"
    await heard.aclose()


@pytest.mark.parametrize("line", ["online", "offline", "tls", "not-enrolled"])
def test_systemd_s_line_says_the_state_and_what_waits(line: Any) -> None:
    said = sentence(a_status(line=line, head=10, backlog=3))
    assert "10" in said
    assert "3" in said
    held = sentence(a_status(line="online", line_error="fork", line_held=True))
    assert "fork" in held
    waiting = sentence(a_status(line="online", line_error="server-error"))
    assert CATALOGUE["server-error"].title.vi in waiting
    broken = sentence(a_status(line=line, recording=False))
    assert TEXTS["line.broken"].vi in broken


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"line": "online"}, []),
        ({"line": "offline", "line_error": "line-down"}, []),
        ({"line": "online", "line_error": "gap"}, []),
        ({"line": "online", "line_error": "gap", "line_held": True}, ["gap"]),
        ({"line": "online", "line_error": "quarantined"}, ["quarantined"]),
        ({"line": "online", "line_error": "of a later version", "line_held": True}, []),
        ({"recording": False}, ["disk-failed"]),
        ({"recording": False, "recording_error": "disk-full", "line_error": "fork"},
         ["disk-full", "fork"]),
    ],
)  # fmt: skip
def test_what_does_not_pass_by_itself_is_a_condition(changes: Any, found: list[str]) -> None:
    status = a_status(generated_at="2026-11-20T08:31:05+07:00", **changes)
    assert [one.code for one in conditions(status)] == found
    assert all(one.since == status.generated_at for one in conditions(status))


async def test_the_line_is_so_since_it_last_became_so(office: Office) -> None:
    board = board_of(office)
    board.tell_line("online", "fork", "2026-11-20T08:00:00+07:00", held=True)
    board.tell_line("online", "fork", "2026-11-20T09:00:00+07:00", held=True)
    status = board.snapshot()
    assert (status.line_since, status.problems_open) == ("2026-11-20T08:00:00+07:00", 1)
    board.tell_line("online", None, "2026-11-20T10:00:00+07:00")
    status = board.snapshot()
    assert (status.line_held, status.line_since) == (False, "2026-11-20T10:00:00+07:00")
    assert status.problems_open == 0


async def test_events_that_clashed_are_counted_and_counted_again_after_a_rebuild(
    office: Office, made: Figures
) -> None:
    result = await office.receive()
    await office.do(type="dossier.withdraw", dossier=result.code, reason="đổi ý")
    body = {
        "dossier": result.code,
        "state": "received",
        "by": "sở",
        "at": "2026-11-20T08:00:00+07:00",
    }
    event = desk_event("dossier.progressed", body)
    await office.journal.write(lambda t: t.append_desk(chained(t.desk_head, [event])))
    for _ in range(2):
        board = board_of(office)
        await rounds.refresh(board, made, office.journal)
        shown = await office.journal.read(
            lambda c: lists.dossier_page(c, DossierQuery(limit=1), 0, PERSON_KEY)
        )
        assert board.snapshot().conflicts_open == shown.items[0].conflicts
        assert (await made.collect()).report.conflicts_open == shown.items[0].conflicts
        await rebuild(office.journal, office.views, lambda _: None)


async def test_numbers_that_run_out_stand_in_the_status(office: Office, made: Figures) -> None:
    board = board_of(office)
    await rounds.refresh(board, made, office.journal)
    assert board.snapshot().lease_warnings == ()
    office.clock.wall_ms = parse_time("2027-01-29T08:00:00+07:00")
    await rounds.refresh(board, made, office.journal)
    assert [low.code for low in board.snapshot().lease_warnings] == ["lease-ending"]


async def test_an_office_that_was_never_leased_numbers_is_not_warned(
    tmp_path: Path, clock: FakeClock
) -> None:
    async with opened(tmp_path / "other.db", clock, stocked=False) as bare:
        journal = bare.journal.identity
        query = figures.read
        reading = await bare.journal.read(lambda c: query(c, journal, clock.now_ms()))
    assert reading.lease_warnings == ()


@pytest.mark.parametrize(
    ("free", "held", "state"),
    [
        (2 << 30, True, "ok"),
        (1 << 29, True, "low"),
        (1 << 10, True, "low"),
        (32 << 20, False, "reserve"),
        (1 << 20, False, "full"),
    ],
)
def test_room_on_the_disk_has_four_states(free: int, held: bool, state: str) -> None:
    assert disk_state(free, 32 << 20, held=held) == state


@pytest.mark.parametrize(
    ("office", "province"), [("H26.107", "H26"), ("000.00.16.H19", "H19"), ("123", "123")]
)
def test_the_province_stands_in_the_office_s_code(office: str, province: str) -> None:
    assert province_of(office) == province


async def test_forgotten_visits_end_two_hours_after_closing(
    office: Office, clock: FakeClock
) -> None:
    result = await office.check_in()
    parts = (office.journal, office.views, office.service, clock)
    assert await day_end.end_days(*parts) == 0
    clock.advance(11 * HOUR_MS)
    clock.believed = "unsynced"
    assert await day_end.end_days(*parts) == 0
    clock.believed = "trusted"
    assert await day_end.end_days(*parts) == 1
    assert await day_end.end_days(*parts) == 0
    with pytest.raises(Exception, match="state-forbidden"):
        await office.do(type="visit.check_out", visit=str(result.id))


async def test_a_report_needs_a_device(made: Figures, office: Office) -> None:
    office.journal._enrolled = None
    with pytest.raises(ValueError, match="names a device"):
        await made.collect()


async def test_the_clock_is_vouched_for_by_an_exchange_made_in_this_run(
    office: Office, made: Figures, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "STATUS_PAUSE_S", 0.0)
    heard: asyncio.Queue[int] = asyncio.Queue()
    vouching = SimpleNamespace(vouch=heard.put_nowait)
    await log_exchange(office, None)
    await office.journal.write(lambda t: t.set_meta("sync.offset_ms", 120))
    board = board_of(office)
    task = asyncio.create_task(rounds.follow_status(board, made, office.journal, vouching))  # type: ignore[arg-type]
    async for status in board.subscribe():
        if status.exchange.last_ok_at is not None:
            break
    assert heard.empty()
    office.clock.advance(HOUR_MS)
    await log_exchange(office, None)
    await office.receive()
    assert await heard.get() == 120
    task.cancel()


def test_the_free_room_and_the_size_of_the_journal_are_measured(tmp_path: Path) -> None:
    file = tmp_path / "journal.db"
    file.write_bytes(bytes(100))
    file.with_name("journal.db-wal").write_bytes(bytes(20))
    report = figures.disk_report(file)
    assert report.journal_bytes == 120
    assert report.free_bytes
