"""Enrolment as a technician meets it: every refusal by name, and one device whatever happens."""

import json
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from agent import keys
from agent.config import read
from provisioning import province as founding
from provisioning.cli.doors import world
from provisioning.enrol import REQUEST, Enrolled, enrol
from provisioning.province import NewProvince
from provisioning.province_line import ProvinceLine
from tests.ports import free_port
from tests.provisioning.conftest import RunningProvince, provision
from tests.provisioning.cuts import LostReply, power_cut
from wire import base45, statements
from wire.keys import SigningKey, device10
from wire.problems import Refusal
from wire.statements import Ticket


def enroll(config: Path, *words: str | Path) -> tuple[int, dict[str, Any], str]:
    done = provision("enroll", "--config", config, "--json", *words)
    return done.returncode, json.loads(done.stdout or "{}"), done.stderr


def code_of(answer: dict[str, Any]) -> str:
    assert answer["ok"] is False
    return str(answer["problem"]["code"])


def in_process(config: Path, line: Any, ticket: str) -> Enrolled:
    return enrol(ticket, read(config), line, world(), name="máy một cửa")


def test_a_ticket_makes_a_machine_a_device(province: RunningProvince, tmp_path: Path) -> None:
    config = province.machine(tmp_path)

    code, answer, _ = enroll(config, province.ticket().text)

    assert code == 0
    assert answer["ok"] is True
    assert (answer["office"], answer["name"]) == ("H26.107", "Xã Ứng Hòa")
    enrolment = keys.read_enrolment(tmp_path / "keys")
    assert enrolment is not None
    assert answer["device"] == device10(enrolment.identity.device_id)


def test_only_the_owner_can_read_what_enrolment_leaves(
    province: RunningProvince, tmp_path: Path
) -> None:
    config = province.machine(tmp_path)
    enroll(config, province.ticket().text)

    folder = tmp_path / "keys"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}
    assert modes == dict.fromkeys(
        (
            keys.JOURNAL_KEY,
            keys.DEVICE_KEY,
            keys.SEALING_KEY,
            keys.JOURNAL_ID,
            keys.DEVICE_RECORD,
            keys.PROVINCE,
            keys.ANSWER,
            REQUEST,
        ),
        0o600,
    )


def test_the_same_ticket_again_is_the_same_device(
    province: RunningProvince, tmp_path: Path
) -> None:
    config, ticket = province.machine(tmp_path), province.ticket().text
    _, first, _ = enroll(config, ticket)
    code, second, _ = enroll(config, ticket)
    assert code == 0
    assert second["device"] == first["device"]


def test_a_ticket_travels_as_a_file_with_the_province_beside_it(
    province: RunningProvince, tmp_path: Path
) -> None:
    stick = tmp_path / "stick"
    words = ["--auto-approve", "--json", "--config", str(province.config), "--out", str(stick)]
    issued = json.loads(provision("ticket", "H26.107", *words).stdout)
    assert Path(issued["file"]) == stick / "H26.107.ticket"
    assert (stick / "province.cose").exists()

    code, answer, _ = enroll(province.machine(tmp_path / "box"), "--file", issued["file"])

    assert (code, answer["ok"]) == (0, True)


def test_without_automatic_approval_the_device_waits_for_an_operator(
    province: RunningProvince, tmp_path: Path
) -> None:
    issued = json.loads(
        provision("ticket", "H26.107", "--config", province.config, "--json").stdout
    )
    assert issued["file"] is None
    code, answer, _ = enroll(province.machine(tmp_path), issued["ticket"])
    assert (code, answer["pending"]) == (0, True)


def test_a_ticket_of_another_root_is_forged(province: RunningProvince, tmp_path: Path) -> None:
    genuine = statements.read_unverified(province.ticket().statement, Ticket)
    stranger = SigningKey(b"\x07" * 32)
    forged = base45.encode(statements.sign(genuine, stranger))

    code, answer, said = enroll(province.machine(tmp_path), forged)

    assert (code, code_of(answer)) == (1, "ticket-forged")
    assert "ticket" in said.lower()
    assert not (tmp_path / "keys" / keys.DEVICE_KEY).exists(), "no key is made for a stranger"


