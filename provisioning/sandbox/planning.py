"""From what was asked and what an earlier run left: the plan of this run. Pure but for ports."""

from base64 import b32encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from provisioning.sandbox.communes import Commune, communes
from provisioning.sandbox.facts import OfficePlan, Plan, User
from provisioning.sandbox.ports import free_port

SERVER_PORT: Final = 8700
AGENT_PORT: Final = 8710
SWITCH_PORT: Final = 8690
LINE_PORT: Final = 8691
PIN_DIGITS: Final = 6
PASSWORD_BYTES: Final = 10

STAFF: Final = (
    ("lan.nt", "clerk", "Nguyễn Thị Lan"),
    ("hung.pv", "supervisor", "Phạm Văn Hùng"),
    ("dung.tq", "technician", "Trần Quốc Dũng"),
)


class Wish(Struct, frozen=True, kw_only=True):
    """What the command line asked for; null where it said nothing. `folder` is absolute."""

    folder: Path
    offices: int = 1
    server_port: int | None = None
    agent_port: int | None = None
    server_url: str | None = None
    create_only: bool = False
    has_devices: bool = True
    has_story: bool = False


def plan_of(wish: Wish, before: Plan | None, random_bytes: Callable[[int], bytes]) -> Plan:
    """Return the plan: secrets and offices of before stay, ports that are taken move on.

    Raises NoPortFree, or ValueError when the province has fewer communes than asked for.
    """
    wanted = wish.server_port or (before.server_port if before else SERVER_PORT)
    server_port = free_port(wanted)
    offices = before.offices if before else ()
    if len(offices) < wish.offices:
        offices += tuple(_new_offices(wish.offices, len(offices), random_bytes))
    placed = _placed(offices, wish.agent_port, server_port)
    if before is None:
        password = b32encode(random_bytes(PASSWORD_BYTES)).decode().lower()
        return Plan(
            server_port=server_port,
            operator_password=password,
            offices=placed,
            told_url=wish.server_url,
        )
    told_url = wish.server_url or before.told_url
    return msgspec.structs.replace(
        before, server_port=server_port, offices=placed, told_url=told_url
    )


def _new_offices(
    count: int, present: int, random_bytes: Callable[[int], bytes]
) -> Iterator[OfficePlan]:
    known = communes()
    if count > len(known):
        raise ValueError(f"at most {len(known)} offices")
    for number, commune in enumerate(known[present:count], start=present):
        yield _new_office(commune, AGENT_PORT + number, random_bytes)


def _new_office(commune: Commune, port: int, random_bytes: Callable[[int], bytes]) -> OfficePlan:
    return OfficePlan(
        code=commune.code,
        name=commune.name,
        ward_code=commune.ward_code,
        port=port,
        users=tuple(User(name, _pin(random_bytes), role, display) for name, role, display in STAFF),
    )


def _pin(random_bytes: Callable[[int], bytes]) -> str:
    number = int.from_bytes(random_bytes(8), "big") % 10**PIN_DIGITS
    return f"{number:0{PIN_DIGITS}}"


def _placed(
    offices: tuple[OfficePlan, ...], first_port: int | None, server_port: int
) -> tuple[OfficePlan, ...]:
    """Give every office a port that is free now."""
    taken = {server_port}
    placed: list[OfficePlan] = []
    for number, office in enumerate(offices):
        wanted = office.port if first_port is None else first_port + number
        port = free_port(wanted, but=frozenset(taken))
        taken.add(port)
        placed.append(msgspec.structs.replace(office, port=port))
    return tuple(placed)
