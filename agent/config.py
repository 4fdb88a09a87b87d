"""`agent.toml`: what a technician writes, checked whole.

Everything wrong in the file is found in one reading and told with its line and a remedy
(`ConfigInvalid`); nothing wrong is ever replaced by a default. Paths are relative to the file.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from agent.sync.thrift import quiet_hours
from wire import settings
from wire.settings import Check, Fault, Mistake, SettingProblem, SettingsRefused
from wire.texts import load

Driver = Literal[
    "barcode", "barcode-ssi", "barcode-hid", "toledo-8217", "mt-sics", "cas-st", "cas-enq",
    "and", "pattern", "escpos",
]  # fmt: skip
Use = Literal["door", "intake", "post", "lobby", "scale", "thermometer", "printer"]
Filled = Annotated[str, Meta(min_length=1)]
OFFICE_CODE = re.compile(r"[0-9A-Z.]{1,35}")
"""QĐ 20/2020/QĐ-TTg: up to 35 of digits, capitals and dots."""


class Province(Struct, frozen=True, kw_only=True):
    """Where the province is; `ca_file` is the trust root for HTTPS instead of the system's."""

    url: str
    ca_file: Path | None = None


class Api(Struct, frozen=True, kw_only=True):
    """Where pages and programs reach the agent; `lan` is empty in this version."""

    socket: Path
    listen: str = "127.0.0.1:8710"
    lan: str = ""
    hostname: str = "motcua.local"


class Sync(Struct, frozen=True, kw_only=True):
    """How the line is used."""

    poll_s: Annotated[int, Meta(ge=10, le=21_600)] = 1800
    """An idle office asks at least this often, seconds."""
    exchange_s: Annotated[int, Meta(ge=1, le=120)] = 8
    """How long one exchange should take on the link as it is, seconds."""
    day_bytes_max: Annotated[int, Meta(ge=0)] = 0
    """What the line may take on one office day before things wait, bytes; 0: no cap."""
    quiet: str = ""
    """When documents and polls wait, office time: `21:00-06:00, 11:30-13:00`; "": never."""


class Device(Struct, frozen=True, kw_only=True):
    """One device at the office, as the technician named it.

    `baud`: of a line that is not as the maker ships it. `pattern` is empty in this version.
    """

    name: str
    driver: Driver
    port: Filled
    use: Use
    counter: Annotated[int, Meta(ge=0, le=99)] = 0
    baud: Annotated[int, Meta(ge=300, le=921_600)] | None = None
    pattern: str = ""


class Scans(Struct, frozen=True, kw_only=True):
    """Where the office's scanner puts its files; None: no folder is watched."""

    folder: Path | None = None


class _ScansPart(Struct, frozen=True, kw_only=True):
    """`[scans]` as it is written."""

    folder: str = ""


class _ProvincePart(Struct, frozen=True, kw_only=True):
    """`[province]` as it is written."""

    url: str
    ca_file: Filled | None = None


class _ApiPart(Struct, frozen=True, kw_only=True):
    """`[api]` as it is written."""

    socket: Filled = "agent.sock"
    listen: str = "127.0.0.1:8710"
    lan: str = ""
    hostname: Filled = "motcua.local"


class _File(Struct, frozen=True, kw_only=True):
    """The file as it is written, before paths are resolved."""

    office: str
    data_dir: Filled
    keys_dir: Filled = "keys"
    province: _ProvincePart
    api: _ApiPart = _ApiPart()
    sync: Sync = Sync()
    scans: _ScansPart = _ScansPart()
    devices: tuple[Device, ...] = ()


class Config(Struct, frozen=True, kw_only=True):
    """A checked `agent.toml`."""

    office: str
    data_dir: Path
    keys_dir: Path
    province: Province
    api: Api
    sync: Sync = Sync()
    scans: Scans = Scans()
    devices: tuple[Device, ...] = ()

    @property
    def database(self) -> Path:
        """The journal's file."""
        return self.data_dir / "journal.db"

    @property
    def blobs_dir(self) -> Path:
        """The folder of the documents' blobs."""
        return self.data_dir / "blobs"


class ConfigInvalid(ValueError):  # noqa: N818 - it names the file's state
    """The file cannot be used; `errors` lists everything that is wrong with it."""

    def __init__(self, file: Path, errors: Sequence[SettingProblem]) -> None:
        self.file = file
        self.errors = tuple(errors)
        super().__init__("; ".join(f"{file}:{e.line}: {e.path}: {e.message.en}" for e in errors))