def test_a_province_with_another_root_is_not_believed(
    province: RunningProvince, tmp_path: Path
) -> None:
    new = NewProvince(code="H26", name="Hà Nội", url=province.url, listen="127.0.0.1:1")
    founding.found(tmp_path / "fake", new, now_ms=0, random_bytes=lambda n: bytes(range(n)))
    stick = tmp_path / "stick"
    stick.mkdir()
    (stick / "t").write_bytes(province.ticket().statement)
    (stick / "province.cose").write_bytes((tmp_path / "fake/keys/province.cose").read_bytes())

    code, answer, _ = enroll(province.machine(tmp_path / "box"), "--file", stick / "t")

    assert (code, code_of(answer)) == (1, "ticket-forged")


@pytest.mark.parametrize("text", ["", "not a ticket", "AB C", "!!"])
def test_what_is_no_ticket_is_refused(province: RunningProvince, tmp_path: Path, text: str) -> None:
    code, answer, _ = enroll(province.machine(tmp_path), text)
    assert (code, code_of(answer)) == (1, "ticket-forged")


def test_an_expired_ticket_is_refused(province: RunningProvince, tmp_path: Path) -> None:
    expired = province.ticket(valid_s=0).text
    code, answer, _ = enroll(province.machine(tmp_path), expired)
    assert (code, code_of(answer)) == (1, "ticket-expired")


def test_a_ticket_used_by_another_machine_is_refused(
    province: RunningProvince, tmp_path: Path
) -> None:
    ticket = province.ticket().text
    _, first, _ = enroll(province.machine(tmp_path / "first"), ticket)

    code, answer, said = enroll(province.machine(tmp_path / "second"), ticket)

    assert (code, code_of(answer)) == (1, "ticket-used")
    assert answer["problem"]["title"] in said
    named = answer["problem"]["detail"].split(", ")
    assert named[0] == first["device"]
    assert len(named[1]) == 10
    assert named[1] != named[0]
    assert f"{named[0]}, {named[1]}" in said
    assert keys.read_enrolment(tmp_path / "second" / "keys") is None


def test_without_a_line_nobody_is_told_that_records_are_safe(
    province: RunningProvince, tmp_path: Path
) -> None:
    config = province.machine(tmp_path, url=f"http://127.0.0.1:{free_port()}")
    code, answer, said = enroll(config, province.ticket().text)
    assert (code, code_of(answer)) == (3, "line-down")
    assert "not enrolled yet" in said
    assert "safe" not in said + answer["problem"]["detail"]


def test_a_page_in_between_brings_no_words_of_an_office_at_work(
    province: RunningProvince, tmp_path: Path
) -> None:
    with portal() as url:
        code, answer, said = enroll(province.machine(tmp_path, url=url), province.ticket().text)
    assert (code, code_of(answer)) == (3, "captive-portal")
    assert "not enrolled yet" in said
    assert "safe" not in said + answer["problem"]["detail"]


def test_a_ticket_of_another_office_is_refused_before_anything_is_sent(
    province: RunningProvince, tmp_path: Path
) -> None:
    config = province.machine(tmp_path, office="H26.108", url=f"http://127.0.0.1:{free_port()}")
    code, answer, _ = enroll(config, province.ticket().text)
    assert (code, code_of(answer)) == (1, "ticket-other-office")
    assert not (tmp_path / "keys").exists()


def test_an_enrolled_machine_takes_no_second_ticket(
    province: RunningProvince, tmp_path: Path
) -> None:
    config = province.machine(tmp_path)
    _, first, _ = enroll(config, province.ticket().text)
    code, answer, _ = enroll(config, province.ticket().text)
    assert (code, code_of(answer)) == (1, "already-enrolled")
    assert answer["problem"]["detail"] == first["device"]


def test_without_a_line_it_says_so_and_can_be_repeated(
    province: RunningProvince, tmp_path: Path
) -> None:
    ticket = province.ticket().text
    nowhere = province.machine(tmp_path, url=f"http://127.0.0.1:{free_port()}")
    code, answer, said = enroll(nowhere, ticket)
    assert (code, code_of(answer)) == (3, "line-down")
    assert "line" in said

    code, answer, _ = enroll(province.machine(tmp_path), ticket)
    assert (code, answer["ok"]) == (0, True)


