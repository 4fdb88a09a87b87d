"""`rotate-keys`: new keys, addresses or another name for a province that works already."""

from pathlib import Path
from urllib.parse import urlsplit

import click
from msgspec import Struct

from console.speech import Speech
from console.words import Words, command, json_option
from provisioning.cli.answers import misused, refuse
from provisioning.cli.doors import world
from provisioning.rotation import Rotated, Wanted, rotate
from wire.keys import key_id
from wire.problems import Refusal


class Shown(Struct, frozen=True):
    """What was made; `root` is the SHA-256 of the root key's public half, in hex."""

    ok: bool
    n: int
    former: int
    name: str
    urls: tuple[str, ...]
    signing_changed: bool
    root: str
    root_key: str | None
    file: str


def rotate_keys(
    speech: Speech,
    *,
    folder: Path,
    root_key: Path | None,
    signing: bool,
    root: bool,
    name: str | None,
    urls: tuple[str, ...],
    above: int,
    as_json: bool,
) -> None:
    """Make the next statement of the province in DIR."""
    for url in urls:
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            misused(speech, speech("province.url-wrong", url=url))
    wanted = Wanted(
        signing=signing,
        root=root,
        name=name,
        urls=tuple(url.rstrip("/") for url in urls) or None,
        above=above,
    )
    folder, doors = folder.absolute(), world()
    key = root_key or folder / "root" / "root.key"
    try:
        done = rotate(folder, key, wanted, now_ms=doors.now_ms(), random_bytes=doors.random_bytes)
    except Refusal as refusal:
        refuse(speech, refusal, as_json=as_json)
    except OSError as error:
        unwritable = Refusal("file-unwritable", f"{error.filename}: {error.strerror}")
        refuse(speech, unwritable, as_json=as_json)
    if as_json:
        speech.print_json(_shown(done))
        return
    _tell(speech, done, folder, moved=bool(urls))


def _shown(done: Rotated) -> Shown:
    new, former = done.province, done.former
    return Shown(
        ok=True,
        n=new.n,
        former=former.n,
        name=new.name,
        urls=new.urls,
        signing_changed=new.signing_key != former.signing_key,
        root=key_id(new.root_key).hex(),
        root_key=None if done.root_key is None else str(done.root_key),
        file=str(done.statement),
    )


def _tell(speech: Speech, done: Rotated, folder: Path, *, moved: bool) -> None:
    """Say what was made, and what happens next."""
    fingerprint = key_id(done.province.root_key).hex()
    click.echo(speech("rotate.done", n=done.province.n, former=done.former.n))
    speech.tell(speech("rotate.next", file=done.statement))
    if moved:
        speech.tell(speech("rotate.moved", config=folder / "server.toml"))
    if done.root_key is not None:
        speech.tell(speech("rotate.root", root_key=done.root_key, root=fingerprint))


def _rotate_keys(speech: Speech) -> Words:
    file = click.Path(path_type=Path, dir_okay=False)
    place = click.Path(path_type=Path, file_okay=False)
    above = click.IntRange(min=0)
    return command(
        speech,
        "rotate-keys",
        rotate_keys,
        click.Argument(["folder"], type=place, metavar="DIR"),
        click.Option(["--root-key"], type=file, metavar="FILE", help=speech("option.root-key")),
        click.Option(["--signing"], is_flag=True, help=speech("option.signing")),
        click.Option(["--root"], is_flag=True, help=speech("option.new-root")),
        click.Option(["--name"], metavar="TEXT", help=speech("option.new-name")),
        click.Option(
            ["--url", "urls"], multiple=True, metavar="URL", help=speech("option.new-url")
        ),
        click.Option(["--above"], type=above, default=0, metavar="N", help=speech("option.above")),
        json_option(speech),
    )


COMMANDS = {"rotate-keys": _rotate_keys}
