"""The life of a sandbox: made or found, started, watched, ended."""

import fcntl
import os
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct

from agent.keys import DEVICE_RECORD
from provisioning import province
from provisioning.enrol import World
from provisioning.line_switch import Ends, LineSwitch
from provisioning.province import NewProvince
from provisioning.relay import Relay
from provisioning.sandbox import facts, layout
from provisioning.sandbox.children import Child, Died, program
from provisioning.sandbox.communes import PROVINCE_CODE, PROVINCE_NAME
from provisioning.sandbox.facts import AgentFacts, Facts, OfficePlan, Operator, Plan, UserFacts
from provisioning.sandbox.household import Household, side_by_side
from provisioning.sandbox.layout import DEVICES, Layout, OfficeLayout, Settings
from provisioning.sandbox.office_side import enrol_office, make_users
from provisioning.sandbox.planning import LINE_PORT, SWITCH_PORT, Wish, plan_of
from provisioning.sandbox.ports import HOST, free_port
from provisioning.sandbox.reach import Place, until_up
from provisioning.sandbox.scanner import Scanner

PROVINCE_SAYS: Final = "/v1/province"
OFFICE_SAYS: Final = "/healthz"
"""What server and agent answer as soon as they can be worked with."""
AT_ONCE: Final = 4
"""Offices that are started at the same moment; each costs a core while it starts."""


class AlreadyRunning(Exception):  # noqa: N818 - a finding, told as it is
    """Another sandbox runs on this folder."""


class PathTooLong(ValueError):  # noqa: N818 - a finding, told as it is
    """The folder lies so deep that no Unix socket can be made in it."""


class Doors(Struct, frozen=True):
    """Time, chance, environment, and where to tell of children that died and of a cut line."""

    world: World
    environment: Mapping[str, str]
    died: Callable[[Died], None]
    line_changed: Callable[[bool], None]


@dataclass(frozen=True, slots=True)
class Running:
    """A sandbox that is up: what it prints, and the scanners of each office by device name."""

    facts: Facts
    plan: Plan
    layout: Layout
    scanners: Mapping[str, Mapping[str, Scanner]]
    switch: LineSwitch | None


Then = Callable[[Running], Coroutine[Any, Any, None]]


