"""`province init`: the keys and settings of a new province."""

import re
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import click
from msgspec import Struct

from console.speech import Speech
from console.words import Words, WordsGroup, command, group, json_option
from provisioning.cli.answers import misused, refuse
from provisioning.cli.doors import world
from provisioning.province import NewProvince, found
from wire.problems import Refusal

CODE: Final = re.compile(r"H[0-9]{2}")
"""QĐ 20/2020/QĐ-TTg: a province's code is H and two digits."""
URL_DEFAULT: Final = "http://127.0.0.1:8700"
LISTEN_DEFAULT: Final = "127.0.0.1:8700"


class Founded(Struct, frozen=True):
    """What was made; `root` is the SHA-256 of the root key's public half, in hex.

    `first` is the file to be published before anything can be received.
    """

    ok: bool
    config: str
    root_key: str
    root: str
    first: str


def init(
    speech: Speech, *, folder: Path, code: str, name: str, url: str, listen: str, as_json: bool
) -> None:
    """Make all keys and files of a province."""
    if CODE.fullmatch(code) is None:
        misused(speech, speech("province.code-wrong", code=code))
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        misused(speech, speech("province.url-wrong", url=url))
    doors = world()
    new = NewProvince(code=code, name=name, url=url.rstrip("/"), listen=listen)
    try:
        made = found(folder.absolute(), new, now_ms=doors.now_ms(), random_bytes=doors.random_bytes)
    except Refusal as refusal:
        refuse(speech, refusal, as_json=as_json)
    except OSError as error:
        unreadable = Refusal("file-unreadable", f"{error.filename}: {error.strerror}")
        refuse(speech, unreadable, as_json=as_json)
    fingerprint = made.root_hash.hex()
    if as_json:
        config, root_key = str(made.server_toml), str(made.root_key)
        speech.print_json(Founded(True, config, root_key, fingerprint, str(made.first_state)))
        return
    click.echo(speech("province.founded", config=made.server_toml, root=fingerprint))
    speech.tell(speech("province.first", config=made.server_toml, first=made.first_state))
    speech.tell(speech("province.take-offline", root_key=made.root_key))


def _province(speech: Speech) -> WordsGroup:
    return group(speech, "province", {"init": _init})


def _init(speech: Speech) -> Words:
    folder = click.Path(path_type=Path, file_okay=False)
    return command(
        speech,
        "init",
        init,
        click.Argument(["folder"], type=folder, metavar="DIR"),
        click.Option(["--code"], required=True, metavar="H26", help=speech("option.code")),
        click.Option(["--name"], required=True, metavar="TEXT", help=speech("option.name")),
        click.Option(
            ["--url"], default=URL_DEFAULT, metavar="URL", help=speech("option.public-url")
        ),
        click.Option(
            ["--listen"], default=LISTEN_DEFAULT, metavar="HOST:PORT", help=speech("option.listen")
        ),
        json_option(speech),
        key="province-init",
    )


COMMANDS = {"province": _province}
