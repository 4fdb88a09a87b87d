"""Tickets that were printed before the province turned its keys, at a real server."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent import keys
from agent.config import read
from provisioning import province as founding
from provisioning.cli.doors import world
from provisioning.enrol import REQUEST, Enrolled, enrol
from provisioning.province import NewProvince
from provisioning.province_line import ProvinceLine
from provisioning.rotation import Wanted, rotate
from server import office_register
from server.office_register import Entry
from tests.ports import free_port
from tests.provisioning.conftest import RunningProvince, serving
from tests.provisioning.cuts import LostReply
from wire import message, statements
from wire.problems import Refusal
from wire.statements import Province

pytestmark = pytest.mark.slow


@dataclass
class Turning(RunningProvince):
    """A province whose keys turn, one office in it."""

    port: int = 0
    root_key: str = "root.key"

    def turn(self, *, signing: bool = False, root: bool = False) -> None:
        """Give it new keys; its server takes them up when it is started again."""
        key, wanted = self.folder / "root" / self.root_key, Wanted(signing=signing, root=root)
        done = rotate(self.folder, key, wanted, now_ms=2, random_bytes=os.urandom)
        if done.root_key is not None:
            self.root_key = done.root_key.name

    def forget(self) -> None:
        """Lose every former sealing key, as when they have been destroyed."""
        newest = f"sealing-{self.newest.n}.key"
        for file in (self.folder / "keys").glob("sealing*.key"):
            if file.name != newest:
                file.unlink()

    @property
    def newest(self) -> Province:
        stated = (self.folder / "keys" / "province.cose").read_bytes()
        return statements.read_unverified(stated, Province)


@pytest.fixture
def turning(tmp_path: Path) -> Turning:
    port = free_port()
    url, listen = f"http://127.0.0.1:{port}", f"127.0.0.1:{port}"
    new = NewProvince(code="H26", name="Hà Nội", url=url, listen=listen)
    founding.found(tmp_path / "home", new, now_ms=1, random_bytes=os.urandom)
    found = Turning(tmp_path / "home", url, port)
    entry = Entry("H26.107", "Xã Ứng Hòa", None, None)
    found.inside(lambda context: office_register.take_in(context, [entry]))
    return found


def enrolled(province: Turning, folder: Path, ticket: bytes, beside: bytes | None) -> Enrolled:
    config = read(province.machine(folder))
    line = ProvinceLine([province.url])
    return enrol(ticket, config, line, world(), name="máy", province_cose=beside)


def test_old_tickets_lead_to_the_keys_in_force(turning: Turning, tmp_path: Path) -> None:
    """A signing key, then a root, then both have turned, and former sealing keys are gone."""
    first = (turning.folder / "keys" / "province.cose").read_bytes()
    tickets = [turning.ticket().statement, turning.ticket().statement]
    turning.turn(signing=True)
    tickets.append(turning.ticket().statement)
    turning.turn(root=True)
    turning.turn(signing=True, root=True)
    turning.forget()
    with serving(turning.folder, turning.port):
        for number, ticket in enumerate(tickets):
            folder = tmp_path / f"box{number}"
            assert enrolled(turning, folder, ticket, first if number == 0 else None).ok
            known = keys.read_enrolment(folder / "keys")
            assert known is not None
            assert known.province == turning.newest


def test_an_enrolment_cut_off_by_a_rotation_ends_with_the_same_device(
    turning: Turning, tmp_path: Path
) -> None:
    ticket = turning.ticket().statement
    config = read(turning.machine(tmp_path / "box"))
    line = ProvinceLine([turning.url])
    with serving(turning.folder, turning.port), pytest.raises(Refusal, match="line-cut"):
        enrol(ticket, config, LostReply(line), world(), name="máy")
    asked = message.parse_full((config.keys_dir / REQUEST).read_bytes())
    turning.turn(signing=True)
    turning.forget()
    with serving(turning.folder, turning.port):
        done = enrolled(turning, tmp_path / "box", ticket, None)
    again = message.parse_full((config.keys_dir / REQUEST).read_bytes())
    assert again.sender_kid == asked.sender_kid
    assert again.receiver_kid != asked.receiver_kid
    assert done.ok
    assert keys.read_enrolment(config.keys_dir) is not None


class Saying:
    """A line that nobody vouches for, which answers a question for what follows as it likes."""

    def __init__(self, line: ProvinceLine, answer: bytes | Refusal) -> None:
        self._line, self._answer = line, answer

    def province(self, wanted: str = "") -> bytes:
        if not wanted.startswith("n="):
            return self._line.province(wanted)
        if isinstance(self._answer, Refusal):
            raise self._answer
        return self._answer

    def enrol(self, ticket_id: bytes, request: bytes) -> bytes:
        return self._line.enrol(ticket_id, request)


def test_what_does_not_follow_is_not_followed(turning: Turning, tmp_path: Path) -> None:
    """No device holds the former keys, so the server has destroyed them when it began to serve."""
    tickets = [turning.ticket().statement, turning.ticket().statement]
    turning.turn(signing=True)
    stranger = tmp_path / "stranger"
    new = NewProvince(code="H27", name="Lạ", url="http://a", listen="127.0.0.1:1")
    founding.found(stranger, new, now_ms=1, random_bytes=os.urandom)
    foreign = (stranger / "keys" / "province.cose").read_bytes()
    with serving(turning.folder, turning.port):
        line = ProvinceLine([turning.url])
        config = read(turning.machine(tmp_path / "cut"))
        with pytest.raises(Refusal, match="line-down"):
            enrol(tickets[0], config, Saying(line, Refusal("line-down")), world(), name="máy")
        for number, answer in enumerate((foreign, b"x")):
            config = read(turning.machine(tmp_path / f"box{number}"))
            with pytest.raises(Refusal, match="receiver-unknown"):
                enrol(tickets[number], config, Saying(line, answer), world(), name="máy")
            assert enrol(tickets[number], config, line, world(), name="máy").ok
            known = keys.read_enrolment(config.keys_dir)
            assert known is not None
            assert known.province == turning.newest
