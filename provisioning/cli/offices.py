"""`offices import`: the province's offices from a CSV file."""

from pathlib import Path
from uuid import UUID

import click
from msgspec import Struct

from console.speech import EXIT_REFUSED, Speech
from console.words import Words, WordsGroup, command, group, json_option
from provisioning.at_province import Imported, import_offices
from provisioning.cli.answers import refuse
from provisioning.cli.province_side import at_province, config_option
from provisioning.office_list import ListWrong, OfficeRow, read
from provisioning.province import code_of
from server.context import ServerContext
from wire.problems import Refusal


class OfficeShape(Struct, frozen=True):
    """One office; `office_id` is null in a dry run that found it new."""

    code: str
    name: str
    office_id: str | None
    is_new: bool | None


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
    if dry_run:
        shapes = tuple(OfficeShape(row.code, row.name, None, None) for row in rows)
        _print(speech, ListShape(True, True, shapes), as_json=as_json)
        return

    async def work(context: ServerContext) -> tuple[Imported, ...]:
        return await import_offices(context, rows)

    done = at_province(speech, config, work, as_json=as_json)
    shapes = tuple(
        OfficeShape(each.code, row.name, str(UUID(bytes=each.office_id)), each.is_new)
        for row, each in zip(rows, done, strict=True)
    )
    _print(speech, ListShape(True, False, shapes), as_json=as_json)


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
        speech.tell(speech("office-list.wrong", file=file, count=len(shapes)))
        for shape in shapes:
            where = f", {shape.column}" if shape.column else ""
            line = speech("office-list.line", line=shape.line, column=where, message=shape.message)
            speech.tell(line)
        raise SystemExit(EXIT_REFUSED) from None


def _print(speech: Speech, shape: ListShape, *, as_json: bool) -> None:
    if as_json:
        speech.print_json(shape)
        return
    known = sum(office.is_new is False for office in shape.offices)
    words = {"count": len(shape.offices) - known, "known": known}
    click.echo(speech("office-list.would" if shape.dry_run else "office-list.done", **words))


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
