"""What a sandbox is: the facts it prints, and the plan it keeps so that it can go on."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from provisioning import durable
from wire.foreign import read_json
from wire.problems import Malformed

PLAN_FILE: Final = "sandbox.json"
OPERATOR: Final = "operator"


class User(Struct, frozen=True):
    """Somebody who signs in at an office: role clerk, supervisor or technician."""

    name: str
    pin: str
    role: str
    display: str


class OfficePlan(Struct, frozen=True, kw_only=True):
    """One office; `office_id` and `has_users` are null and false until they are so."""

    code: str
    name: str
    ward_code: str
    port: int
    users: tuple[User, ...]
    office_id: bytes | None = None
    has_users: bool = False


class Tokens(Struct, frozen=True):
    """The province's bearer tokens."""

    reports: str
    feed: str
    admin: str


class Plan(Struct, frozen=True, kw_only=True):
    """What a second run must know of the first; holds secrets, so its file is 0600.

    `told_url`: what --server-url said; `tokens` are null and `published` false until done.
    """

    server_port: int
    operator_password: str
    offices: tuple[OfficePlan, ...]
    told_url: str | None = None
    tokens: Tokens | None = None
    published: bool = False


class PlanDamaged(ValueError):  # noqa: N818 - a finding, told as it is
    """The plan's file is there and cannot be read."""


def load(folder: Path) -> Plan | None:
    """Return the plan of an earlier run, None when there was none. Raises PlanDamaged."""
    with contextlib.suppress(FileNotFoundError):
        try:
            return read_json((folder / PLAN_FILE).read_bytes(), Plan)
        except Malformed as error:
            raise PlanDamaged(f"{folder / PLAN_FILE}: {error}") from error
    return None


def save(folder: Path, plan: Plan) -> None:
    """Keep the plan durably."""
    durable.write(folder / PLAN_FILE, msgspec.json.format(msgspec.json.encode(plan)))


class Operator(Struct, frozen=True):
    """Who signs in at the province."""

    user: str
    password: str


class UserFacts(Struct, frozen=True):
    """One user as the sandbox prints it."""

    name: str
    pin: str
    role: str


class AgentFacts(Struct, frozen=True):
    """Where one office is."""

    office: str
    office_id: str
    name: str
    url: str
    config: str
    socket: str
    users: Sequence[UserFacts]


class Facts(Struct, frozen=True, omit_defaults=True):
    """The line that the sandbox prints (docs/interfaces.md "commune-provision")."""

    ready: bool
    server: str
    reports_token: str
    feed_token: str
    admin_token: str
    operator: Operator
    agents: Sequence[AgentFacts]
    line_switch: str | None = None
