"""How commands end: a result, or what was refused, in words or as JSON."""

from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from console.speech import EXIT_USAGE, Speech
from wire.problems import Refusal
from wire.settings import SettingProblem


def refuse(speech: Speech, refusal: Refusal, *, as_json: bool, remedy: str = "") -> NoReturn:
    """Tell a refusal and exit with its code of the catalogue; `remedy` as `Speech.refuse` has."""
    speech.as_json = as_json
    speech.refuse(refusal, remedy)


def misused(speech: Speech, message: str) -> NoReturn:
    """Tell that the command was used wrongly, and exit with 2."""
    speech.tell(message)
    raise SystemExit(EXIT_USAGE)


def wrong_settings(speech: Speech, file: Path, problems: Sequence[SettingProblem]) -> NoReturn:
    """Tell everything that is wrong with a settings file, and exit with 2."""
    lines = [speech("error.config-heading", file=file)]
    lines += [
        speech(
            "error.config-line",
            line=problem.line,
            path=problem.path or file.name,
            message=problem.message.pick(speech.lang),
            remedy=problem.remedy.pick(speech.lang),
        )
        for problem in problems
    ]
    misused(speech, "\n".join(lines))
