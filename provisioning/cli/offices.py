"""`offices import`: the province's offices from a CSV file."""

from pathlib import Path
from uuid import UUID

import click
from msgspec import Struct

from console.speech import EXIT_REFUSED, Speech
from console.words import Words, WordsGroup, command, group, json_option
from provisioning.at_province import import_offices
from provisioning.cli.answers import refuse
from provisioning.cli.province_side import at_province, config_option
from provisioning.office_list import ListWrong, OfficeRow, read
from provisioning.province import code_of
from server.context import ServerContext
from server.office_register import Found
from wire.problems import Refusal


class OfficeShape(Struct, frozen=True):
    """One office; `office_id` is null in a dry run that found it new.

    `changed`: the list has another name or ward code than the register had; `was` is that name.
    """

    code: str
    name: str
    office_id: str | None
    is_new: bool
    changed: bool
    was: str | None


class ListShape(Struct, frozen=True):
    """What was imported, or would be."""

    ok: bool
    dry_run: bool
    offices: tuple[OfficeShape, ...]


class ErrorShape(Struct, frozen=True):
    """One mistake of the list."""

    line: int
    column: str
    message: str


class WrongShape(Struct, frozen=True):
    """Everything that is wrong with the list."""

    errors: tuple[ErrorShape, ...]
    ok: bool = False


def import_list(speech: Speech, *, file: Path, config: Path, dry_run: bool, as_json: bool) -> None:
    """Import the offices of a list: all that are right, or none when anything is wrong."""
    rows = _rows(speech, file, config, as_json=as_json)

    async def work(context: ServerContext) -> list[Found]:
        return await import_offices(context, rows, dry_run=dry_run)

    done = at_province(speech, config, work, as_json=as_json)
    shapes = tuple(_shape(each) for each in done)
    _print(speech, ListShape(True, dry_run, shapes), as_json=as_json)


def _shape(each: Found) -> OfficeShape:
    return OfficeShape(
        code=each.entry.code,
        name=each.entry.name,
        office_id=None if each.office_id is None else str(UUID(bytes=each.office_id)),
        is_new=each.state == "new",
        changed=each.state == "changed",
        was=each.was,
    )


def _rows(speech: Speech, file: Path, config: Path, *, as_json: bool) -> tuple[OfficeRow, ...]:
    try:
        return read(file.read_bytes(), code_of(config.absolute().parent))
    except OSError as error:
        refuse(speech, Refusal("file-unreadable", f"{file}: {error.strerror}"), as_json=as_json)
    except ListWrong as wrong:
        shapes = tuple(
            ErrorShape(each.line, each.column, each.message.pick(speech.lang))
            for each in wrong.errors
        )
        if as_json:
            speech.print_json(WrongShape(shapes))
        form = "one" if len(shapes) == 1 else "many"
        speech.tell(speech(f"office-list.wrong-{form}", file=file, count=len(shapes)))
        for shape in shapes:
            where = f", {shape.column}" if shape.column else ""
            line = speech("office-list.line", line=shape.line, column=where, message=shape.message)
            speech.tell(line)
        raise SystemExit(EXIT_REFUSED) from None


def _print(speech: Speech, shape: ListShape, *, as_json: bool) -> None:
    if as_json:
        speech.print_json(shape)
        return
    new = sum(office.is_new for office in shape.offices)
    changed = [office for office in shape.offices if office.changed]
    words = {"new": new, "changed": len(changed), "known": len(shape.offices) - new - len(changed)}
    click.echo(speech("office-list.would" if shape.dry_run else "office-list.done", **words))
    for office in changed:
        if office.was != office.name:
            names = {"code": office.code, "was": office.was, "name": office.name}
            click.echo(speech("office-list.renamed", **names))


def _offices(speech: Speech) -> WordsGroup:
    return group(speech, "offices", {"import": _import})


def _import(speech: Speech) -> Words:
    return command(
        speech,
        "import",
        import_list,
        click.Argument(["file"], type=click.Path(path_type=Path), metavar="FILE.csv"),
        click.Option(["--dry-run"], is_flag=True, help=speech("option.dry-run")),
        config_option(speech),
        json_option(speech),
        key="offices-import",
    )


COMMANDS = {"offices": _offices}
