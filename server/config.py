"""server.toml: what a province's technician writes, read and judged whole.

Paths are relative to the file. Every mistake is reported at once with its line and its remedy
(`wire.settings`); nothing is read from the environment here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from wire.settings import Check, Fault, Mistake, read
from wire.texts import load as load_texts

HOUR_S = 3_600
DAY_S = 86_400

Seconds = Annotated[int, Meta(ge=1)]


class _File(Struct, frozen=True, kw_only=True):
    """The file as it stands, before paths are resolved."""

    listen: str
    public_url: str
    database: str
    data_dir: str
    keys_dir: str
    blobs: str = "blobs"
    late_after_s: Seconds = HOUR_S
    silent_after_s: Seconds = DAY_S
    tls_cert: str | None = None
    tls_key: str | None = None


class Config(Struct, frozen=True, kw_only=True):
    """Settings of the province's server; every path is absolute.

    `database` is `sqlite:///<absolute path>` or `postgresql+asyncpg://…`. An office is `late`
    after `late_after_s` without a message and `silent` after `silent_after_s`.
    """

    file: Path
    host: str
    port: int
    public_url: str
    database: str
    data_dir: Path
    keys_dir: Path
    blobs: str
    late_after_s: int
    silent_after_s: int
    tls_cert: Path | None
    tls_key: Path | None

    @property
    def blobs_dir(self) -> Path:
        """The folder of the offices' documents."""
        return self.file.parent / self.blobs


def load(path: Path) -> Config:
    """Read server.toml. Raises SettingsRefused with every mistake; OSError when unreadable."""
    source = path.read_text(encoding="utf-8")
    return parse(source, path)


def parse(source: str, path: Path) -> Config:
    """Return the settings in `source`; `path` is the file they stand in."""
    written = read(source, _File, checks=_CHECKS, between=_between)
    base = path.resolve().parent
    host, _, port = written.listen.rpartition(":")
    return Config(
        file=path.resolve(),
        host=host.strip("[]"),
        port=int(port),
        public_url=written.public_url.rstrip("/"),
        database=_absolute_database(written.database, base),
        data_dir=base / written.data_dir,
        keys_dir=base / written.keys_dir,
        blobs=written.blobs,
        late_after_s=written.late_after_s,
        silent_after_s=written.silent_after_s,
        tls_cert=base / written.tls_cert if written.tls_cert else None,
        tls_key=base / written.tls_key if written.tls_key else None,
    )


def _absolute_database(url: str, base: Path) -> str:
    prefix = "sqlite:///"
    return f"{prefix}{base / url.removeprefix(prefix)}" if url.startswith(prefix) else url


_TEXTS: Final = load_texts("server")


def _fault(setting: str, **words: object) -> Fault:
    message = _TEXTS[f"setting.{setting}"].format(**words)
    return Fault(message, _TEXTS[f"setting-remedy.{setting}"])


def _listen(value: str) -> Fault | None:
    host, _, port = value.rpartition(":")
    good = host and port.isascii() and port.isdigit() and int(port) <= 0xFFFF
    return None if good else _fault("listen", value=value)


def _url(value: str) -> Fault | None:
    parts = urlsplit(value)
    good = parts.scheme in ("http", "https") and parts.netloc
    return None if good else _fault("public_url", value=value)


def _database(value: str) -> Fault | None:
    prefix = "sqlite:///"
    good = value.startswith("postgresql+asyncpg://") or (
        value.startswith(prefix) and value != prefix
    )
    return None if good else _fault("database", value=value)


_CHECKS: Final[Mapping[str, Check]] = {
    "listen": _listen,
    "public_url": _url,
    "database": _database,
}


def _between(data: Mapping[str, Any]) -> Iterator[Mistake]:
    late, silent = data.get("late_after_s", HOUR_S), data.get("silent_after_s", DAY_S)
    if isinstance(late, int) and isinstance(silent, int) and silent < late:
        yield ("silent_after_s",), _fault("silent_after_s", late=late)
    for one, other in (("tls_cert", "tls_key"), ("tls_key", "tls_cert")):
        if one in data and other not in data:
            yield (one,), _fault("tls", one=one, other=other)