def parse(text: str, file: Path, *, keys_dir: Path | None = None) -> Config:
    """Check the text of a file at `file`.

    `keys_dir` overrides the place of the keys (systemd hands them over in a directory of its own).
    Raises ConfigInvalid with everything that is wrong.
    """
    try:
        written = settings.read(text, _File, checks=_CHECKS, between=_between)
    except SettingsRefused as refused:
        raise ConfigInvalid(file, refused.problems) from None
    base = file.resolve().parent
    province, api = written.province, written.api
    return Config(
        office=written.office,
        data_dir=base / written.data_dir,
        keys_dir=keys_dir or base / written.keys_dir,
        province=Province(
            url=province.url, ca_file=base / province.ca_file if province.ca_file else None
        ),
        api=Api(socket=base / api.socket, listen=api.listen, lan=api.lan, hostname=api.hostname),
        sync=written.sync,
        scans=Scans(folder=base / written.scans.folder if written.scans.folder else None),
        devices=written.devices,
    )


def read(file: Path, *, keys_dir: Path | None = None) -> Config:
    """Read and check `file`. Raises ConfigInvalid, also when it cannot be read or is not UTF-8."""
    try:
        text = file.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "UTF-8"
        message = _TEXTS["config.unreadable"].format(file=file, reason=reason)
        remedy = _TEXTS["config-remedy.unreadable"]
        raise ConfigInvalid(file, [SettingProblem("", 1, message, remedy)]) from None
    return parse(text, file, keys_dir=keys_dir)


_TEXTS: Final = load("agent", "messages_core.toml")


def _wrong(rule: str, value: object) -> Fault:
    message = _TEXTS[f"config.{rule}"].format(value=value)
    return Fault(message, _TEXTS[f"config-remedy.{rule}"])


def _office(value: str) -> Fault | None:
    return None if OFFICE_CODE.fullmatch(value) else _wrong("office", value)


def _url(value: str) -> Fault | None:
    parts = urlsplit(value)
    good = parts.scheme in {"http", "https"} and parts.hostname
    return None if good else _wrong("url", value)


def _address(value: str) -> Fault | None:
    host, colon, port = value.rpartition(":")
    good = colon and port.isascii() and port.isdigit() and int(port) < 65536 and " " not in host
    return None if good or value == "" else _wrong("address", value)


def _device_name(value: str) -> Fault | None:
    good = re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,31}", value)
    return None if good else _wrong("device-name", value)


def _quiet(value: str) -> Fault | None:
    return None if quiet_hours(value) is not None else _wrong("quiet", value)


def _not_yet(value: str) -> Fault | None:
    return None if value == "" else _wrong("not-yet", value)


_CHECKS: Final[Mapping[str, Check]] = {
    "office": _office,
    "province.url": _url,
    "api.listen": _address,
    "api.lan": _not_yet,
    "devices.name": _device_name,
    "sync.quiet": _quiet,
    "devices.pattern": _not_yet,
}


def _between(data: Mapping[str, Any]) -> Iterator[Mistake]:
    yield from _same_names(data)
    yield from _own_folder(data)


def _own_folder(data: Mapping[str, Any]) -> Iterator[Mistake]:
    """Name a scan folder that holds the agent's own folders, or lies in one: it is emptied."""
    scans = data.get("scans")
    folder = scans.get("folder") if isinstance(scans, dict) else None
    if not isinstance(folder, str) or not folder:
        return
    base = Path("/etc/commune")
    watched = Path(os.path.normpath(base / folder))
    for key in ("data_dir", "keys_dir"):
        value = data.get(key, "keys")
        if not isinstance(value, str):
            continue
        own = Path(os.path.normpath(base / value))
        if watched.is_relative_to(own) or own.is_relative_to(watched):
            yield ("scans", "folder"), _wrong("scan-folder", folder)
            return


def _same_names(data: Mapping[str, Any]) -> Iterator[Mistake]:
    """Name every device that bears the name of one before it."""
    devices = data.get("devices")
    seen: set[str] = set()
    for number, device in enumerate(devices if isinstance(devices, list) else ()):
        name = device.get("name") if isinstance(device, dict) else None
        if not isinstance(name, str):
            continue
        if name in seen:
            yield ("devices", number, "name"), _wrong("device-twice", name)
        seen.add(name)
