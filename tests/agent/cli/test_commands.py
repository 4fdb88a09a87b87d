"""What the command line prints, where, and how it exits."""

import asyncio
import csv
import io
import json
import re
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from agent.cli.tree import MODULES
from agent.journal import database
from agent.journal.backup import backup
from agent.status import SavingShown
from records.leases import LeaseWarning
from tests.agent.cli.terminal import PROGRAM, Terminal
from tests.agent.web.office import CHECK_IN, RECEIVE, Office
from tests.agent.world import KEY, as_json

SUBCOMMANDS = [
    "report dossiers",
    "report fees",
    "report visits",
    *(f"user {w}" for w in ("add", "pin", "list")),
]


ENGLISH = re.compile(r"\b(?:unexpected|argument|option|directory|requires|value)\b", re.IGNORECASE)


def lines(*commands: dict[str, Any]) -> bytes:
    return b"".join(as_json(command) + b"\n" for command in commands)


@pytest.mark.parametrize("words", ["", *MODULES, *SUBCOMMANDS])
async def test_every_command_explains_itself_in_two_languages(
    terminal: Terminal, words: str
) -> None:
    vi = await terminal.run(*words.split(), "--help")
    en = await terminal.run(*words.split(), "--help", COMMUNE_LANG="en")
    assert vi.code == en.code == 0
    assert vi.out.startswith("Cách dùng: commune-agent")
    assert en.out.startswith("Usage: commune-agent")
    assert vi.err == en.err == ""


