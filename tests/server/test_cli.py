"""commune-server as its operator types it: words, JSON, exit codes."""

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import sqlcipher3
from sqlalchemy.exc import OperationalError

from console.speech import Speech
from server import devices, quarantine
from server.cli import MODULES, build
from server.cli.opening import opened, telling
from server.config import Config, load
from server.store.access_tables import token
from tests.measured import measured
from tests.server.province import make_keys, new_device
from wire.keys import device10

COMMAND = str(Path(sys.executable).parent / "commune-server")


NOTICE = '{"kind":"notice.published","body":{"title":"Nghỉ","text":"Nghỉ lễ","lobby":true}}'


class Operator:
    """Somebody at the province's keyboard, with a server.toml of their own."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "server.toml"
        make_keys(folder / "keys")
        self.config.write_text(
            'listen = "127.0.0.1:8700"\npublic_url = "http://127.0.0.1:8700"\n'
            'database = "sqlite:///data/province.db"\ndata_dir = "data"\nkeys_dir = "keys"\n'
        )

    def types(self, *words: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [COMMAND, "--config", str(self.config), *words],
            input=stdin,
            capture_output=True,
            text=True,
            env={"PATH": os.environ["PATH"], "COMMUNE_LANG": "en", **measured()},
            timeout=60,
            check=False,
        )


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    return Operator(tmp_path)


def test_a_token_is_shown_once_listed_and_ended(operator: Operator) -> None:
    made = operator.types("token", "create", "--scope", "feed", "--name", "central", "--json")
    assert made.returncode == 0, made.stderr
    token = json.loads(made.stdout)
    assert token["scope"] == "feed"
    listed = operator.types("token", "list", "--json")
    (row,) = json.loads(listed.stdout)["tokens"]
    assert (row["name"], row["scope"], row["revoked_at"]) == ("central", "feed", None)
    assert token["token"] not in listed.stdout
    assert operator.types("token", "revoke", "central").returncode == 0
    again = operator.types("token", "revoke", "central")
    assert again.returncode == 1
    assert "central" in operator.types("token", "list").stdout


def test_a_token_may_have_a_last_day(operator: Operator) -> None:
    operator.types(
        "token", "create", "--scope", "reports", "--name", "x", "--expires", "2999-12-31"
    )
    (row,) = json.loads(operator.types("token", "list", "--json").stdout)["tokens"]
    assert row["expires_at"] == "2999-12-31T23:59:59+07:00"


@pytest.mark.parametrize(
    ("words", "path"),
    [(["--name", " "], "name"), (["--name", "x", "--expires", "2020-01-01"], "expires")],
)
def test_a_token_of_nobody_or_of_yesterday_is_not_made(
    operator: Operator, words: list[str], path: str
) -> None:
    done = operator.types("token", "create", "--scope", "feed", *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"  {path}: " in done.stderr
    assert json.loads(operator.types("token", "list", "--json").stdout) == {"tokens": []}


def test_ending_a_token_that_is_not_there_is_told(operator: Operator) -> None:
    done = operator.types("token", "revoke", "nope", "--json")
    assert (done.returncode, done.stdout) == (1, '{"ok":false,"revoked":0}\n')


def test_a_user_needs_a_password_worth_the_name(operator: Operator) -> None:
    short = operator.types("user", "add", "op", "--role", "operator", "--password", "short")
    assert short.returncode == 2
    assert "10 characters" in short.stderr
    piped = ["user", "add", "op", "--role", "operator", "--password", "-"]
    assert operator.types(*piped, stdin="long enough indeed\n").returncode == 0


def test_people_are_listed_given_a_password_and_disabled(operator: Operator) -> None:
    piped = ["user", "add", "op", "--role", "operator", "--password", "-"]
    operator.types(*piped, stdin="long enough indeed\n")
    changed = operator.types("user", "password", "op", "--password", "-", stdin="another one here")
    assert changed.returncode == 0
    assert operator.types("user", "disable", "op", "--json").stdout == '{"ok":true}\n'
    (row,) = json.loads(operator.types("user", "list", "--json").stdout)["users"]
    assert (row["name"], row["role"]) == ("op", "operator")
    assert row["disabled_at"] is not None
    again = operator.types("user", "disable", "op")
    assert again.returncode == 0
    assert json.loads(operator.types("user", "list", "--json").stdout)["users"] == [row]
    assert row["disabled_at"] in operator.types("user", "list").stdout
    for words in (["disable", "nobody"], ["password", "nobody", "--password", "long enough"]):
        unknown = operator.types("user", *words)
        assert unknown.returncode == 1
        assert "user-unknown" in unknown.stderr


def test_an_incident_is_listed_and_settled_by_its_id(operator: Operator) -> None:
    operator.types("migrate")
    asyncio.run(_change_a_box(load(operator.config)))
    (row,) = json.loads(operator.types("incidents", "list", "--open", "--json").stdout)["incidents"]
    assert (row["kind"], row["office"], row["settled_at"]) == ("box-changed", "H26.107", None)
    assert operator.types("incidents", "settle", row["incident"], "--note", " ").returncode == 2
    done = operator.types("incidents", "settle", row["incident"], "--note", "new disk")
    assert done.returncode == 0
    assert "numbers again" in done.stderr
    again = operator.types("incidents", "settle", row["incident"], "--note", "x", "--json")
    assert json.loads(again.stdout)["note"] == "new disk"
    assert "box-changed" not in operator.types("incidents", "list", "--open").stdout
    assert "new disk" in operator.types("incidents", "list").stdout
    assert operator.types("incidents", "settle", "00" * 16, "--note", "x").returncode == 1


async def _change_a_box(config: Config) -> None:
    async with opened(config) as ctx:
        device = await new_device(ctx)
        device.box = b"\x01" * 24
        await device.sync()


def test_publishing_names_each_bad_line_and_says_nothing(operator: Operator) -> None:
    lines = [
        NOTICE,
        "",
        '{"kind":"policy.set","body":{"order":7}}',
        '{"kind":"nonsense","body":{}}',
    ]
    done = operator.types("publish", "--all", "-", stdin="\n".join(lines))
    assert done.returncode == 1
    assert "Line 3:" in done.stderr
    assert "Line 4:" in done.stderr
    assert "Nothing was published" in done.stderr
    assert done.stdout == ""


def test_a_kind_that_nobody_publishes_is_answered_with_those_that_are(operator: Operator) -> None:
    lines = ['{"kind":"policy.sett","body":{}}', '{"kind":"numbers.leased","body":{}}']
    done = operator.types("publish", "--all", "-", stdin="\n".join(lines))
    assert done.returncode == 1
    assert "command" not in done.stderr
    assert "No kind of desk event is called “policy.sett”" in done.stderr
    assert "“numbers.leased” is written by the server itself" in done.stderr
    assert "notice.published, numbers.mapped, office.profile, policy.revoked" in done.stderr


def test_every_member_a_line_lacks_or_has_too_many_is_named(operator: Operator) -> None:
    lines = ['{"kind":"policy.set"}', '{"kind":"policy.set","body":{},"office":"H26.107"}', "[]"]
    done = operator.types("publish", "--all", "-", stdin="\n".join(lines))
    assert done.returncode == 1
    assert "(field-missing)" in done.stderr
    assert "  body: " in done.stderr
    assert "(field-unknown)" in done.stderr
    assert "  office: " in done.stderr
    assert "(field-invalid)" in done.stderr
    assert "not-json" not in done.stderr


def test_a_line_that_is_nested_without_end_is_no_json(operator: Operator) -> None:
    deep = '{"kind":"policy.set","body":' + '{"a":' * 40 + "1" + "}" * 41
    done = operator.types("publish", "--all", "-", stdin=deep)
    assert (done.returncode, done.stdout) == (1, "")
    assert "(not-json)" in done.stderr


def test_publishing_a_body_that_cannot_be_read_names_its_line(operator: Operator) -> None:
    deep = '{"kind":"notice.published","body":{"x":' + "[" * 20_000 + "]" * 20_000 + "}}"
    done = operator.types("publish", "--all", "-", stdin=deep)
    assert done.returncode == 1
    assert "Line 1:" in done.stderr


def test_publishing_to_nobody_or_to_an_unknown_office_is_refused(operator: Operator) -> None:
    assert operator.types("publish", "-").returncode == 2
    unknown = operator.types("publish", "--office", "H99.1", "-", stdin=NOTICE)
    assert unknown.returncode == 1
    assert "H99.1" in unknown.stderr
    broken = operator.types("publish", "--all", "-", stdin='{nonsense\n{"kind":1}\n')
    assert broken.returncode == 1
    assert "Line 1:" in broken.stderr
    assert "Line 2:" in broken.stderr


def test_publishing_to_a_province_without_offices_is_done_at_once(operator: Operator) -> None:
    done = operator.types("publish", "--all", "-", stdin=NOTICE)
    assert (done.returncode, json.loads(done.stdout)) == (0, {"published": 0, "desk_seq": {}})


def test_an_empty_file_is_no_success(operator: Operator) -> None:
    done = operator.types("publish", "--all", "-", stdin="\n \n")
    assert (done.returncode, done.stdout) == (1, "")
    assert "The file is empty" in done.stderr


def test_migrating_twice_changes_nothing(operator: Operator) -> None:
    first = json.loads(operator.types("migrate", "--json").stdout)
    assert first == json.loads(operator.types("migrate", "--json").stdout)
    assert first["revision"] in operator.types("migrate").stderr


def test_offices_are_listed_for_people_and_programs(operator: Operator) -> None:
    assert json.loads(operator.types("offices", "list", "--json").stdout) == {"offices": []}
    assert "Code" in operator.types("offices", "list").stdout


def test_every_mistake_in_the_settings_is_named_at_once(operator: Operator) -> None:
    operator.config.write_text('listen = "nowhere"\npublic_url = 7\nnonsense = 1\n')
    done = operator.types("token", "list")
    assert done.returncode == 2
    assert all(word in done.stderr for word in ("line 1", "line 2", "nonsense", "database"))


def test_a_file_that_is_not_there_says_how_to_make_one(operator: Operator) -> None:
    operator.config.unlink()
    done = operator.types("token", "list")
    assert done.returncode == 2
    assert "province init" in done.stderr


def test_a_damaged_database_is_not_touched(operator: Operator) -> None:
    operator.types("migrate")
    database = operator.config.parent / "data" / "province.db"
    database.write_bytes(b"not a database at all" * 400)
    before = database.read_bytes()
    done = operator.types("token", "list")
    assert done.returncode == 4
    assert database.read_bytes() == before


def test_a_key_that_others_can_read_is_refused(operator: Operator) -> None:
    (operator.config.parent / "keys" / "signing.key").chmod(0o644)
    done = operator.types("token", "list")
    assert done.returncode != 0
    assert "key-exposed" in done.stderr


def test_postgresql_that_does_not_answer_is_unreachable(operator: Operator) -> None:
    text = operator.config.read_text()
    address = "postgresql+asyncpg://nobody@127.0.0.1:9/nothing"
    operator.config.write_text(re.sub('database = "[^"]*"', f'database = "{address}"', text))
    assert operator.types("token", "list").returncode == 3


def test_a_device_in_quarantine_is_listed_accepted_released_and_revoked(
    operator: Operator,
) -> None:
    operator.types("migrate")
    name = asyncio.run(_isolate(load(operator.config)))
    (row,) = json.loads(operator.types("quarantine", "list", "--json").stdout)["quarantine"]
    assert (row["device"], row["state"], row["events"]) == (name, "quarantined", 0)
    assert name in operator.types("quarantine", "list").stdout
    assert operator.types("quarantine", "accept", name, "--note", " ").returncode == 2
    done = operator.types("quarantine", "accept", name, "--note", "seen", "--json")
    assert json.loads(done.stdout) == {"ok": True, "device": name, "office": "H26.107", "events": 0}
    released = operator.types("quarantine", "release", name, "--note", "seen")
    assert (released.returncode, "one more journal" in released.stderr) == (0, True)
    assert operator.types("devices", "revoke", name).stderr.startswith(f"Revoked {name} ")
    again = operator.types("devices", "revoke", name, "--json")
    assert json.loads(again.stdout) == {"ok": True, "device": name, "office": "H26.107"}
    assert operator.types("quarantine", "release", name, "--note", "x").returncode == 1


async def _isolate(config: Config) -> str:
    async with opened(config) as ctx:
        device = await new_device(ctx)
        await device.sync()
        async with ctx.store.write() as conn:
            found = await devices.find(conn, device.device_id, locked=True)
            assert found is not None
            await quarantine.begin(conn, found, "former-box", device.journal, ctx.now_ms())
    return device10(device.device_id)


@pytest.mark.parametrize("lang", ["vi", "en"])
@pytest.mark.parametrize("name", MODULES)
def test_every_command_explains_itself(name: str, lang: str) -> None:
    line = build(Speech("server", "vi" if lang == "vi" else "en"))
    context = line.make_context("commune-server", [name], resilient_parsing=True)
    command = line.get_command(context, name)
    assert command is not None
    assert len(command.get_help(context)) > 40


def test_a_new_device_is_listed_and_approved_by_its_name(tmp_path: Path) -> None:
    operator = Operator(tmp_path)
    assert operator.types("migrate").returncode == 0
    name = asyncio.run(_enrol_pending(load(operator.config)))
    (listed,) = json.loads(operator.types("devices", "list", "--json").stdout)["devices"]
    assert (listed["device"], listed["office"], listed["state"]) == (name, "H26.107", "pending")
    assert listed["enrolled_at"].endswith("+07:00")
    done = operator.types("devices", "approve", name.upper(), "--json")
    assert json.loads(done.stdout) == {"ok": True, "device": name, "office": "H26.107"}
    assert operator.types("devices", "approve", name).returncode == 0
    assert "active" in operator.types("devices", "list").stdout
    unknown = operator.types("devices", "approve", "aaaaaaaaaa")
    assert unknown.returncode == 1
    assert "device-unknown" in unknown.stderr


def test_a_revoked_device_is_revoked_for_good(tmp_path: Path) -> None:
    operator = Operator(tmp_path)
    assert operator.types("migrate").returncode == 0
    name = asyncio.run(_enrol_pending(load(operator.config)))
    done = operator.types("devices", "revoke", name, "--json")
    assert json.loads(done.stdout) == {"ok": True, "device": name, "office": "H26.107"}
    assert operator.types("devices", "revoke", name).returncode == 0
    assert operator.types("devices", "approve", name).returncode == 0
    assert "revoked" in operator.types("devices", "list").stdout


def test_restored_says_what_it_did_and_that_it_was_done(tmp_path: Path) -> None:
    operator = Operator(tmp_path)
    assert operator.types("migrate").returncode == 0
    asyncio.run(_enrol_pending(load(operator.config)))
    done = json.loads(operator.types("restored", "--json").stdout)
    assert done == {"ok": True, "offices": 1, "devices": 1, "revoked": 0, "already": None}
    again = json.loads(operator.types("restored", "--json").stdout)
    assert (again["offices"], again["already"] is None) == (0, False)
    assert operator.types("restored").returncode == 0
    once_more = operator.types("restored", "--again")
    assert once_more.returncode == 0
    assert "1" in once_more.stderr


async def _enrol_pending(config: Config) -> str:
    async with opened(config) as ctx:
        return device10((await new_device(ctx, automatic=False)).device_id)


def test_a_database_that_somebody_writes_to_is_not_called_damaged(
    operator: Operator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("server.store.sqlite.BUSY_MS", 10)
    config = load(operator.config)

    async def both_write() -> None:
        async with opened(config) as one, opened(config) as other, one.store.write() as conn:
            await conn.execute(token.delete())
            async with other.store.write() as beside:
                await beside.execute(token.delete())

    with pytest.raises(SystemExit) as ended:
        telling(Speech("server", "en"), config, both_write)
    assert ended.value.code == 1
    assert "database-locked" in capsys.readouterr().err


@pytest.mark.parametrize(("code", "ends"), [(13, 3), (11, 4)])
def test_a_full_disk_is_not_called_a_damaged_database(
    operator: Operator, code: int, ends: int
) -> None:
    error = sqlcipher3.OperationalError("the driver's words")
    error.sqlite_errorcode = code  # SQLITE_FULL, SQLITE_CORRUPT

    async def work() -> None:
        raise OperationalError("INSERT", {}, error)

    with pytest.raises(SystemExit) as ended:
        telling(Speech("server", "en"), load(operator.config), work)
    assert ended.value.code == ends
