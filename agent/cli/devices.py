"""`devices`: what is plugged in, and how it is."""

import click

from agent.cli.group import Context, Words, command, json_option
from agent.cli.link import daemon_of
from agent.cli.speech import Speech
from agent.cli.table import print_table
from agent.web.shapes import DeviceList


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
