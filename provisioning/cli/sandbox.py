"""`sandbox`: a whole province on this machine."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any, Final, NoReturn

import click

from agent.config import ConfigInvalid
from console.speech import EXIT_REFUSED, EXIT_UNREACHABLE, EXIT_USAGE, Speech
from console.words import Words, command, json_option
from provisioning.cli.doors import world
from provisioning.cli.signals import run_until_told
from provisioning.line_switch import LineSwitch
from provisioning.sandbox.children import Died, child_environment
from provisioning.sandbox.facts import Facts, PlanDamaged
from provisioning.sandbox.live import AlreadyRunning, Doors, PathTooLong, Running, live
from provisioning.sandbox.narrator import Narrator, printer_for
from provisioning.sandbox.office_side import UsersRefused
from provisioning.sandbox.office_work import OfficeWork
from provisioning.sandbox.planning import Wish
from provisioning.sandbox.reach import NotUp
from provisioning.sandbox.story import Story, show_doors, show_more
from records.moment import office_day
from wire.problems import Refusal
from wire.settings import SettingsRefused

DOOR: Final = "door"
CUT: Final = ("cut", "bad")
JOINED: Final = ("joined", "good")
KEY_BYTES_MAX: Final = 1_024


def sandbox(speech: Speech, *, folder: Path, as_json: bool, **wishes: Any) -> None:
    """Make and run a province until told to stop."""
    wish = Wish(folder=folder.absolute(), **wishes)
    narrator = Narrator(printer_for(sys.stderr if as_json else sys.stdout))
    doors = Doors(
        world=world(),
        environment=child_environment(os.environ),
        died=lambda died: tell_death(speech, died),
        line_changed=lambda is_cut: narrator.say(*(CUT if is_cut else JOINED)),
    )

    async def then(running: Running) -> None:
        if as_json or running.switch is None:
            show(speech, running.facts, as_json=as_json)
        if running.switch is not None:
            await tell_story(narrator, running, running.switch, doors.world.now_ms())
        if not wish.create_only:
            await asyncio.Event().wait()

    try:
        run_until_told(live(wish, doors, then))
    except EXPECTED as error:
        explain(speech, wish, error)


async def tell_story(narrator: Narrator, running: Running, switch: LineSwitch, now_ms: int) -> None:
    """Show where to look, tell the first minute, then what else can be tried."""
    show_doors(narrator, running.facts, switch)
    listen_for_key(switch)
    office = running.plan.offices[0]
    work = OfficeWork(
        running.facts,
        running.layout.office(office.code),
        running.scanners[office.code][DOOR],
        today=office_day(now_ms),
        seed=now_ms,
    )
    await Story(narrator, work, switch).tell()
    show_more(narrator, running.facts)


def listen_for_key(switch: LineSwitch) -> None:
    """Let `c`, Enter in the terminal press the switch."""
    if not sys.stdin.isatty():
        return
    keyboard = sys.stdin.fileno()
    loop = asyncio.get_running_loop()

    def typed() -> None:
        line = os.read(keyboard, KEY_BYTES_MAX)
        if not line:
            loop.remove_reader(keyboard)
        elif line.strip().lower() == b"c":
            switch.set_cut(not switch.is_cut)

    loop.add_reader(keyboard, typed)


def show(speech: Speech, facts: Facts, *, as_json: bool) -> None:
    """Print where everything is: one line of JSON, or words."""
    if as_json:
        speech.print_json(facts)
        return
    lines = [
        speech("sandbox.ready" if facts.ready else "sandbox.created"),
        speech("sandbox.server", url=facts.server, **_operator(facts)),
        speech("sandbox.tokens", **_tokens(facts)),
    ]
    for agent in facts.agents:
        lines.append(speech("sandbox.agent", office=agent.office, name=agent.name, url=agent.url))
        lines += [
            speech("sandbox.user", name=user.name, pin=user.pin, role=speech(f"role.{user.role}"))
            for user in agent.users
        ]
        lines.append(speech("sandbox.config", config=agent.config))
    if facts.ready:
        lines.append(speech("sandbox.stop"))
    click.echo("\n".join(lines))


def _operator(facts: Facts) -> dict[str, str]:
    return {"user": facts.operator.user, "password": facts.operator.password}


def _tokens(facts: Facts) -> dict[str, str]:
    return {"reports": facts.reports_token, "feed": facts.feed_token, "admin": facts.admin_token}


def tell_death(speech: Speech, died: Died) -> None:
    """Tell of a child that died, with the last lines of its log."""
    again_s = f"{died.again_s:g}"
    speech.tell(speech("sandbox.died", name=died.name, code=died.code, again_s=again_s))
    for line in died.last_lines:
        speech.tell(f"  | {line}")


EXPECTED = (
    Refusal,
    NotUp,
    UsersRefused,
    AlreadyRunning,
    PathTooLong,
    PlanDamaged,
    ConfigInvalid,
    SettingsRefused,
    OSError,
)


def explain(speech: Speech, wish: Wish, error: Exception) -> NoReturn:
    """Tell why the sandbox cannot be, and exit."""
    match error:
        case Refusal():
            speech.refuse(error)
        case NotUp():
            speech.tell(speech("sandbox.not-up", name=error.name, log=error.log))
            for line in error.last_lines:
                speech.tell(f"  | {line}")
            raise SystemExit(EXIT_UNREACHABLE)
        case UsersRefused():
            speech.tell(speech("sandbox.users-refused", said=str(error).strip()))
            raise SystemExit(EXIT_REFUSED)
        case AlreadyRunning():
            speech.tell(speech("sandbox.already-running", folder=wish.folder))
            raise SystemExit(EXIT_REFUSED)
        case PathTooLong():
            speech.tell(speech("sandbox.path-too-long", folder=wish.folder))
            raise SystemExit(EXIT_USAGE)
        case OSError():
            speech.tell(f"{error.filename or wish.folder}: {error.strerror or error}")
            raise SystemExit(EXIT_USAGE)
        case _:
            speech.tell(str(error))
            raise SystemExit(EXIT_USAGE)


def _sandbox(speech: Speech) -> Words:
    port = click.IntRange(1, 65_535)
    return command(
        speech,
        "sandbox",
        sandbox,
        click.Option(
            ["--dir", "folder"],
            type=click.Path(path_type=Path, file_okay=False),
            required=True,
            metavar="DIR",
            help=speech("option.sandbox-dir"),
        ),
        click.Option(
            ["--offices"],
            type=click.IntRange(1, 126),
            default=1,
            metavar="N",
            help=speech("option.offices"),
        ),
        click.Option(["--server-port"], type=port, metavar="P", help=speech("option.server-port")),
        click.Option(["--agent-port"], type=port, metavar="P", help=speech("option.agent-port")),
        click.Option(["--server-url"], metavar="URL", help=speech("option.server-url")),
        click.Option(["--create-only"], is_flag=True, help=speech("option.create-only")),
        click.Option(
            ["--no-devices", "has_devices"],
            is_flag=True,
            flag_value=False,
            default=True,
            help=speech("option.no-devices"),
        ),
        click.Option(["--story", "has_story"], is_flag=True, help=speech("option.story")),
        json_option(speech),
    )


COMMANDS = {"sandbox": _sandbox}
