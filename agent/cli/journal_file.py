"""`verify`, `rebuild`, `backup`, `restore`: what is done with the journal's file as a whole.

`verify` and `backup` read beside a running daemon; `rebuild` lets it do the work when it runs;
`restore` wants it stopped.
"""

# ruff: noqa: PLC0415 - what a command alone needs is imported when it runs, and not for its help

import asyncio
import time
from pathlib import Path

import click
import msgspec

from agent.cli.link import config_of, daemon_of
from agent.cli.tree import Context
from agent.config import Config
from agent.web.shapes import BackedUp, BackupAsked, Rebuilt
from console.speech import EXIT_DAMAGED, EXIT_DONE, Speech
from console.words import Words, command, json_option
from wire.problems import Refusal

MINUTES_S = 3600
"""A big journal takes minutes to rebuild or to copy; an hour is a stuck disk."""


class Verified(msgspec.Struct, frozen=True):
    """What `verify` found: events and head of the office journal, and each damage in words."""

    ok: bool
    events: int
    head: tuple[int, str] | None
    desk_events: int
    damages: tuple[str, ...]


class Restored(msgspec.Struct, frozen=True):
    """A backup is back in place; what stood there lies beside it under the name `aside`."""

    ok: bool
    file: str
    aside: str | None


def verify(context: Context, *, as_json: bool) -> None:
    """Check the whole journal; exits with 4 when it is damaged."""
    speech, config = context.speech, config_of(context)
    try:
        found = _verified(config)
    except Refusal as refusal:
        if refusal.code != "journal-damaged":
            speech.refuse(refusal)
        found = _unread(speech, refusal)
    if as_json:
        speech.print_json(found)
    elif found.ok:
        hash_ = "" if found.head is None else found.head[1]
        click.echo(speech("verify.good", events=found.events, hash=hash_))
    if not found.ok:
        speech.tell(speech("verify.damaged", reason="; ".join(found.damages)))
    raise SystemExit(EXIT_DONE if found.ok else EXIT_DAMAGED)


def rebuild(context: Context, *, as_json: bool) -> None:
    """Build the views anew, by the daemon when it runs."""
    speech, daemon = context.speech, daemon_of(context)
    if daemon.answers():
        done = daemon.post("/api/rebuild", {}, Rebuilt, timeout_s=MINUTES_S)
    else:
        try:
            done = Rebuilt(True, asyncio.run(_rebuilt(config_of(context))))
        except Refusal as refusal:
            speech.refuse(refusal)
    if as_json:
        speech.print_json(done)
    else:
        click.echo(speech("rebuild.done", events=done.events))


def backup(context: Context, *, file: Path, as_json: bool) -> None:
    """Copy the journal to a file, by the daemon when it runs."""
    speech, daemon, target = context.speech, daemon_of(context), file.absolute()
    if daemon.answers():
        asked = BackupAsked(str(target))
        done = daemon.post("/api/backup", asked, BackedUp, timeout_s=MINUTES_S)
    else:
        try:
            done = BackedUp(True, str(target), _copied(config_of(context), target))
        except Refusal as refusal:
            speech.refuse(refusal)
    if as_json:
        speech.print_json(done)
    else:
        click.echo(speech("backup.done", bytes=done.bytes, file=done.file))


def restore(context: Context, *, file: Path, as_json: bool) -> None:
    """Put a backup in the place of the journal; the daemon must be stopped."""
    from agent.journal.backup import restore as put_back
    from agent.keys import read_journal_key
    from agent.locks import DataLock

    speech, config = context.speech, config_of(context)
    try:
        with DataLock(config.data_dir):
            key = read_journal_key(config.keys_dir, fresh=False)
            aside = put_back(file, key, config.database, time.time_ns() // 1_000_000)
    except Refusal as refusal:
        speech.refuse(refusal)
    if as_json:
        speech.print_json(Restored(True, str(file), None if aside is None else str(aside)))
        return
    click.echo(speech("restore.done", file=file))
    if aside is not None:
        click.echo(speech("restore.aside", aside=aside))


def _unread(speech: Speech, refusal: Refusal) -> Verified:
    """Return what is known of a journal that could not be read to its end."""
    document = refusal.document(speech.lang)
    return Verified(False, 0, None, 0, (f"{document.title}: {document.detail}",))


def _verified(config: Config) -> Verified:
    from agent.journal.database import check, open_reader
    from agent.journal.verify import verify as look
    from agent.keys import read_journal_key

    if not config.database.exists():
        raise Refusal("file-unreadable", str(config.database))
    key = read_journal_key(config.keys_dir, fresh=False)
    check(config.database, key)
    connection = open_reader(config.database, key)
    try:
        report = look(connection)
    finally:
        connection.close()
    ours = report.events if report.head is None else report.head.seq
    damages = (f"{one.what} {one.seq or ''} {one.detail}".strip() for one in report.damages)
    return Verified(
        report.ok,
        ours,
        None if report.head is None else (report.head.seq, report.head.hash.hex()),
        max(report.events - ours, 0),
        tuple(damages),
    )


async def _rebuilt(config: Config) -> int:
    from agent.clock import SystemClock
    from agent.daemon import derived
    from agent.journal import Journal
    from agent.keys import read_enrolment, read_journal_key
    from agent.locks import DataLock
    from agent.views.projector import Views
    from agent.views.rebuild import rebuild as build_anew

    with DataLock(config.data_dir):
        key = read_journal_key(config.keys_dir, fresh=False)
        enrolment = read_enrolment(config.keys_dir)
        views = Views(derived(key, b"commune/person/1"))
        journal = await Journal.open(
            config.database,
            key,
            identity=enrolment.identity if enrolment else None,
            projector=views,
            clock=SystemClock(),
        )
        try:
            await build_anew(journal, views, lambda _: None)
            return journal.marks.pos
        finally:
            await journal.close()


def _copied(config: Config, target: Path) -> int:
    from agent.journal.backup import backup as copy
    from agent.keys import read_journal_key

    if not config.database.exists():
        raise Refusal("file-unreadable", str(config.database))
    return copy(config.database, read_journal_key(config.keys_dir, fresh=False), target)


def _verify(speech: Speech) -> Words:
    return command(speech, "verify", verify, json_option(speech))


def _rebuild(speech: Speech) -> Words:
    return command(speech, "rebuild", rebuild, json_option(speech))


def _file() -> click.Argument:
    return click.Argument(["file"], type=click.Path(path_type=Path), metavar="FILE")


def _backup(speech: Speech) -> Words:
    return command(speech, "backup", backup, _file(), json_option(speech))


def _restore(speech: Speech) -> Words:
    return command(speech, "restore", restore, _file(), json_option(speech))


COMMANDS = {"verify": _verify, "rebuild": _rebuild, "backup": _backup, "restore": _restore}