async def live(wish: Wish, doors: Doors, then: Then) -> None:
    """Bring the sandbox up, do `then`, and end everything that was started.

    With `create_only` everything has ended before `then`; with `has_story` the line of the
    offices leads through a switch.

    Raises AlreadyRunning, PathTooLong, PlanDamaged, NoPortFree, NotUp, UsersRefused, Refusal,
    and what `then` raises.
    """
    place = Layout(wish.folder)
    with _held(wish.folder):
        plan = _planned(wish, place, doors)
        async with AsyncExitStack() as stack:
            switch = None
            if wish.has_story and not wish.create_only:
                switch = await stack.enter_async_context(_switch(plan, doors))
            life = _Life(wish, doors, place, switch)
            stack.enter_context(life.scanners_of(plan))
            household = await stack.enter_async_context(Household())
            plan = await life.bring_up(plan, household)
            if not wish.create_only:
                await then(life.running(plan))
                return
        await then(life.running(plan))


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold the folder, so that two sandboxes never work in it at once."""
    folder.mkdir(mode=layout.OFFICE_FOLDER, parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(folder) from None
        yield
    finally:
        os.close(descriptor)


def _planned(wish: Wish, place: Layout, doors: Doors) -> Plan:
    """Return the plan, kept; found the province; put the server where the plan says."""
    before = facts.load(wish.folder)
    plan = plan_of(wish, before, doors.world.random_bytes)
    for office in plan.offices:
        if len(os.fsencode(place.office(office.code).socket)) > layout.SOCKET_PATH_BYTES_MAX:
            raise PathTooLong(wish.folder)
    facts.save(wish.folder, plan)
    url, listen = _url(plan.server_port), f"{HOST}:{plan.server_port}"
    if not (place.server / "keys" / "province.cose").exists():
        new = NewProvince(code=PROVINCE_CODE, name=PROVINCE_NAME, url=url, listen=listen)
        world = doors.world
        province.found(place.server, new, now_ms=world.now_ms(), random_bytes=world.random_bytes)
    if before is not None and before.server_port != plan.server_port:
        layout.move_server(place, old_url=_url(before.server_port), new_url=url, listen=listen)
    return plan


def _switch(plan: Plan, doors: Doors) -> LineSwitch:
    taken = frozenset({plan.server_port, *(office.port for office in plan.offices)})
    port = free_port(SWITCH_PORT, but=taken)
    relay = Relay(free_port(LINE_PORT, but=taken | {port}), plan.server_port)
    first = plan.offices[0]
    ends = Ends(first.name, _url(first.port), PROVINCE_NAME, _url(plan.server_port))
    return LineSwitch(relay, port, ends, doors.line_changed)


def _url(port: int) -> str:
    return f"http://{HOST}:{port}"


class _Life:
    """One run of one sandbox."""

    def __init__(self, wish: Wish, doors: Doors, place: Layout, switch: LineSwitch | None) -> None:
        self._wish = wish
        self._doors = doors
        self._place = place
        self._switch = switch
        self._scanners: dict[str, dict[str, Scanner]] = {}

    @contextmanager
    def scanners_of(self, plan: Plan) -> Iterator[None]:
        """Plug in the simulated devices of all offices."""
        try:
            if self._wish.has_devices and not self._wish.create_only:
                for office in plan.offices:
                    lies = self._place.office(office.code)
                    self._scanners[office.code] = {
                        device.name: Scanner(lies.port_of(device)) for device in DEVICES
                    }
            yield
        finally:
            for scanners in self._scanners.values():
                for scanner in scanners.values():
                    scanner.close()

    async def bring_up(self, plan: Plan, household: Household) -> Plan:
        """Start server and offices, enrol who is not enrolled; return the plan as it is then."""
        self._write_settings(plan)
        if self._wish.create_only:
            await self._users_of_all(plan, household)
            plan = self._kept_users(plan)
        unenrolled = frozenset(
            office.code for office in plan.offices if not self._is_enrolled(office)
        )
        tickets: Mapping[str, bytes] = {}
        if unenrolled or plan.tokens is None or not plan.published:
            # SQLAlchemy, Alembic and Litestar: a second that a later run does not need.
            from provisioning.sandbox import province_side  # noqa: PLC0415

            prepared = await province_side.prepare(self._place, plan, unenrolled)
            plan, tickets = prepared.plan, prepared.tickets
            facts.save(self._wish.folder, plan)
        if self._wish.create_only and not tickets:
            return plan
        await self._start_server(plan, household)
        await side_by_side(
            [self._office(plan, office, tickets, household) for office in plan.offices],
            at_once=AT_ONCE,
        )
        return self._kept_users(plan)

    async def _users_of_all(self, plan: Plan, household: Household) -> None:
        """Add the users of offices that nobody starts now."""
        await side_by_side(
            [
                self._users_quietly(self._place.office(office.code), office, household)
                for office in plan.offices
                if not office.has_users
            ],
            at_once=AT_ONCE,
        )

    def _kept_users(self, plan: Plan) -> Plan:
        offices = tuple(msgspec.structs.replace(each, has_users=True) for each in plan.offices)
        plan = msgspec.structs.replace(plan, offices=offices)
        facts.save(self._wish.folder, plan)
        return plan

    def running(self, plan: Plan) -> Running:
        """Return what is there now."""
        told = _facts(plan, self._place, self._switch, ready=not self._wish.create_only)
        return Running(told, plan, self._place, self._scanners, self._switch)

    def _write_settings(self, plan: Plan) -> None:
        url = plan.told_url or _url(plan.server_port)
        if self._switch is not None:
            url = self._switch.province_url
        for office in plan.offices:
            settings = Settings(
                code=office.code,
                url=url,
                listen=f"{HOST}:{office.port}",
                has_devices=self._wish.has_devices,
            )
            layout.write_agent_toml(self._place.office(office.code), settings)

    def _is_enrolled(self, office: OfficePlan) -> bool:
        return (self._place.office(office.code).folder / "keys" / DEVICE_RECORD).exists()

    async def _start_server(self, plan: Plan, household: Household) -> None:
        config = str(self._place.server_toml)
        child = self._child(
            "commune-server",
            [program("commune-server"), "--config", config, "run"],
            self._place.server_log,
        )
        household.start(child)
        await until_up(child, Place(port=plan.server_port), PROVINCE_SAYS)

    async def _office(
        self, plan: Plan, office: OfficePlan, tickets: Mapping[str, bytes], household: Household
    ) -> None:
        """Enrol one office and bring it up."""
        lies = self._place.office(office.code)
        if office.code in tickets:
            await enrol_office(
                lies,
                tickets[office.code],
                server_url=_url(plan.server_port),
                world=self._doors.world,
            )
        if self._wish.create_only:
            return
        child = self._agent(lies, office, str(lies.toml))
        household.start(child)
        await until_up(child, Place(socket=lies.socket), OFFICE_SAYS)
        if not office.has_users:
            await make_users(lies, str(lies.toml), office.users, child.environment)

    async def _users_quietly(
        self, lies: OfficeLayout, office: OfficePlan, household: Household
    ) -> None:
        """Add the users at an agent that is not enrolled yet, has no page and no device; end it.

        What is enrolled would begin to talk to the province.
        """
        toml = layout.write_quiet_toml(lies, office.code)
        try:
            child = self._agent(lies, office, str(toml))
            task = household.start(child)
            await until_up(child, Place(socket=lies.socket), OFFICE_SAYS)
            await make_users(lies, str(toml), office.users, child.environment)
            await household.stop(task)
        finally:
            toml.unlink()

    def _agent(self, lies: OfficeLayout, office: OfficePlan, toml: str) -> Child:
        scanners = self._scanners.get(office.code, {})

        def prepare() -> None:
            for scanner in scanners.values():
                scanner.replug()

        argv = [program("commune-agent"), "--config", toml, "run"]
        return self._child(f"commune-agent {office.code}", argv, lies.log, prepare)

    def _child(
        self,
        name: str,
        argv: list[str],
        log: Path,
        prepare: Callable[[], None] = lambda: None,
    ) -> Child:
        doors = self._doors
        return Child(name, argv, log, doors.environment, doors.died, prepare)


def _facts(plan: Plan, place: Layout, switch: LineSwitch | None, *, ready: bool) -> Facts:
    tokens = plan.tokens
    if tokens is None:
        raise ValueError("the province has no tokens yet")
    return Facts(
        ready=ready,
        server=_url(plan.server_port),
        reports_token=tokens.reports,
        feed_token=tokens.feed,
        admin_token=tokens.admin,
        operator=Operator(facts.OPERATOR, plan.operator_password),
        agents=[_agent_facts(office, place.office(office.code)) for office in plan.offices],
        line_switch=None if switch is None else switch.url,
    )


def _agent_facts(office: OfficePlan, lies: OfficeLayout) -> AgentFacts:
    return AgentFacts(
        office=office.code,
        office_id=str(UUID(bytes=office.office_id)),
        name=office.name,
        url=_url(office.port),
        config=str(lies.toml),
        socket=str(lies.socket),
        users=[UserFacts(user.name, user.pin, user.role) for user in office.users],
    )
