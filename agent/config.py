"""`agent.toml`: what a technician writes, checked whole.

Everything wrong in the file is found in one reading and told with its line and a remedy
(`ConfigInvalid`); nothing wrong is ever replaced by a default. Paths are relative to the file.
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import msgspec

from agent.toml_lines import Place, lines_of
from wire.texts import Text, load

DRIVERS: Final = (
    "barcode", "barcode-ssi", "barcode-hid", "toledo-8217", "mt-sics", "cas-st", "cas-enq",
    "and", "pattern", "escpos",
)  # fmt: skip
USES: Final = ("door", "intake", "post", "lobby", "scale", "thermometer", "printer")
CHOICES: Final = {"drivers": ", ".join(DRIVERS), "uses": ", ".join(USES)}
OFFICE_CODE = re.compile(r"[0-9A-Z.]{1,35}")
"""QĐ 20/2020/QĐ-TTg: up to 35 of digits, capitals and dots."""


class Province(msgspec.Struct, frozen=True, kw_only=True):
    """Where the province is; `ca_file` is the trust root for HTTPS instead of the system's."""

    url: str
    ca_file: Path | None = None


class Api(msgspec.Struct, frozen=True, kw_only=True):
    """Where pages and programs reach the agent."""

    socket: Path
    listen: str = "127.0.0.1:8710"
    lan: str = ""
    hostname: str = "motcua.local"


class Sync(msgspec.Struct, frozen=True, kw_only=True):
    """How the line is used."""

    poll_s: int = 1800
    """An idle office asks at least this often, seconds."""
    exchange_s: int = 8
    """How long one exchange should take on the link as it is, seconds."""


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """One device at the office, as the technician named it."""

    name: str
    driver: str
    port: str
    use: str
    counter: int = 0
    baud: int | None = None
    pattern: str = ""


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """A checked `agent.toml`."""

    office: str
    data_dir: Path
    keys_dir: Path
    province: Province
    api: Api
    sync: Sync = Sync()
    devices: tuple[Device, ...] = ()

    @property
    def database(self) -> Path:
        """The journal's file."""
        return self.data_dir / "journal.db"


class ConfigError(NamedTuple):
    """One thing that is wrong: where, what, and what to do."""

    path: str
    line: int
    message: Text
    remedy: Text


class ConfigInvalid(ValueError):  # noqa: N818 - it names the file's state
    """The file cannot be used; `errors` lists everything that is wrong with it."""

    def __init__(self, file: Path, errors: Sequence[ConfigError]) -> None:
        self.file = file
        self.errors = tuple(errors)
        super().__init__("; ".join(f"{file}:{e.line}: {e.path}: {e.message.en}" for e in errors))


class Key(NamedTuple):
    """One key that may stand in a table: its type, whether it must, and what else must hold."""

    kind: type
    required: bool
    holds: Callable[[Any], bool]
    rule: str


def _text(value: str) -> bool:
    return bool(value.strip())


def _office(value: str) -> bool:
    return OFFICE_CODE.fullmatch(value) is not None


def _url(value: str) -> bool:
    parts = urlsplit(value)
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def _address(value: str) -> bool:
    if value == "":
        return True
    host, colon, port = value.rpartition(":")
    return (
        bool(colon) and port.isascii() and port.isdigit() and int(port) < 65536 and " " not in host
    )


def _device_name(value: str) -> bool:
    return re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,31}", value) is not None


def _pattern(value: str) -> bool:
    try:
        re.compile(value)
    except re.error:
        return False
    return True


def _between(low: int, high: int) -> Callable[[int], bool]:
    return lambda value: low <= value <= high


TABLES: Final[Mapping[str, Mapping[str, Key]]] = {
    "": {
        "office": Key(str, True, _office, "office"),
        "data_dir": Key(str, True, _text, "text"),
        "keys_dir": Key(str, False, _text, "text"),
    },
    "province": {
        "url": Key(str, True, _url, "url"),
        "ca_file": Key(str, False, _text, "text"),
    },
    "api": {
        "socket": Key(str, False, _text, "text"),
        "listen": Key(str, False, _address, "address"),
        "lan": Key(str, False, _address, "address"),
        "hostname": Key(str, False, _text, "text"),
    },
    "sync": {
        "poll_s": Key(int, False, _between(10, 21_600), "poll"),
        "exchange_s": Key(int, False, _between(1, 120), "exchange"),
    },
    "devices": {
        "name": Key(str, True, _device_name, "device-name"),
        "driver": Key(str, True, DRIVERS.__contains__, "driver"),
        "port": Key(str, True, _text, "text"),
        "use": Key(str, True, USES.__contains__, "use"),
        "counter": Key(int, False, _between(0, 99), "counter"),
        "baud": Key(int, False, _between(300, 921_600), "baud"),
        "pattern": Key(str, False, _pattern, "pattern"),
    },
}
ARRAYS: Final = frozenset({"devices"})
REQUIRED_TABLES: Final = ("province",)


