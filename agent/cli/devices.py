"""`devices`: what is plugged in, and how it is."""

import click

from agent.cli.link import daemon_of
from agent.cli.tree import Context
from agent.web.shapes import DeviceList
from console.speech import Speech
from console.table import print_table
from console.words import Words, command, json_option


def run(context: Context, *, as_json: bool) -> None:
    """Print the devices."""
    speech = context.speech
    devices = daemon_of(context).get("/api/devices", DeviceList)
    if as_json:
        speech.print_json(devices)
    elif not devices.items:
        click.echo(speech("device.none"))
    else:
        headings = [speech(f"device.{word}") for word in ("name", "driver", "state", "last")]
        rows = [(d.name, d.driver, d.state, d.last_reading_age_s) for d in devices.items]
        print_table(headings, rows)


def _devices(speech: Speech) -> Words:
    return command(speech, "devices", run, json_option(speech))


COMMANDS = {"devices": _devices}
