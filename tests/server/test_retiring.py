"""Former keys of a province: the daily round that destroys them, and what its operator sees."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from litestar.datastructures import State
from structlog.testing import capture_logs

from console.speech import Speech
from server import keys, retiring, rounds
from server.cli import build
from server.cli.opening import opened
from server.config import load
from server.context import ServerContext
from server.enrolment import revoke
from tests.ports import free_port
from tests.server.province import FakeClock, make_keys, new_device, rotate_keys
from tests.server.test_cli import Operator, operator
from tests.server.test_process import ROOT, answer
from wire.keys import device10
from wire.problems import Refusal

__all__ = ["operator"]  # a fixture

KEYS = "s*.key"


def restarted(ctx: ServerContext) -> ServerContext:
    rotate_keys(ctx.config.keys_dir, signing=True)
    return replace(ctx, keys=keys.load(ctx.config.keys_dir))


def names(ctx: ServerContext) -> set[str]:
    return {file.name for file in ctx.config.keys_dir.glob(KEYS)}


class Days:
    """Days that pass when they are told to."""

    def __init__(self) -> None:
        self.asked: asyncio.Queue[float] = asyncio.Queue()
        self.over: asyncio.Queue[None] = asyncio.Queue()

    async def __call__(self, seconds: float) -> None:
        self.asked.put_nowait(seconds)
        await self.over.get()


async def test_the_round_destroys_a_key_on_the_day_it_is_due(
    ctx: ServerContext, clock: FakeClock
) -> None:
    await new_device(ctx)
    now = restarted(ctx)
    kid = ctx.keys.sealing[0].kid
    state, days = State({"context": now}), Days()
    async with rounds.daily(state, days):
        assert await days.asked.get() == rounds.DAY_S
        assert "sealing.key" in names(ctx), "a device may still use it"
        clock.ms += retiring.RETIRED_MS_MAX
        days.over.put_nowait(None)
        await days.asked.get()
        assert names(ctx) == {"sealing-2.key", "signing-2.key"}
    with pytest.raises(Refusal, match="receiver-unknown"):
        state.context.keys.opening(kid)
    assert (state.context.keys.former, state.context.keys.n) == ((), 2)
    assert await retiring.retired(state.context) == []


async def test_a_second_worker_forgets_what_the_first_destroyed_and_notes_nothing(
    ctx: ServerContext,
) -> None:
    now = restarted(ctx)
    first, second = State({"context": now}), State({"context": now})
    await rounds.go_round(first)
    noted = (ctx.config.keys_dir / retiring.RECORD).read_text()
    await rounds.go_round(second)
    assert second.context.keys.former == ()
    assert (ctx.config.keys_dir / retiring.RECORD).read_text() == noted
    assert noted.count("\n") == 1


async def test_a_round_that_fails_says_so_and_the_next_one_goes_on(ctx: ServerContext) -> None:
    now = restarted(ctx)
    state = State({"context": now})
    record = ctx.config.keys_dir / retiring.RECORD
    record.mkdir()  # nothing can be noted
    with capture_logs() as logs:
        await rounds.go_round(state)
    assert [each["event"] for each in logs] == ["keys-not-destroyed"]
    assert state.context is now
    record.rmdir()
    await rounds.go_round(state)
    assert state.context.keys.former == ()
    assert " 1 " in record.read_text()


@pytest.mark.slow
async def test_a_server_destroys_what_is_due_before_it_serves(tmp_path: Path) -> None:
    make_keys(tmp_path / "keys")
    rotate_keys(tmp_path / "keys")
    port = free_port()
    (tmp_path / "server.toml").write_text(
        f'listen = "127.0.0.1:{port}"\npublic_url = "http://127.0.0.1:{port}"\n'
        'database = "sqlite:///data/province.db"\ndata_dir = "data"\nkeys_dir = "keys"\n'
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.server.serve", str(tmp_path), cwd=ROOT
    )
    try:
        await answer(port, b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        assert not (tmp_path / "keys" / "sealing.key").exists()
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 10) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.slow
async def test_keys_are_listed_with_who_still_uses_them_and_go_when_nobody_does(
    operator: Operator,
) -> None:
    assert json.loads(operator.types("keys", "list", "--json").stdout) == {"n": 1, "retired": []}
    async with opened(load(operator.config)) as ctx:
        device = await new_device(ctx)
    rotate_keys(operator.config.parent / "keys")
    (row,) = json.loads(operator.types("keys", "list", "--json").stdout)["retired"]
    name = device10(device.device_id)
    holder = {"device": name, "office": "H26.107", "last_seen_at": None}
    assert (row["n"], row["due"], row["holders"]) == (1, False, [holder])
    assert name in operator.types("keys", "list").stdout
    assert "No key" in operator.types("keys", "retire").stderr
    async with opened(load(operator.config)) as ctx:
        await revoke(ctx, device.device_id)
    listed = operator.types("keys", "list")
    assert "due to go" in listed.stderr
    assert "1" in listed.stdout
    done = operator.types("keys", "retire", "--json")
    assert json.loads(done.stdout) == {"ok": True, "destroyed": [1]}


def test_a_retired_key_is_told_of_in_words(
    operator: Operator, capsys: pytest.CaptureFixture[str]
) -> None:
    rotate_keys(operator.config.parent / "keys")
    words = ["--config", str(operator.config), "keys", "retire"]
    with pytest.raises(SystemExit) as ended:
        build(Speech("server", "en")).main(words)
    assert ended.value.code == 0
    assert "statement 1 are destroyed" in capsys.readouterr().err
