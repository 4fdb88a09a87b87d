"""`enroll`: this machine becomes a device of its province."""

import os
import platform
from pathlib import Path
from typing import Final

import click

from agent.config import Config, ConfigInvalid, read
from console.speech import EXIT_UNREACHABLE, Speech
from console.words import Words, command, json_option
from provisioning.cli.answers import misused, refuse, wrong_settings
from provisioning.cli.doors import world
from provisioning.enrol import PROVINCE_BESIDE, enrol
from provisioning.province_line import ProvinceLine
from wire.problems import Refusal

CONFIG_DEFAULT: Final = Path("/etc/commune/agent.toml")
CONFIG_VARIABLE: Final = "COMMUNE_AGENT_CONFIG"
TICKET_BYTES_MAX: Final = 4_096
"""A ticket has about 300 bytes; who names another file by mistake is told so."""


def enroll(
    speech: Speech,
    *,
    ticket: str | None,
    file: Path | None,
    config: Path,
    name: str | None,
    as_json: bool,
) -> None:
    """Enrol, by the text of a ticket or by its file."""
    if (ticket is None) == (file is None):
        misused(speech, speech("enroll.one-of-two"))
    settings = _settings(speech, config)
    try:
        invitation, province = (ticket, None) if file is None else _from_file(file)
        line = ProvinceLine([settings.province.url], ca_file=settings.province.ca_file)
        done = enrol(
            invitation or "",
            settings,
            line,
            world(),
            name=name or platform.node(),
            province_cose=province,
        )
    except Refusal as refusal:
        if refusal.type.exit != EXIT_UNREACHABLE:
            refuse(speech, refusal, as_json=as_json)
        # The catalogue's remedies of the line speak to offices at work: here nothing is recorded.
        remedy = speech("enroll.no-line", url=settings.province.url)
        said = Refusal(refusal.code, refusal.detail.pick(speech.lang) or remedy)
        refuse(speech, said, as_json=as_json, remedy=remedy)
    except OSError as error:
        misused(speech, f"{error.filename or settings.keys_dir}: {error.strerror or error}")
    if as_json:
        speech.print_json(done)
        return
    words = {"office": done.office, "name": done.name, "device": done.device}
    click.echo(speech("enroll.done", **words))
    if done.pending:
        speech.tell(speech("enroll.pending", device=done.device))


def _settings(speech: Speech, file: Path) -> Config:
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    try:
        return read(file, keys_dir=Path(credentials) if credentials else None)
    except ConfigInvalid as invalid:
        wrong_settings(speech, file, invalid.errors)


def _from_file(file: Path) -> tuple[bytes | str, bytes | None]:
    """Return the ticket of a file (statement or text), and the province's statement beside it."""
    try:
        data = file.read_bytes()
        beside = file.with_name(PROVINCE_BESIDE)
        province = beside.read_bytes() if beside.exists() else None
    except OSError as error:
        raise Refusal("file-unreadable", f"{file}: {error.strerror}") from error
    if len(data) > TICKET_BYTES_MAX:
        raise Refusal("ticket-forged", f"{file}: {len(data)} bytes")
    try:
        return data.decode("ascii"), province
    except UnicodeDecodeError:
        return data, province


def _enroll(speech: Speech) -> Words:
    return command(
        speech,
        "enroll",
        enroll,
        click.Argument(["ticket"], required=False, metavar="[TICKET]"),
        click.Option(
            ["--file"],
            type=click.Path(path_type=Path, dir_okay=False),
            metavar="F",
            help=speech("option.ticket-file"),
        ),
        click.Option(["--name"], metavar="TEXT", help=speech("option.device-name")),
        click.Option(
            ["--config"],
            type=click.Path(path_type=Path, dir_okay=False),
            envvar=CONFIG_VARIABLE,
            default=CONFIG_DEFAULT,
            metavar="FILE",
            help=speech("option.agent-config", default=CONFIG_DEFAULT),
        ),
        json_option(speech),
    )


COMMANDS = {"enroll": _enroll}
