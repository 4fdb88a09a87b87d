"""`ticket`: a one-time invitation for one device of an office."""

from pathlib import Path
from typing import Final

import click
from msgspec import Struct

from console.speech import Speech
from console.words import Words, command, json_option
from provisioning import durable
from provisioning.at_province import Issued, issue
from provisioning.cli.answers import refuse
from provisioning.cli.province_side import at_province, config_option
from provisioning.enrol import PROVINCE_BESIDE
from server.context import ServerContext
from wire.event import format_time
from wire.problems import Refusal

DAYS: Final = 14
DAYS_MAX: Final = 90
DAY_S: Final = 86_400
PUBLIC_FILE: Final = 0o644


class TicketShape(Struct, frozen=True):
    """The text of the QR code, the file with the same ticket (null without --out), its end."""

    ticket: str
    file: str | None
    expires_at: str


def ticket(
    speech: Speech,
    *,
    office: str,
    out: Path | None,
    config: Path,
    days: int,
    is_automatic: bool,
    as_json: bool,
) -> None:
    """Issue a ticket."""

    async def work(context: ServerContext) -> tuple[Issued, bytes]:
        issued = await issue(context, office, automatic=is_automatic, valid_s=days * DAY_S)
        return issued, context.keys.province

    issued, province = at_province(speech, config, work, as_json=as_json)
    try:
        file = None if out is None else _write(out.absolute(), issued, province)
    except OSError as error:
        refuse(speech, Refusal("file-unreadable", f"{out}: {error.strerror}"), as_json=as_json)
    expires_at = format_time(issued.expires_ms)
    if as_json:
        shape = TicketShape(issued.text, None if file is None else str(file), expires_at)
        speech.print_json(shape)
        return
    click.echo(issued.text)
    speech.tell(speech("ticket.until", office=issued.office, expires_at=expires_at))
    if file is not None:
        speech.tell(speech("ticket.file", file=file))


def _write(folder: Path, issued: Issued, province: bytes) -> Path:
    """Write the ticket, and beside it the province's statement, so that a stick holds both."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{issued.office}.ticket"
    # Whoever reads it first may enrol with it.
    durable.write(file, issued.statement)
    durable.write(folder / PROVINCE_BESIDE, province, mode=PUBLIC_FILE)
    return file


def _ticket(speech: Speech) -> Words:
    return command(
        speech,
        "ticket",
        ticket,
        click.Argument(["office"], metavar="OFFICE"),
        click.Option(
            ["--out"],
            type=click.Path(path_type=Path, file_okay=False),
            metavar="DIR",
            help=speech("option.ticket-out"),
        ),
        click.Option(
            ["--days"],
            type=click.IntRange(1, DAYS_MAX),
            default=DAYS,
            metavar="N",
            help=speech("option.ticket-days", default=DAYS),
        ),
        click.Option(
            ["--auto-approve", "is_automatic"], is_flag=True, help=speech("option.auto-approve")
        ),
        config_option(speech),
        json_option(speech),
    )


COMMANDS = {"ticket": _ticket}