def test_a_captive_portal_is_no_province(province: RunningProvince, tmp_path: Path) -> None:
    with portal() as url:
        code, answer, _ = enroll(province.machine(tmp_path, url=url), province.ticket().text)
    assert (code, code_of(answer)) == (3, "captive-portal")


@contextmanager
def portal(
    status: int = 200, media_type: str = "text/html", page: bytes = b"<html>Xin dang nhap</html>"
) -> Iterator[str]:
    class Portal(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Portal) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(5)


@pytest.mark.parametrize("body", [b"{", b'{"code":"\xff"}', b'{"x":' + b"[" * 16_000])
def test_a_poisoned_problem_document_is_no_answer(body: bytes) -> None:
    with (
        portal(401, "application/problem+json", body) as url,
        pytest.raises(Refusal, match="server-error"),
    ):
        ProvinceLine([url]).province()


def test_an_answer_that_is_lost_is_asked_for_again(
    province: RunningProvince, tmp_path: Path
) -> None:
    config, ticket = province.machine(tmp_path), province.ticket().text
    line = ProvinceLine([province.url])
    with pytest.raises(Refusal, match="line-cut"):
        in_process(config, LostReply(line), ticket)
    asked = (tmp_path / "keys" / REQUEST).read_bytes()

    done = in_process(config, line, ticket)

    assert (tmp_path / "keys" / REQUEST).read_bytes() == asked
    assert done.ok


@pytest.mark.parametrize("writes", range(8))
def test_a_power_cut_before_any_write_leaves_one_device(
    province: RunningProvince, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    """Writes are atomic, so a cut before each of the eight is every cut there is."""
    line = ProvinceLine([province.url])
    config, ticket = province.machine(tmp_path), province.ticket().text
    with power_cut(monkeypatch, writes):
        in_process(config, line, ticket)
    assert keys.read_enrolment(tmp_path / "keys") is None
    device_key = tmp_path / "keys" / keys.DEVICE_KEY
    kept = device_key.read_bytes() if device_key.exists() else None

    done = in_process(config, line, ticket)

    assert done.ok
    assert kept in (None, device_key.read_bytes()), "the keys of before are used"
    enrolment = keys.read_enrolment(tmp_path / "keys")
    assert enrolment is not None
    assert done.device == device10(enrolment.identity.device_id)


def test_two_enrolments_at_once_do_not_mix(province: RunningProvince, tmp_path: Path) -> None:
    config, ticket = province.machine(tmp_path), province.ticket().text
    line = ProvinceLine([province.url])

    class Meanwhile(LostReply):
        def enrol(self, ticket_id: bytes, request: bytes) -> bytes:
            with pytest.raises(Refusal, match="busy"):
                in_process(config, line, ticket)
            return self._line.enrol(ticket_id, request)

    assert in_process(config, Meanwhile(line), ticket).ok


def test_a_key_that_others_can_read_is_not_used(province: RunningProvince, tmp_path: Path) -> None:
    config = province.machine(tmp_path)
    folder = tmp_path / "keys"
    folder.mkdir()
    (folder / keys.DEVICE_KEY).write_bytes(bytes(32))
    (folder / keys.DEVICE_KEY).chmod(0o644)
    code, answer, _ = enroll(config, province.ticket().text)
    assert (code, code_of(answer)) == (2, "key-exposed")


def test_wrong_use_is_told(province: RunningProvince, tmp_path: Path) -> None:
    config = province.machine(tmp_path)
    assert provision("enroll", "--config", config).returncode == 2
    assert provision("enroll", "X", "--file", "Y", "--config", config).returncode == 2
    config.write_text('office = "H26.107"\ncolour = "red"\n')
    done = provision("enroll", "X", "--config", config)
    assert done.returncode == 2
    assert "colour" in done.stderr
    assert "province" in done.stderr


def test_a_file_that_is_no_ticket_or_not_there(province: RunningProvince, tmp_path: Path) -> None:
    config = province.machine(tmp_path)
    code, answer, _ = enroll(config, "--file", tmp_path / "none")
    assert (code, code_of(answer)) == (2, "file-unreadable")
    (tmp_path / "film").write_bytes(bytes(5_000))
    code, answer, _ = enroll(config, "--file", tmp_path / "film")
    assert (code, code_of(answer)) == (1, "ticket-forged")
