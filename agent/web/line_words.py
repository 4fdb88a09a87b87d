"""The line and the journal in one sentence, and what to do: the same on page and command line."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from agent.status import TEXTS as CORE_TEXTS
from agent.status import TOLD_BY_LINE, Status
from agent.web.texts import TEXTS
from wire.problems import CATALOGUE
from wire.texts import Text

Tone = Literal["good", "wait", "bad"]
TONES: Final[Mapping[str, Tone]] = {
    "online": "good",
    "offline": "wait",
    "captive-portal": "wait",
    "dns": "wait",
    "not-enrolled": "wait",
}
DISK_FAILED: Final = "disk-failed"


@dataclass(frozen=True, slots=True)
class LineWords:
    """How it is and what to do. `told` is the id of the problem that the sentence tells."""

    tone: Tone
    sentence: Text
    to_do: Text
    told: str


def line_words(status: Status) -> LineWords:
    """Say what is worst: a journal that is not written, a line that is held, a line that is down.

    Codes that the catalogue does not have are told as their line is.
    """
    error, code = status.line_error, status.recording_error or DISK_FAILED
    if not status.recording:
        broken = CATALOGUE.get(code) or CATALOGUE[DISK_FAILED]
        return LineWords("bad", _ended(CORE_TEXTS["line.broken"]), broken.remedy, "recording")
    known = CATALOGUE.get(error or "")
    if status.line_held and known is not None:
        words = {"code": known.code}
        sentence = _ended(CORE_TEXTS["line.held"].format(**words))
        return LineWords("bad", sentence, CORE_TEXTS["line.held-do"].format(**words), "line")
    if known is not None and known.code not in TOLD_BY_LINE:
        tone: Tone = "wait" if known.consequence == "retry" else "bad"
        return LineWords(tone, _ended(known.title), known.remedy, "line")
    sentence, to_do = TEXTS[f"line.{status.line}"], TEXTS[f"line.{status.line}-do"]
    return LineWords(TONES.get(status.line, "bad"), sentence, to_do, "line")


def _ended(text: Text) -> Text:
    """Return a headline as a sentence."""
    return Text(f"{text.vi}.", f"{text.en}.")
