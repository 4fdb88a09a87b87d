"""The page of waiting scans, worked out: values in, words out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from agent.views.scans import PATH, WaitingScan
from agent.web.sync_words import written_bytes
from agent.web.texts import TEXTS, written_count
from agent.web.today import when
from wire.texts import Lang


@dataclass(frozen=True, slots=True)
class ScanRow:
    """One scan: `about` says when it came and how large it is, `path` names it in a command."""

    id: str
    file: str
    about: str
    path: str
    name: str


def scan_rows(waiting: Sequence[WaitingScan], now_ms: int, lang: Lang) -> tuple[ScanRow, ...]:
    """Work out the whole list."""
    return tuple(_row(scan, now_ms, lang) for scan in waiting)


def _row(scan: WaitingScan, now_ms: int, lang: Lang) -> ScanRow:
    about = [when(scan.at, now_ms), written_bytes(scan.bytes, lang)]
    if scan.pages is not None:
        form = "one" if scan.pages == 1 else "many"
        count = written_count(scan.pages, lang)
        about.append(TEXTS[f"scans.pages.{form}"].format(count=count).pick(lang))
    return ScanRow(
        id=scan.id,
        file=scan.name,
        about=" · ".join(about),
        path=f"{PATH}{scan.id}",
        name=PurePath(scan.name).stem.strip() or scan.name.strip(),
    )
