"""The sync report goes along when it tells something new; the days when they are asked for."""

import msgspec

from agent.sync.report import Collected, OfficeReporter, Silent, Told
from records.sync_report import (
    Backlog,
    BlobBacklog,
    ClockReport,
    DiskReport,
    ExchangeReport,
    NumbersReport,
    SyncReport,
)
from tests.agent.sync.conftest import Office
from wire.codec import inflate
from wire.digests import DayRow, days_digest, decode_days
from wire.limits import REPORT_PAUSE_S_MIN
from wire.plaintext import Down

ROW = DayRow("2026-11-21", "dossier.received", "direct", 12, b"12345678")


def report(**members: object) -> SyncReport:
    values: dict[str, object] = {
        "office": "H26.107",
        "office_id": "0" * 32,
        "name": "Xã Ứng Hòa",
        "province": "H26",
        "device": "abcdefghij",
        "journal": "0" * 32,
        "agent": "1.0.0",
        "generated_at": "2026-11-21T08:31:05+07:00",
        "head_seq": 12,
        "delivered_seq": 12,
        "backlog": Backlog(),
        "blobs": BlobBacklog(),
        "exchange": ExchangeReport(),
        "clock": ClockReport(state="trusted"),
        "disk": DiskReport(),
        "numbers": NumbersReport(),
        "days_digest": days_digest([ROW]).hex(),
    }
    return SyncReport(**(values | members))  # type: ignore[arg-type]


class Facts:
    def __init__(self) -> None:
        self.report = report()

    async def __call__(self) -> Collected:
        return Collected(self.report, [ROW])


class Ticks:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.ms = 0

    def __call__(self) -> int:
        return self.ms


async def test_the_same_report_is_told_once() -> None:
    facts = Facts()
    reporter = OfficeReporter(facts, Ticks())
    told = await reporter.tell(days=False)
    assert told.report is not None
    assert told.days is None
    reporter.acknowledged(told)
    facts.report = report(
        generated_at="2026-11-21T09:00:00+07:00",
        exchange=ExchangeReport(count_24h=7, bytes_up_24h=99),
        backup_age_s=5,
        disk=DiskReport(free_bytes=1),
    )
    assert await reporter.tell(days=False) == Told()


async def test_what_was_not_acknowledged_is_told_again() -> None:
    reporter = OfficeReporter(Facts(), Ticks())
    first = await reporter.tell(days=False)
    assert await reporter.tell(days=False) == first
    reporter.acknowledged(Told(b"another"))
    assert (await reporter.tell(days=False)).report is not None


async def test_a_change_is_news() -> None:
    facts = Facts()
    reporter = OfficeReporter(facts, Ticks())
    reporter.acknowledged(await reporter.tell(days=False))
    facts.report = report(problems_open=1)
    told = await reporter.tell(days=False)
    assert told.report is not None
    assert msgspec.json.decode(told.report, type=SyncReport).problems_open == 1


async def test_news_for_a_short_message_wait_a_quarter_of_an_hour() -> None:
    facts, ticks = Facts(), Ticks()
    reporter = OfficeReporter(facts, ticks)
    first = await reporter.tell(days=False, sparing=True)
    assert first.report is not None  # nothing was told before
    reporter.acknowledged(first)
    facts.report = report(problems_open=1)
    ticks.ms = REPORT_PAUSE_S_MIN * 1_000 - 1
    assert await reporter.tell(days=False, sparing=True) == Told()
    assert (await reporter.tell(days=False, sparing=False)).report is not None
    assert (await reporter.tell(days=True, sparing=True)).days is not None
    ticks.ms += 1
    assert (await reporter.tell(days=False, sparing=True)).report is not None


async def test_days_that_are_asked_for_come_with_their_report_in_the_next_message_at_once(
    office: Office,
) -> None:
    office.reporter = OfficeReporter(Facts(), Ticks())
    asked = [True]

    def want_days(down: Down) -> Down:
        return msgspec.structs.replace(down, want_days=bool(asked and asked.pop()))

    office.province.change = want_days
    office.start()
    await office.until(lambda: len(office.province.ups) == 2 and len(office.shown) == 2)
    first, second = office.province.ups
    assert first.report is not None
    assert first.days is None
    assert second.days is not None
    assert decode_days(second.days) == [ROW]
    assert second.report is not None
    said = msgspec.json.decode(inflate(second.report, 1, 1 << 18), type=SyncReport)
    assert said.days_digest == days_digest(decode_days(second.days)).hex()
    await office.record(1)
    await office.until_delivered()
    assert office.province.ups[2].report is None
    assert office.province.ups[2].days is None


async def test_a_province_that_always_wants_days_is_not_answered_in_a_hot_loop(
    office: Office,
) -> None:
    office.reporter = OfficeReporter(Facts(), Ticks())
    office.province.change = lambda down: msgspec.structs.replace(down, want_days=True)
    office.start()
    await office.until(lambda: len(office.shown) == 2)
    await office.record(1)
    await office.until_delivered()
    assert len(office.province.ups) == 3


async def test_an_office_without_a_reporter_is_silent() -> None:
    silent = Silent()
    silent.acknowledged(await silent.tell(days=True))
    assert await silent.tell(days=True) == Told()
