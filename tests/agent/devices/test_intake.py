"""What a scan at the door becomes."""

from datetime import date

import msgspec
import pytest

from agent.devices.reading import Reading, Scan
from agent.intake import Arrival, Intake, arrival_of, command_for
from records.command_types import CheckIn, CheckOut, VisitorIn
from records.recognise import recognise
from records.visits import Visit
from wire.event import parse_time
from wire.problems import Refusal

KEY = bytes(range(32))
TODAY = date(2026, 11, 20)
NOW_MS = parse_time("2026-11-20T08:31:05+07:00")
MINUTE_MS = 60_000
CARD = "001184000017|012345678|Nguyễn Thị Ngọc Hà|05031984|Nữ|Thôn 1, xã Ứng Hòa|01012022"


def arrival(text: str) -> Arrival | None:
    return arrival_of(recognise(text, key=KEY), NOW_MS, TODAY)


def test_a_citizen_card_names_its_holder() -> None:
    found = arrival(CARD)
    assert found is not None
    assert found.method == "id_card_qr"
    assert found.visitor.id_number == "001184000017"
    assert found.visitor.date_of_birth == date(1984, 3, 5)


def test_a_fresh_declaration_brings_its_symptoms() -> None:
    found = arrival("CMP1|Lê Văn An|0912345678|001085000001|fever|2026-11-20T07:00")
    assert found is not None
    assert (found.method, found.symptoms) == ("phone_qr", ("fever",))


def test_a_declaration_of_two_days_ago_names_the_person_only() -> None:
    found = arrival("CMP1|Lê Văn An|0912345678|001085000001|fever|2026-11-18T07:00")
    assert found is not None
    assert found.symptoms is None


def test_a_printed_pass_names_a_person_by_its_id() -> None:
    found = arrival("CM1.V." + "A" * 22)
    assert found is not None
    assert found.visitor == VisitorIn(pass_id="A" * 22)


@pytest.mark.parametrize("text", ["H26.107-261121-0001", "whatever a phone shows", "RR473124829GB"])
def test_other_codes_name_nobody(text: str) -> None:
    assert arrival(text) is None


def test_a_declaration_may_bear_a_foreign_passport() -> None:
    found = arrival("CMP1|John Smith|0912345678|c01x00t47||2026-11-20T07:00")
    assert found is not None
    assert found.visitor == VisitorIn(
        full_name="John Smith", phone="0912345678", id_number="C01X00T47"
    )


def test_what_a_command_may_not_hold_is_left_out_and_the_person_comes_in() -> None:
    declared = arrival(f"CMP1|{'A' * 300}|0912345678|001085000001||2026-11-20T07:00")
    assert declared is not None
    assert declared.visitor == VisitorIn(phone="0912345678", id_number="001085000001")
    card = arrival("001184000017||Nguyễn Thị Ngọc Hà|05031884|Nữ|Thôn 1|01012022")
    unborn = arrival("001184000017||Nguyễn Thị Ngọc Hà|21112026|Nữ|Thôn 1|01012022")
    for found in (card, unborn):
        assert found is not None
        assert (found.visitor.id_number, found.visitor.address) == ("001184000017", "Thôn 1")
        assert found.visitor.date_of_birth is None


def test_a_scan_of_which_nothing_is_left_names_nobody() -> None:
    assert arrival(f"CMP1|{'A' * 300}|1|2||2026-11-20T07:00") is None


def test_inside_since_this_morning_means_out() -> None:
    found = arrival(CARD)
    assert found is not None
    inside = Visit(in_at_ms=NOW_MS - 30 * MINUTE_MS)
    assert isinstance(command_for(found, inside, NOW_MS), CheckOut)


def test_a_second_scan_within_a_minute_asks_for_the_same_again() -> None:
    found = arrival(CARD)
    assert found is not None
    just_in = Visit(in_at_ms=NOW_MS - 5_000)
    just_out = Visit(in_at_ms=NOW_MS - 30 * MINUTE_MS, out_at_ms=NOW_MS - 5_000)
    assert isinstance(command_for(found, just_in, NOW_MS), CheckIn)
    assert isinstance(command_for(found, just_out, NOW_MS), CheckOut)


class Desk:
    """Stands where service, views and pages stand."""

    def __init__(self, last: Visit | None = None, refusal: Refusal | None = None) -> None:
        self.lines: list[tuple[bytes, str]] = []
        self.shown: list[Reading] = []
        self.refusals: list[str] = []
        self._last, self._refusal = last, refusal
        self.intake = Intake(
            submit=self.submit,
            last_visit=self.last_visit,
            show=self.shown.append,
            refused=lambda _, refusal: self.refusals.append(refusal.code),
            mark_key=KEY,
            today=lambda: TODAY,
        )

    async def submit(self, line: bytes, actor: str) -> None:
        if self._refusal is not None:
            raise self._refusal
        self.lines.append((line, actor))

    async def last_visit(self, visitor: VisitorIn) -> Visit | None:
        assert visitor.id_number == "001184000017"
        return self._last


def scan(use: str, text: str = CARD) -> Reading:
    return Reading(device="door", use=use, counter=0, at_ms=NOW_MS, value=Scan(text))


async def test_a_card_at_the_door_is_recorded_in_the_devices_name_then_shown() -> None:
    desk = Desk()
    await desk.intake.take(scan("door"))
    ((line, actor),) = desk.lines
    assert actor == "device:door"
    command = msgspec.json.decode(line)
    assert command["type"] == "visit.check_in"
    assert command["visitor"]["full_name"] == "Nguyễn Thị Ngọc Hà"
    assert len(desk.shown) == 1


async def test_a_card_at_a_counter_is_only_shown() -> None:
    desk = Desk()
    await desk.intake.take(scan("intake"))
    assert desk.lines == []
    assert len(desk.shown) == 1


async def test_a_refused_scan_is_told_and_still_shown() -> None:
    desk = Desk(refusal=Refusal("busy"))
    await desk.intake.take(scan("door"))
    assert desk.refusals == ["busy"]
    assert len(desk.shown) == 1
