"""Where everything of a sandbox lies, and the settings files it writes."""

from pathlib import Path
from typing import Final

from msgspec import Struct

from provisioning import durable
from provisioning.toml_text import quoted, with_value

SOCKET_PATH_BYTES_MAX: Final = 107
"""What fits into `sun_path` of a Unix socket's address (unix(7))."""
OFFICE_FOLDER: Final = 0o750
SETTINGS: Final = 0o640


class Device(Struct, frozen=True):
    """One simulated scanner: its name, and where the office has it."""

    name: str
    use: str
    counter: int = 0


DEVICES: Final = (Device("door", "door"), Device("counter-1", "intake", 1))


class Layout(Struct, frozen=True):
    """The folder of a sandbox; `folder` is absolute."""

    folder: Path

    @property
    def server(self) -> Path:
        """The province's folder."""
        return self.folder / "server"

    @property
    def server_toml(self) -> Path:
        """The server's settings."""
        return self.server / "server.toml"

    @property
    def server_log(self) -> Path:
        """What the server's process wrote."""
        return self.server / "server.log"

    def office(self, code: str) -> "OfficeLayout":
        """Return the layout of one office."""
        return OfficeLayout(self.folder / "agents" / code)


class OfficeLayout(Struct, frozen=True):
    """The folder of one office."""

    folder: Path

    @property
    def toml(self) -> Path:
        """The agent's settings."""
        return self.folder / "agent.toml"

    @property
    def socket(self) -> Path:
        """The agent's Unix socket."""
        return self.folder / "agent.sock"

    @property
    def log(self) -> Path:
        """What the agent's process wrote."""
        return self.folder / "agent.log"

    def port_of(self, device: Device) -> Path:
        """Return the symlink that stands for a simulated device's port."""
        return self.folder / "dev" / device.name


class Settings(Struct, frozen=True):
    """What changes between runs of one office: where the province is, where pages are."""

    code: str
    url: str
    listen: str
    has_devices: bool


def write_agent_toml(office: OfficeLayout, settings: Settings) -> None:
    """Write the office's settings, or change only address, port and devices in those there are."""
    office.folder.mkdir(mode=OFFICE_FOLDER, parents=True, exist_ok=True)
    file = office.toml
    if file.exists():
        text = with_value(file.read_text("utf-8"), "url", settings.url)
        text = with_value(text, "listen", settings.listen)
    else:
        text = _agent_toml(settings)
    if settings.has_devices and "[[devices]]" not in text:
        text += _device_tables(office)
    if not file.exists() or file.read_text("utf-8") != text:
        durable.write(file, text.encode(), mode=SETTINGS)


def _agent_toml(settings: Settings) -> str:
    return (
        "# Settings of a commune office's agent. Paths are relative to this file.\n"
        f"office = {quoted(settings.code)}\n"
        'data_dir = "data"\n'
        'keys_dir = "keys"\n'
        "\n[province]\n"
        f"url = {quoted(settings.url)}\n"
        "\n[api]\n"
        'socket = "agent.sock"\n'
        f"listen = {quoted(settings.listen)}\n"
    )


def _device_tables(office: OfficeLayout) -> str:
    return "".join(
        "\n[[devices]]\n"
        f"name = {quoted(device.name)}\n"
        'driver = "barcode"\n'
        f"port = {quoted(str(office.port_of(device)))}\n"
        f"use = {quoted(device.use)}\n"
        f"counter = {device.counter}\n"
        for device in DEVICES
    )


def write_quiet_toml(office: OfficeLayout, code: str) -> Path:
    """Write settings for a short run that only adds users: no page, no province, no device."""
    file = office.folder / "quiet.toml"
    text = (
        f"office = {quoted(code)}\n"
        'data_dir = "data"\n'
        'keys_dir = "keys"\n'
        "\n[province]\n"
        'url = "http://127.0.0.1:9"\n'
        "\n[api]\n"
        'socket = "agent.sock"\n'
        'listen = ""\n'
    )
    durable.write(file, text.encode(), mode=SETTINGS)
    return file


def move_server(layout: Layout, *, old_url: str, new_url: str, listen: str) -> None:
    """Let the server listen elsewhere; an address that somebody gave it by hand stays."""
    text = with_value(layout.server_toml.read_text("utf-8"), "listen", listen)
    if f'"{old_url}"' in text:
        text = with_value(text, "public_url", new_url)
    durable.write(layout.server_toml, text.encode(), mode=SETTINGS)
