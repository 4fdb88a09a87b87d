"""`commune-provision`: the command line. Environment, time and chance enter here and in `doors`."""

import os
from collections.abc import Mapping
from typing import Final, NoReturn

import click

from console.speech import Speech, language_of
from console.words import WordsGroup, top

MODULES: Final[Mapping[str, str]] = {
    "sandbox": "provisioning.cli.sandbox",
    "province": "provisioning.cli.province",
    "offices": "provisioning.cli.offices",
    "ticket": "provisioning.cli.ticket",
    "enroll": "provisioning.cli.enroll",
    "rotate-keys": "provisioning.cli.rotate_keys",
    "check-receipt": "provisioning.cli.check_receipt",
    "simulate": "provisioning.cli.simulate",
}


def build(speech: Speech) -> WordsGroup:
    """Make the whole command line; every command is given the speech first."""

    def enter(ctx: click.Context) -> None:
        ctx.obj = speech

    return top(speech, "commune-provision", MODULES, enter)


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    build(Speech("provisioning", language_of(os.environ))).main(prog_name="commune-provision")
