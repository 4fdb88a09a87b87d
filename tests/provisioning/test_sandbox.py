"""A whole province on one machine, as processes: made, started, found again, ended."""

import contextlib
import json
import os
import re
import select
import signal
import socket
import stat
import subprocess
import time
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from provisioning.sandbox.office_work import citizen_cards
from records import synthetic
from tests.ports import free_port
from tests.provisioning.conftest import (
    BIN,
    SandboxRun,
    environment,
    processes_naming,
    provision,
)


def create(folder: Path, *words: str) -> dict[str, Any]:
    done = provision("sandbox", "--dir", folder, "--create-only", "--json", *words)
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    facts: dict[str, Any] = json.loads(line)
    return facts


def ports() -> list[str]:
    return ["--server-port", str(free_port()), "--agent-port", str(free_port())]


def status(config: str) -> dict[str, Any]:
    return agent_says(config, "status")


def agent_says(config: str, word: str) -> dict[str, Any]:
    done = subprocess.run(
        [BIN / "commune-agent", "--config", config, word, "--json"],
        capture_output=True,
        env=environment(),
        timeout=30,
        check=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_create_only_leaves_everything_ready_to_be_started(tmp_path: Path) -> None:
    folder = tmp_path / "p"
    facts = create(folder, *ports())

    assert list(facts) == [
        "ready", "server", "reports_token", "feed_token", "admin_token", "operator", "agents",
    ]  # fmt: skip
    assert facts["ready"] is False
    assert set(facts["operator"]) == {"user", "password"}
    (agent,) = facts["agents"]
    assert set(agent) == {"office", "office_id", "name", "url", "config", "socket", "users"}
    assert (agent["office"], agent["name"]) == ("H26.107", "Xã Ứng Hòa")
    assert str(UUID(agent["office_id"])) == agent["office_id"]
    assert agent["config"] == str(folder / "agents/H26.107/agent.toml")
    assert agent["socket"] == str(folder / "agents/H26.107/agent.sock")
    clerk = agent["users"][0]
    assert (clerk["name"], clerk["role"]) == ("lan.nt", "clerk")
    assert re.fullmatch(r"\d{6}", clerk["pin"])
    assert {user["role"] for user in agent["users"]} == {"clerk", "supervisor", "technician"}
    assert (folder / "server/server.toml").exists()
    assert processes_naming(folder) == []
    assert {file.name for file in (folder / "agents/H26.107").iterdir()} == {
        "agent.toml", "agent.log", "data", "keys",
    }  # fmt: skip


def test_secrets_are_closed_to_others(tmp_path: Path) -> None:
    folder = tmp_path / "p"
    create(folder, *ports())
    for secret in (
        "sandbox.json",
        "server/root/root.key",
        "server/keys/signing.key",
        "server/keys/sealing.key",
        "server/keys/turn.key",
        "server/keys/database.key",
        "agents/H26.107/keys/device.key",
    ):
        assert stat.S_IMODE((folder / secret).stat().st_mode) == 0o600, secret


def test_a_created_sandbox_starts_with_the_same_people_and_records_nothing(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "p"
    made = create(folder, *ports())

    with SandboxRun(["--dir", folder], tmp_path / "log") as run:
        assert run.facts == made | {"ready": True}
        agent = run.facts["agents"][0]
        with httpx.Client(base_url=agent["url"]) as browser:
            form = {"user": agent["users"][0]["name"], "pin": agent["users"][0]["pin"]}
            browser.post("/login", data=form, headers={"Origin": agent["url"]})
            assert browser.get("/api/session").json()["user"] == "lan.nt"
        now = status(agent["config"])
        assert now["head"] == 0, "nothing is recorded by itself"
        assert now["name"] == "Xã Ứng Hòa"
        assert now["numbers"]["left_today"] > 0
        assert now["catalogue"]
        assert [order["order"] for order in now["orders"]] == ["112/KH-UBND"]
        assert {device["name"] for device in now["devices"]} == {"door", "counter-1"}


def test_it_ends_in_five_seconds_and_leaves_no_process(tmp_path: Path) -> None:
    folder = tmp_path / "p"
    with SandboxRun(["--dir", folder, *ports()], tmp_path / "log") as run:
        assert len(processes_naming(folder)) == 3
        began = time.monotonic()
        assert run.stop() == 0
        assert time.monotonic() - began < 5
        assert processes_naming(folder) == []
        assert not (folder / "agents/H26.107/dev/door").is_symlink()


def test_a_killed_sandbox_takes_its_children_along(tmp_path: Path) -> None:
    folder = tmp_path / "p"
    with SandboxRun(["--dir", folder, *ports()], tmp_path / "log") as run:
        children = [pid for pid in processes_naming(folder) if pid != run.process.pid]
        run.stop(signal.SIGKILL)
        for pid in children:
            await_end(pid)


def await_end(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        watch = os.pidfd_open(pid)
        try:
            assert select.select([watch], [], [], 10)[0], f"{pid} lives on"
        finally:
            os.close(watch)


def test_a_child_that_dies_is_named_and_comes_back(tmp_path: Path) -> None:
    folder = tmp_path / "p"
    log = tmp_path / "log"
    with SandboxRun(["--dir", folder, *ports()], log) as run:
        agent = run.facts["agents"][0]
        (victim,) = [
            pid for pid in processes_naming(Path(agent["config"])) if pid != run.process.pid
        ]
        os.kill(victim, signal.SIGKILL)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{agent['url']}/healthz").status_code == 200:
                    break
        said = log.read_text()
        assert "commune-agent H26.107 ended (code -9)" in said
        assert processes_naming(Path(agent["config"])) != [victim]
        ready(agent["config"])


def devices(config: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = agent_says(config, "devices")["items"]
    return items


def ready(config: str) -> None:
    """The door's scanner is open again although its former owner was killed."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        states = {device["name"]: device["state"] for device in devices(config)}
        if states["door"] == "ready":
            return
    raise AssertionError(states)


def test_taken_ports_move_to_the_next_free_ones(tmp_path: Path) -> None:
    with socket.socket() as server, socket.socket() as agent:
        for taken in (server, agent):
            taken.bind(("127.0.0.1", 0))
            taken.listen()
        server_port, agent_port = server.getsockname()[1], agent.getsockname()[1]
        facts = create(
            tmp_path / "p", "--server-port", str(server_port), "--agent-port", str(agent_port)
        )
    found_server = int(facts["server"].rpartition(":")[2])
    found_agent = int(facts["agents"][0]["url"].rpartition(":")[2])
    assert found_server > server_port
    assert found_agent > agent_port
    settings = (tmp_path / "p/server/server.toml").read_text()
    assert f'listen = "127.0.0.1:{found_server}"' in settings


def test_a_port_taken_meanwhile_moves_server_and_offices(tmp_path: Path) -> None:
    folder = tmp_path / "p"
    made = create(folder, *ports())
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", int(made["server"].rpartition(":")[2])))
        taken.listen()
        moved = create(folder)
    assert moved["server"] != made["server"]
    assert moved["agents"] == made["agents"]
    assert f'url = "{moved["server"]}"' in Path(moved["agents"][0]["config"]).read_text()
    assert f'public_url = "{moved["server"]}"' in (folder / "server/server.toml").read_text()


def test_the_offices_can_be_told_another_address(tmp_path: Path) -> None:
    folder = tmp_path / "p"
    facts = create(folder, *ports(), "--no-devices", "--server-url", "http://127.0.0.1:9999")
    settings = Path(facts["agents"][0]["config"]).read_text()
    assert 'url = "http://127.0.0.1:9999"' in settings
    assert "devices" not in settings
    assert facts["server"] != "http://127.0.0.1:9999"
    create(folder)
    assert 'url = "http://127.0.0.1:9999"' in Path(facts["agents"][0]["config"]).read_text()


def test_more_offices_join_those_that_are_there(tmp_path: Path) -> None:
    folder = tmp_path / "p"
    first = create(folder, *ports())
    more = create(folder, "--offices", "3")
    assert more["agents"][0] == first["agents"][0]
    assert len({agent["office_id"] for agent in more["agents"]}) == 3
    assert len({agent["url"] for agent in more["agents"]}) == 3
    assert create(folder)["agents"] == more["agents"], "fewer are never taken away"


def test_settings_changed_by_hand_stay(tmp_path: Path) -> None:
    folder = tmp_path / "p"
    facts = create(folder, *ports())
    config = Path(facts["agents"][0]["config"])
    config.write_text(config.read_text() + "\n[sync]\npoll_s = 60\n")
    create(folder)
    assert "poll_s = 60" in config.read_text()


def test_two_sandboxes_never_share_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "p"
    with SandboxRun(["--dir", folder, *ports()], tmp_path / "log"):
        done = provision("sandbox", "--dir", folder, "--create-only")
        assert done.returncode == 1
        assert "already runs" in done.stderr


def test_a_folder_too_deep_for_a_socket_is_refused_at_once(tmp_path: Path) -> None:
    done = provision("sandbox", "--dir", tmp_path / ("x" * 100), "--create-only")
    assert done.returncode == 2
    assert "--dir" in done.stderr


def test_a_server_that_cannot_start_is_told_with_its_last_words(tmp_path: Path) -> None:
    folder = tmp_path / "p"
    create(folder, *ports())
    (folder / "server/keys/turn.key").write_bytes(b"short")
    done = provision("sandbox", "--dir", folder)
    assert done.returncode == 3
    assert "commune-server did not come up" in done.stderr
    assert "turn.key" in done.stderr
    assert processes_naming(folder) == []


def test_a_damaged_plan_is_told(tmp_path: Path) -> None:
    (tmp_path / "sandbox.json").write_text("{")
    done = provision("sandbox", "--dir", tmp_path, "--create-only")
    assert done.returncode == 2
    assert "sandbox.json" in done.stderr


def test_in_words_it_tells_where_to_look_and_how_to_sign_in(tmp_path: Path) -> None:
    done = provision("sandbox", "--dir", tmp_path / "p", "--create-only", *ports())
    assert done.returncode == 0
    for word in ("lan.nt", "PIN", "operator", "Xã Ứng Hòa", "http://127.0.0.1:"):
        assert word in done.stdout


@pytest.mark.parametrize("seed", range(5))
def test_nobody_comes_in_twice_in_the_story(seed: int) -> None:
    days_commands = islice(synthetic.commands(seed, today=date(2026, 11, 28)), 300)
    readable = [c for c in days_commands if c["type"] == "visit.check_in"]
    persons = {c["visitor"]["id_number"] for c in readable}
    assert len(persons) < len(readable)
    cards = list(citizen_cards(iter(readable)))
    assert [card.split(b"|")[0].decode() for card in cards] == list(
        dict.fromkeys(c["visitor"]["id_number"] for c in readable)
    )


@pytest.mark.slow
def test_the_story_ends_with_everything_at_the_province(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [BIN / "commune-provision", "sandbox", "--story", "--dir", tmp_path / "p", *ports()],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        env=environment(),
    )
    assert process.stdout is not None
    told = []
    for line in process.stdout:
        told.append(line)
        if "Ctrl-C" in line:
            break
    text = "".join(told)
    asked = re.search(r'Authorization: (Bearer \S+)" (http\S+)', text)
    assert asked is not None, text
    compared = httpx.get(asked[2], headers={"Authorization": asked[1]})
    process.terminate()
    assert process.wait(10) == 0
    process.stdout.close()
    assert compared.json()["equal"] is True
    equal = re.findall(r"office (\d+), province (\d+)", text)
    assert equal == [("5", "5"), ("13", "13")], text
    assert "8 records lie safely" in text
    assert "bears ○" in text
    assert "type c and Enter here" in text
    assert "The story ends here" not in text