def ended_s(*argv: str) -> float:
    """The CPU time of a process, from its start to its end."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(argv, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.timing
def test_help_costs_little_more_than_the_library_that_prints_it() -> None:
    bare = (sys.executable, "-c", "import click, msgspec, tomllib")
    took = [(ended_s(str(PROGRAM), "--help"), ended_s(*bare)) for _ in range(5)]
    assert min(mine for mine, _ in took) < 2 * min(reference for _, reference in took)


@pytest.mark.parametrize(
    "words",
    ["status", "sync --wait 0", "devices", "submit -", "user list",
     "report visits --from 2026-11-20 --to 2026-11-20"],
)  # fmt: skip
async def test_without_a_daemon_they_say_so(terminal: Terminal, words: str) -> None:
    done = await terminal.run(*words.split(), stdin=lines(RECEIVE))
    assert (done.code, done.out) == (3, "")
    assert "none.sock" in done.err


@pytest.mark.parametrize(
    "words",
    ["nonsense", "status --nonsense", "submit", "sync --wait -1", "user add x --role king --pin 1",
     "report visits --from yesterday --to 2026-11-20",
     "report visits --from 2026-11-21 --to 2026-11-20"],
)  # fmt: skip
async def test_wrong_usage_exits_with_2(terminal: Terminal, words: str) -> None:
    assert (await terminal.run(*words.split())).code == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("nonsense", "There is no command nonsense."),
        ("status --nonsense", "There is no option --nonsense."),
        ("submit", "FILE|- is missing."),
        ("sync --wait -1", "The value of --wait cannot be used: a whole number from 0 to 3600."),
        ("user add x --role king --pin 1", "it is one of clerk, supervisor, technician."),
        ("report visits --from yesterday --to 2026-11-20", "a day is written year-month-day"),
        ("backup", "FILE is missing."),
        ("verify extra", "This command takes nothing more: extra."),
        ("verify a b", "This command takes nothing more: a b."),
        ("verify --json=1", "The option --json takes no value."),
        ("sync --wait", "The option --wait needs a value."),
        ("--config / verify", "it is the path of a file that can be read."),
    ],
)
async def test_wrong_usage_is_told_in_the_language_of_its_reader(
    terminal: Terminal, words: str, said: str
) -> None:
    en = await terminal.run(*words.split(), COMMUNE_LANG="en")
    vi = await terminal.run(*words.split())
    assert said in en.err
    assert "How to use it: commune-agent" in en.err
    assert "Xem cách dùng: commune-agent" in vi.err
    assert not set(ENGLISH.findall(vi.err)), "no word of another language"
    assert (en.out, vi.out) == ("", "")


async def test_a_group_without_a_command_shows_its_help(terminal: Terminal) -> None:
    done = await terminal.run("user", COMMUNE_LANG="en")
    assert done.code == 2
    assert done.err.startswith("Usage: commune-agent user")
    assert "How to use it" not in done.err


async def test_everything_wrong_in_the_configuration_is_told(terminal: Terminal) -> None:
    terminal.config.write_text('office = "x"\ncolour = 1\n[province]\nurl = 3\n')
    done = await terminal.run("status", COMMUNE_LANG="en")
    assert done.code == 2
    for words in ("line 1", "line 2", "line 4", "colour", "province.url", "remedy"):
        assert words in done.err


async def test_submit_prints_one_result_a_line_in_order(at_office: Terminal) -> None:
    done = await at_office.run("submit", "-", stdin=lines(RECEIVE, RECEIVE, CHECK_IN))
    assert done.code == 0
    assert [result["seq"] for result in done.lines] == [1, 2, 3]
    assert done.err == ""


async def test_submit_names_the_bad_line_and_does_the_others(
    at_office: Terminal, tmp_path: Path
) -> None:
    file = tmp_path / "commands.ndjson"
    file.write_bytes(lines(RECEIVE) + b'\n{"type":"nope"}\n' + lines(CHECK_IN))
    done = await at_office.run("submit", str(file))
    assert done.code == 1
    assert [result["ok"] for result in done.lines] == [True, False, True]
    assert done.lines[1]["line"] == 3
    assert "1" in done.err


async def test_submit_of_nothing_is_nothing(at_office: Terminal) -> None:
    done = await at_office.run("submit", "-", stdin=b"\n\n")
    assert (done.code, done.out, done.err) == (0, "", "")


async def test_submit_answers_while_the_input_is_still_open(at_office: Terminal) -> None:
    process = await at_office.start("submit", "-")
    assert process.stdin is not None
    assert process.stdout is not None
    for seq in (1, 2):
        process.stdin.write(lines(RECEIVE))
        async with asyncio.timeout(10):
            assert json.loads(await process.stdout.readline())["seq"] == seq
    process.stdin.close()
    _, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")


async def test_submit_of_many_lines_keeps_every_answer(at_office: Terminal) -> None:
    done = await at_office.run("submit", "-", stdin=lines(RECEIVE) * 5_000)
    assert done.code == 0
    assert [result["seq"] for result in done.lines] == list(range(1, 5_001))


async def test_a_daemon_that_goes_away_leaves_a_count(office: Office, at_office: Terminal) -> None:
    process = await at_office.start("submit", "-", COMMUNE_LANG="en")
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(lines(RECEIVE))
    async with asyncio.timeout(10):
        await process.stdout.readline()
    office.stop.set()
    assert process.stderr is not None
    async with asyncio.timeout(20):
        err = await process.stderr.read()  # its own input is still open: it ends by itself
        assert await process.wait() == 3
    assert b"went away: 0 lines" in err
    process.stdin.close()


async def test_an_unreadable_file_is_no_daemons_fault(at_office: Terminal, tmp_path: Path) -> None:
    for file in (tmp_path / "absent", tmp_path):
        done = await at_office.run("submit", str(file))
        assert done.code == 2
        assert "file-unreadable" in done.err


async def test_status_is_for_people_and_for_programs(office: Office, at_office: Terminal) -> None:
    await office.parts.service.submit_line(as_json(RECEIVE), "lan.nt")
    spoken = await at_office.run("status")
    assert spoken.code == 0
    assert "Mất đường truyền" in spoken.out
    told = await at_office.run("status", "--json")
    assert (told.json["line"], told.json["backlog"], told.json["head"]) == ("offline", 1, 1)


async def test_sync_exits_by_what_is_left(office: Office, at_office: Terminal) -> None:
    assert (await at_office.run("sync")).code == 0
    await office.parts.service.submit_line(as_json(RECEIVE), "lan.nt")
    left = await at_office.run("sync", "--wait", "0", "--json")
    assert left.code == 3
    assert left.json == {"head": 1, "delivered": 0, "backlog": 1, "blobs_waiting": 0}
    head = office.journal.head
    await office.journal.write(lambda t: t.set_delivered(head, 1))
    assert (await at_office.run("sync", "--wait", "5")).code == 0


async def test_status_says_that_the_line_is_held_and_what_needs_a_look(
    office: Office, at_office: Terminal
) -> None:
    board, noticed = office.parts.board, office.parts.noticed
    board.tell_line("online", "fork", "2026-11-20T08:00:00+07:00", held=True)
    board.update(lease_warnings=(LeaseWarning("lease-low", 5, 3),))
    for number in range(12):
        noticed.add(f"reading-{number}", "room-full")
    said = (await at_office.run("status", COMMUNE_LANG="en")).out
    assert "Sending to the province has stopped (fork), recording goes on." in said
    assert "Nothing to do" not in said
    assert "Only 3 dossier numbers are left today." in said
    assert said.count("The room is full (room-full).") == 10
    assert "and 2 more" in said
    assert said.count("(fork)") == 1, "what the line says is not said twice"
    told = (await at_office.run("status", "--json")).json
    assert (told["line_error"], told["line_held"], told["problems_open"]) == ("fork", True, 13)


async def test_status_says_what_waits_to_spare_the_line(
    office: Office, at_office: Terminal
) -> None:
    assert "Sparing the line" not in (await at_office.run("status", COMMUNE_LANG="en")).out
    until = "2026-11-22T06:00:00+07:00"
    held = SavingShown(why="quiet-hours", documents="wait", until=until)
    office.parts.board.update(saving=held)
    said = (await at_office.run("status", COMMUNE_LANG="en")).out
    assert "go on by themselves at 22/11/2026 06:00" in said
    told = (await at_office.run("status", "--json")).json["saving"]
    assert (told["why"], told["documents"], told["until"]) == ("quiet-hours", "wait", until)


async def test_sync_says_what_a_held_line_waits_for(office: Office, at_office: Terminal) -> None:
    await office.parts.service.submit_line(as_json(RECEIVE), "lan.nt")
    down = await at_office.run("sync", "--wait", "0", COMMUNE_LANG="en")
    assert "go by themselves" in down.err
    office.parts.board.tell_line("online", "gap", "2026-11-20T08:00:00+07:00", held=True)
    held = await at_office.run("sync", "--wait", "0", COMMUNE_LANG="en")
    assert held.code == 3
    assert "go by themselves" not in held.err
    assert "Sending to the province has stopped (gap)" in held.err
    assert "commune-agent sync" in held.err


async def test_verify_tells_programs_of_damaged_pages_too(
    office: Office, at_office: Terminal
) -> None:
    await office.parts.service.submit_line(as_json(RECEIVE), "lan.nt")
    file = office.journal.path
    await asyncio.to_thread(backup, file, KEY, file.with_name("copy.db"))
    await office.journal.close()
    content = bytearray(file.with_name("copy.db").read_bytes())
    content[-database.PAGE_BYTES // 2] ^= 1
    file.write_bytes(content)
    for part in ("-wal", "-shm"):
        file.with_name(file.name + part).unlink(missing_ok=True)
    done = await at_office.run("verify", "--json")
    assert done.code == 4
    assert (done.json["ok"], done.json["events"], done.json["head"]) == (False, 0, None)
    (damage,) = done.json["damages"]
    assert "Nhật ký bị hỏng" in damage
    assert "restore" in done.err


async def test_a_refusal_is_told_to_programs_as_a_problem_document(
    at_office: Terminal, terminal: Terminal, tmp_path: Path
) -> None:
    refused = await at_office.run("user", "pin", "nobody", "--pin", "445566", "--json")
    assert (refused.code, refused.json["ok"]) == (1, False)
    assert refused.json["problem"]["code"] == "user-unknown"
    unread = await terminal.run("verify", "--json")
    assert (unread.code, unread.json["problem"]["code"]) == (2, "file-unreadable")
    absent = await terminal.run("status", "--json")
    assert (absent.code, absent.json["problem"]["code"]) == (3, "daemon-absent")
    spoken = await at_office.run("user", "pin", "nobody", "--pin", "445566")
    assert (spoken.code, spoken.out) == (1, "")


async def test_users_are_added_listed_and_disabled(at_office: Terminal, tmp_path: Path) -> None:
    add = ["user", "add", "hoa.tt", "--role", "clerk", "--display", "Trần Thị Hoa", "--pin", "-"]
    assert (await at_office.run(*add, stdin=b"112233\n")).code == 0
    assert (await at_office.run(*add, stdin=b"112233\n")).code == 1
    assert (await at_office.run("user", "pin", "hoa.tt", "--pin", "445566")).code == 0
    assert (await at_office.run("user", "pin", "nobody", "--pin", "445566")).code == 1
    assert (await at_office.run("user", "disable", "hoa.tt", "--json")).json == {"ok": True}
    users = tmp_path / "users.csv"
    users.write_text("name,role,display,pin\nan.lv,clerk,Lê Văn An,123456\nx,clerk,,1\n")
    refused = await at_office.run("user", "import", str(users))
    assert refused.code == 1
    assert "users[1].pin" in refused.err
    users.write_text("name,role,display,pin\nan.lv,clerk,Lê Văn An,123456\n")
    assert (await at_office.run("user", "import", str(users))).code == 0
    users.write_text("user;pin\n")
    assert (await at_office.run("user", "import", str(users))).code == 2
    listed = (await at_office.run("user", "list", "--json")).json["items"]
    assert {u["name"]: u["active"] for u in listed} == {
        "an.lv": True, "duc.lv": True, "hoa.tt": False, "lan.nt": True, "minh.tv": True,
    }  # fmt: skip
    assert "Trần Thị Hoa" in (await at_office.run("user", "list")).out


async def test_reports_come_as_table_csv_and_json(office: Office, at_office: Terminal) -> None:
    for command in (RECEIVE, CHECK_IN):
        await office.parts.service.submit_line(as_json(command), "lan.nt")
    days = ("--from", "2026-11-19", "--to", "2026-11-20")
    assert "1.001193" in (await at_office.run("report", "dossiers", *days)).out
    as_csv = (await at_office.run("report", "dossiers", *days, "--format", "csv")).out
    assert as_csv.startswith("\ufeff")
    (row,) = csv.DictReader(io.StringIO(as_csv.removeprefix("\ufeff")))
    assert (row["procedure_code"], row["received"], row["carried_in"]) == ("1.001193", "1", "0")
    report = (await at_office.run("report", "dossiers", *days, "--format", "json")).json
    assert report["totals"]["received"] == 1
    visits = (await at_office.run("report", "visits", *days, "--format", "json")).json
    assert [visit["name"] for visit in visits] == ["Lê Văn An"]
    as_csv = (await at_office.run("report", "visits", *days, "--format", "csv")).out
    (row,) = csv.DictReader(io.StringIO(as_csv.removeprefix("\ufeff")))
    assert (row["room"], row["visitors"], row["peak"], row["cap"]) == ("main", "1", "1", "")
    assert "main" in (await at_office.run("report", "visits", *days)).out


async def test_a_report_comes_as_a_workbook_when_it_is_not_for_the_screen(
    office: Office, at_office: Terminal
) -> None:
    await office.parts.service.submit_line(as_json(CHECK_IN), "lan.nt")
    days = ("--from", "2026-11-19", "--to", "2026-11-20")
    process = await at_office.start("report", "visits", *days, "--format", "xlsx")
    content, _ = await process.communicate()
    assert process.returncode == 0
    headings, row = load_workbook(io.BytesIO(content)).active.iter_rows(values_only=True)
    assert (headings[0], row[0], row[3]) == ("Đơn vị", "H26.107", 1)


async def test_devices_are_listed(at_office: Terminal) -> None:
    assert "barcode" in (await at_office.run("devices")).out
    assert (await at_office.run("devices", "--json")).json["items"][0]["state"] == "ready"