class Checker:
    """Collects what is wrong with one parsed file."""

    def __init__(self, text: str) -> None:
        self.lines = lines_of(text)
        self.errors: list[ConfigError] = []
        self.texts = load("agent", "messages_core.toml")

    def wrong(self, place: Place, rule: str, **words: object) -> None:
        """Note one thing that is wrong at `place`."""
        self.errors.append(
            ConfigError(
                path=place.path,
                line=self.lines.get(place, self.lines.get(place.table, 1)),
                message=self.texts[f"config.{rule}"].format(**words),
                remedy=self.texts[f"config-remedy.{rule}"].format(**words),
            )
        )

    def table(self, name: str, index: int, given: Mapping[str, Any]) -> dict[str, Any]:
        """Check one table; give the values that hold."""
        keys = TABLES[name]
        good: dict[str, Any] = {}
        for word, value in given.items():
            place = Place(name, index, word)
            key = keys.get(word)
            if key is None:
                self.wrong(place, "unknown-key", key=word, known=", ".join(keys))
            elif type(value) is not key.kind:
                self.wrong(place, f"type-{key.kind.__name__}", key=word)
            elif not key.holds(value):
                self.wrong(place, key.rule, key=word, value=value, **CHOICES)
            else:
                good[word] = value
        for word, key in keys.items():
            if key.required and word not in given:
                self.wrong(Place(name, index, word), "missing-key", key=word)
        return good

    def tables(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Check the whole document."""
        top = {word: value for word, value in document.items() if word not in TABLES}
        good: dict[str, Any] = {"": self.table("", 0, top)}
        for name in TABLES:
            if name == "":
                continue
            if name not in document:
                if name in REQUIRED_TABLES:
                    self.wrong(Place(name, 0, ""), "missing-table", key=name)
                good[name] = [] if name in ARRAYS else {}
                continue
            good[name] = self._one_or_many(name, document[name])
        self._device_names(good["devices"])
        return good

    def _one_or_many(self, name: str, value: object) -> Any:
        if name in ARRAYS:
            if isinstance(value, list) and all(isinstance(item, dict) for item in value):
                return [self.table(name, n, item) for n, item in enumerate(value)]
            self.wrong(Place(name, 0, ""), "not-array", key=name)
            return []
        if isinstance(value, dict):
            return self.table(name, 0, value)
        self.wrong(Place(name, 0, ""), "not-table", key=name)
        return {}

    def _device_names(self, devices: Iterable[Mapping[str, Any]]) -> None:
        seen: set[str] = set()
        for n, device in enumerate(devices):
            name = device.get("name")
            if name in seen:
                self.wrong(Place("devices", n, "name"), "device-twice", value=name)
            seen.add(str(name))


def parse(text: str, file: Path, *, keys_dir: Path | None = None) -> Config:
    """Check the text of a file at `file`.

    `keys_dir` overrides the place of the keys (systemd hands them over in a directory of its own).
    Raises ConfigInvalid with everything that is wrong.
    """
    checker = Checker(text)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"line (\d+)", str(error))
        line = int(found[1]) if found else text.count("\n") + 1
        message = checker.texts["config.not-toml"].format(reason=str(error))
        remedy = checker.texts["config-remedy.not-toml"]
        raise ConfigInvalid(file, [ConfigError("", line, message, remedy)]) from None
    good = checker.tables(document)
    if checker.errors:
        raise ConfigInvalid(file, sorted(checker.errors, key=lambda error: error.line))
    base = file.resolve().parent
    top, api, province = good[""], dict(good["api"]), dict(good["province"])
    if "ca_file" in province:
        province["ca_file"] = base / province["ca_file"]
    api["socket"] = base / api.get("socket", "agent.sock")
    return Config(
        office=top["office"],
        data_dir=base / top["data_dir"],
        keys_dir=keys_dir or base / top.get("keys_dir", "keys"),
        province=Province(**province),
        api=Api(**api),
        sync=Sync(**good["sync"]),
        devices=tuple(Device(**device) for device in good["devices"]),
    )


def read(file: Path, *, keys_dir: Path | None = None) -> Config:
    """Read and check `file`. Raises ConfigInvalid, also when it cannot be read or is not UTF-8."""
    try:
        text = file.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        texts = load("agent", "messages_core.toml")
        reason = error.strerror if isinstance(error, OSError) else "UTF-8"
        message = texts["config.unreadable"].format(file=file, reason=reason)
        raise ConfigInvalid(
            file, [ConfigError("", 1, message, texts["config-remedy.unreadable"])]
        ) from None
    return parse(text, file, keys_dir=keys_dir)
