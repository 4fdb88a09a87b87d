"""server.toml: what a province's technician writes, read and judged whole.

Paths are relative to the file. Every mistake is reported at once with its line and its remedy
(`wire.settings`); nothing is read from the environment here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from wire.settings import SettingProblem, SettingsRefused, read
from wire.texts import Text

HOUR_S = 3_600
DAY_S = 86_400

Seconds = Annotated[int, Meta(ge=1)]


class _File(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
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


_REMEDIES = {
    "listen": Text(
        vi='Ví dụ: listen = "127.0.0.1:8700"', en='For example: listen = "127.0.0.1:8700"'
    ),
    "public_url": Text(
        vi='Địa chỉ các xã gọi tới, ví dụ: public_url = "https://motcua.tinh.gov.vn"',
        en='The address offices call, for example: public_url = "https://onestop.example"',
    ),
    "database": Text(
        vi='database = "sqlite:///data/province.db" hoặc "postgresql+asyncpg://…"',
        en='database = "sqlite:///data/province.db" or "postgresql+asyncpg://…"',
    ),
    "late_after_s": Text(vi="Số giây, từ 1", en="Seconds, 1 or more"),
    "silent_after_s": Text(
        vi="Số giây, không nhỏ hơn late_after_s", en="Seconds, not less than late_after_s"
    ),
    "tls_cert": Text(
        vi="Ghi cả tls_cert và tls_key, hoặc bỏ cả hai",
        en="Give both tls_cert and tls_key, or neither",
    ),
}


def load(path: Path) -> Config:
    """Read server.toml. Raises SettingsRefused with every mistake; OSError when unreadable."""
    source = path.read_text(encoding="utf-8")
    return parse(source, path)


def parse(source: str, path: Path) -> Config:
    """Return the settings in `source`; `path` is the file they stand in."""
    written = read(source, _File, remedies=_REMEDIES)
    problems = [
        _problem(source, key, message)
        for key, message in (
            ("listen", _listen_mistake(written.listen)),
            ("public_url", _url_mistake(written.public_url)),
            ("database", _database_mistake(written.database)),
            ("silent_after_s", _threshold_mistake(written)),
            ("tls_cert", _tls_mistake(written)),
        )
        if message is not None
    ]
    if problems:
        raise SettingsRefused(tuple(sorted(problems, key=lambda problem: problem.line)))
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


def _listen_mistake(listen: str) -> Text | None:
    host, _, port = listen.rpartition(":")
    if host and port.isascii() and port.isdigit() and int(port) <= 0xFFFF:
        return None
    return Text(vi="Cần dạng máy:cổng", en="Must be host:port")


def _url_mistake(url: str) -> Text | None:
    parts = urlsplit(url)
    if parts.scheme in ("http", "https") and parts.netloc:
        return None
    return Text(vi="Cần một địa chỉ http(s)://", en="Must be an http(s):// address")


def _database_mistake(url: str) -> Text | None:
    prefix = "sqlite:///"
    if url.startswith("postgresql+asyncpg://") or (url.startswith(prefix) and url != prefix):
        return None
    return Text(vi="Không phải cơ sở dữ liệu dùng được", en="Not a database that can be used")


def _threshold_mistake(written: _File) -> Text | None:
    if written.silent_after_s >= written.late_after_s:
        return None
    return Text(vi="Nhỏ hơn late_after_s", en="Less than late_after_s")


def _tls_mistake(written: _File) -> Text | None:
    if (written.tls_cert is None) == (written.tls_key is None):
        return None
    return Text(vi="Chỉ có một trong hai", en="Only one of the two is given")


def _problem(source: str, key: str, message: Text) -> SettingProblem:
    numbered = enumerate(source.splitlines(), start=1)
    line = next((n for n, text in numbered if text.lstrip().startswith(key)), 1)
    return SettingProblem(path=key, line=line, message=message, remedy=_REMEDIES[key])
