"""Whatever answers in the province's place, nothing is marked delivered, and work goes on."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.false_province import (
    LOGIN_PAGE,
    TO_LOGIN_PAGE,
    Answer,
    Interposer,
    TlsStranger,
    make_certificate,
)
from tests.e2e.exactly_once import SEED, assert_exactly_once, realistic
from tests.e2e.world import World
from tests.ports import free_port
from wire.short import is_short

Json = dict[str, Any]


def await_error(world: World) -> Json:
    """Ask for the status until it tells of an exchange that failed."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        status = world.status()
        if status["exchange"]["last_error"] is not None:
            return status
    raise AssertionError(f"no exchange failed: {status}")


def assert_undelivered(world: World, line: str, error: str) -> None:
    """The status says what is wrong, nothing counts as delivered, and recording goes on."""
    before = world.head
    result = world.submit(realistic(1, seed=SEED + before))[0]
    assert result["ok"]
    status = await_error(world)
    assert status["exchange"]["last_error"] == error
    assert status["line"] == line
    assert status["delivered"] == 0
    assert status["head"] == status["backlog"] >= before
    assert world.run("sync", "--wait", "0").returncode == 3


def test_nobody_listens(place: Path) -> None:
    with World(place, province_url=f"http://127.0.0.1:{free_port()}") as world:
        world.start_agent()
        assert_undelivered(world, "offline", "line-down")


def test_the_name_does_not_resolve(place: Path) -> None:
    with World(place, province_url="http://tinh.invalid:8700") as world:
        world.start_agent()
        assert_undelivered(world, "dns", "dns-failed")


def test_nobody_vouches_for_the_certificate(place: Path) -> None:
    with (
        TlsStranger(make_certificate(place, "stranger")) as stranger,
        World(place / "w", province_url=stranger.url) as world,
    ):
        world.start_agent()
        assert_undelivered(world, "tls", "tls-wrong")


def test_a_plain_server_where_tls_was_meant(place: Path) -> None:
    with Interposer(0) as plain:
        plain.answer_with(LOGIN_PAGE)
        with World(place, province_url=plain.url.replace("http:", "https:")) as world:
            world.start_agent()
            assert_undelivered(world, "tls", "tls-wrong")


def test_the_configured_root_is_trusted_and_all_arrives_over_tls(place: Path) -> None:
    certificate = make_certificate(place, "tinh")
    port = free_port()
    url = f"https://127.0.0.1:{port}"
    with World(place / "w", server_port=port, province_url=url) as world:
        server_toml = world.folder / "server" / "server.toml"
        tls = f'tls_cert = "{certificate.cert}"\ntls_key = "{certificate.key}"\n'
        server_toml.write_text(tls + server_toml.read_text())
        world.config.write_text(
            world.config.read_text().replace("[api]", f'ca_file = "{certificate.cert}"\n[api]')
        )
        world.start_agent()
        world.server.start()
        assert world.submit(realistic(5))[-1]["ok"]
        done = world.sync()
        assert done["delivered"] == done["head"] == 5
        assert world.status()["line"] == "online"


@pytest.fixture
def between(place: Path) -> Iterator[tuple[World, Interposer]]:
    """An office that has an interposer between itself and its province."""
    port = free_port()
    with (
        Interposer(port) as interposer,
        World(place, server_port=port, province_url=interposer.url) as world,
    ):
        yield world, interposer


@pytest.mark.parametrize("portal", [LOGIN_PAGE, TO_LOGIN_PAGE], ids=["200 HTML", "302"])
def test_a_captive_portal(between: tuple[World, Interposer], portal: Answer) -> None:
    world, interposer = between
    interposer.answer_with(portal)
    world.start_both()
    assert_undelivered(world, "captive-portal", "captive-portal")
    interposer.answer_with(interposer.pass_on)
    results = world.submit(realistic(10))
    assert world.sync()["backlog"] == 0
    assert world.status()["line"] == "online"
    assert_exactly_once(world, results)


@pytest.mark.parametrize(
    ("asked_short", "answered_short", "error"),
    [
        # Signed by the province and sealed to this office, but it names another request.
        (False, False, "answer-foreign"),
        # Nothing signed at all, or not what opens with the key of a session and a request.
        (False, True, "answer-forged"),
        (True, False, "answer-forged"),
        (True, True, "answer-forged"),
    ],
)
def test_an_old_genuine_answer_is_not_believed_again(
    between: tuple[World, Interposer], *, asked_short: bool, answered_short: bool, error: str
) -> None:
    world, interposer = between
    world.start_both()
    results: list[Json] = []
    for seed in (SEED, SEED + 1):
        results += world.submit(realistic(5, seed=seed))
        world.sync()
    genuine = {is_short(answer.body): answer for answer in interposer.recorded}
    delivered = world.status()["delivered"]
    before = len(interposer.bodies)

    if asked_short:  # a session lives as long as its process
        interposer.answer_once(genuine[answered_short])
        results += world.submit(realistic(3, seed=SEED + 2))
    else:
        assert world.agent.stop() == 0
        interposer.answer_once(genuine[answered_short])
        world.start_agent()
        results += world.submit(realistic(3, seed=SEED + 2))
    assert interposer.asked.wait(20), "the agent did not ask"

    assert is_short(interposer.bodies[before]) is asked_short
    status = await_error(world)
    assert status["exchange"]["last_error"] == error
    assert status["line"] == "captive-portal"
    assert status["delivered"] == delivered
    assert status["backlog"] == status["head"] - delivered > 0
    interposer.answer_with(interposer.pass_on)
    world.sync()
    assert world.status()["line"] == "online"
    assert_exactly_once(world, results)


@pytest.mark.parametrize(
    "body", [b'{"code":"\xff"}', b'{"x":' + b"[" * 16_000], ids=["no UTF-8", "too deep"]
)
def test_a_poisoned_problem_document_is_one_more_portal(
    between: tuple[World, Interposer], body: bytes
) -> None:
    world, interposer = between
    interposer.answer_with(Answer(401, "application/problem+json", body))
    world.start_agent()
    assert_undelivered(world, "captive-portal", "captive-portal")
    world.server.start()
    interposer.answer_with(interposer.pass_on)
    world.sync()


@pytest.mark.parametrize(
    ("status", "line", "error"),
    [
        # A province always names its problem: what does not is somebody on the way.
        (400, "captive-portal", "captive-portal"),
        (401, "captive-portal", "captive-portal"),
        (403, "captive-portal", "captive-portal"),
        (404, "captive-portal", "captive-portal"),
        (409, "captive-portal", "captive-portal"),
        (413, "online", "too-large"),
        (429, "online", "busy"),
        (500, "online", "server-error"),
        (502, "online", "server-error"),
        (503, "online", "busy"),
        (511, "captive-portal", "captive-portal"),
    ],
)
def test_a_status_code_alone_moves_nothing(
    between: tuple[World, Interposer], status: int, line: str, error: str
) -> None:
    world, interposer = between
    interposer.answer_with(Answer(status, "text/plain", b"no"))
    world.start_agent()
    assert_undelivered(world, line, error)
