"""Whatever answers in the province's place, nothing is marked delivered, and work goes on."""

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
from tests.e2e.world import World, free_port
from wire.problems import CATALOGUE

Json = dict[str, Any]


def assert_undelivered(world: World, line: str, error: str) -> None:
    """The status says what is wrong, nothing counts as delivered, and recording goes on."""
    before = world.head
    result = world.submit(realistic(1, seed=SEED + before))[0]
    assert result["ok"]
    status = world.await_status(line=line, delivered=0)
    while status["exchange"]["last_error"] is None:
        status = world.status()
    assert status["exchange"]["last_error"] == error
    assert error in CATALOGUE
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


def test_an_old_genuine_answer_is_not_believed_again(between: tuple[World, Interposer]) -> None:
    world, interposer = between
    world.start_both()
    results = world.submit(realistic(10))
    world.sync()
    delivered = world.status()["delivered"]
    # Full messages and their answers: the first of a session, and each of a later one.
    genuine = [answer for answer in interposer.recorded if answer.status == 200]
    assert genuine
    for answer in genuine:
        interposer.answer_with(answer)
        results += world.submit(realistic(3, seed=SEED + world.head))
        assert interposer.asked.wait(20), "the agent did not ask"
        assert world.run("sync", "--wait", "1").returncode == 3
        status = world.status()
        assert status["delivered"] == delivered
        assert status["backlog"] == status["head"] - delivered > 0
        assert status["exchange"]["last_error"] in {"answer-foreign", "answer-forged"}

    interposer.answer_with(interposer.pass_on)
    world.sync()
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
    "status", [400, 401, 403, 404, 409, 413, 500, 502, 503], ids=lambda status: f"status {status}"
)
def test_a_status_code_alone_moves_nothing(between: tuple[World, Interposer], status: int) -> None:
    world, interposer = between
    interposer.answer_with(Answer(status, "text/plain", b"no"))
    world.start_agent()
    world.submit(realistic(3))
    assert interposer.asked.wait(20)
    assert world.run("sync", "--wait", "0").returncode == 3
    shown = world.status()
    assert shown["delivered"] == 0
    assert shown["exchange"]["last_error"] in CATALOGUE
