"""The commands that look after the journal's file: verify, backup, restore, salvage."""

import asyncio
from pathlib import Path
from typing import Any

from agent.journal.backup import backup
from tests.agent.cli.terminal import Terminal
from tests.agent.web.office import RECEIVE, Office
from tests.agent.world import KEY, as_json


async def test_verify_reads_beside_the_daemon(office: Office, at_office: Terminal) -> None:
    await office.parts.service.submit_line(as_json(RECEIVE), "lan.nt")
    done = await at_office.run("verify", "--json")
    assert done.code == 0
    assert done.json["ok"] is True
    assert done.json["events"] == 1
    assert done.json["head"] == [1, office.journal.head.hash.hex()]
    assert (await at_office.run("rebuild", "--json")).json == {"ok": True, "events": 1}


async def test_a_wrong_key_and_a_damaged_file_exit_with_4(
    office: Office, at_office: Terminal
) -> None:
    key = at_office.config.parent / "keys" / "journal.key"
    right = key.read_bytes()
    key.write_bytes(bytes(32))
    assert (await at_office.run("verify")).code == 4
    key.write_bytes(right)

    def damage(t: Any) -> None:
        t.conn.execute("UPDATE event SET body = x'7b7d' WHERE pos = 1")

    await office.journal.write(damage)
    damaged = await at_office.run("verify", "--json")
    assert (damaged.code, damaged.json["ok"]) == (4, False)
    assert "changed" in damaged.json["damages"][0]


async def test_a_backup_goes_out_and_comes_back(terminal: Terminal, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    assert (await terminal.run("backup", str(copy))).code == 2, "there is no journal yet"
    assert (await terminal.run("restore", str(copy))).code == 2, "nor a copy"
    assert (await terminal.run("verify")).code == 2


async def test_restore_wants_the_daemon_stopped_and_proves_the_copy(
    office: Office, at_office: Terminal, terminal: Terminal, tmp_path: Path
) -> None:
    await office.parts.service.submit_line(as_json(RECEIVE), "lan.nt")
    copy = tmp_path / "copy.db"
    await asyncio.to_thread(backup, office.journal.path, KEY, copy)
    done = await terminal.run("restore", str(copy), "--json")
    assert (done.code, done.json["ok"], done.json["aside"]) == (0, True, None)
    assert (await terminal.run("verify", "--json")).json["events"] == 1
    assert (await terminal.run("rebuild", "--json")).json["ok"] is True
    again = await terminal.run("restore", str(copy))
    assert again.code == 0
    assert (await terminal.run("backup", str(tmp_path / "second.db"))).code == 0
    assert (await terminal.run("backup", str(copy))).code == 1, "a copy is never overwritten"
    copy.write_bytes(b"no journal at all" * 1000)
    assert (await terminal.run("restore", str(copy))).code in {1, 4}
    assert (await terminal.run("verify")).code == 0


async def test_salvage_wants_an_enrolled_office_whose_daemon_is_stopped(
    office: Office, at_office: Terminal, terminal: Terminal, tmp_path: Path
) -> None:
    assert (await terminal.run("salvage")).code == 2, "there is no journal"
    copy = tmp_path / "copy.db"
    await office.parts.service.submit_line(as_json(RECEIVE), "lan.nt")
    await asyncio.to_thread(backup, office.journal.path, KEY, copy)
    assert (await terminal.run("restore", str(copy))).code == 0
    done = await terminal.run("salvage")
    assert done.code != 0
    assert "not-enrolled" in done.err


async def test_a_record_without_receipt_is_said_to_have_none(
    office: Office, at_office: Terminal
) -> None:
    await office.parts.service.submit_line(as_json(RECEIVE), "lan.nt")
    done = await at_office.run("receipt", "--event", "1", "--json")
    assert (done.code, done.json["problem"]["code"]) == (1, "receipt-missing")
