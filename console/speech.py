"""What a command line says and in which language, and how it ends when something is wrong."""

import sys
from collections.abc import Mapping
from typing import Any, NoReturn

import msgspec

from wire.problems import CATALOGUE, ProblemDocument, Refusal
from wire.texts import Lang, load

EXIT_DONE = 0
EXIT_REFUSED = 1
EXIT_USAGE = 2
EXIT_UNREACHABLE = 3
EXIT_DAMAGED = 4


def language_of(environment: Mapping[str, str]) -> Lang:
    """Choose the language: COMMUNE_LANG, else LANG; Vietnamese unless English is asked for."""
    chosen = environment.get("COMMUNE_LANG") or environment.get("LANG") or ""
    return "en" if chosen.lower().startswith("en") else "vi"


class Refused(msgspec.Struct, frozen=True):
    """What `--json` prints instead of a result."""

    problem: ProblemDocument
    ok: bool = False


class Speech:
    """The texts of one command line in one language; `package` holds its messages.toml."""

    def __init__(self, package: str, lang: Lang) -> None:
        self.lang: Lang = lang
        self.as_json = False
        """The command was given `--json`: what is refused is told to programs too."""
        self._texts = {**load("console"), **load(package)}

    def __call__(self, key: str, **words: object) -> str:
        """Return a text with its words filled in."""
        text = self._texts[key]
        return (text.format(**words) if words else text).pick(self.lang)

    def tell(self, message: str) -> None:
        """Write a message to stderr: stdout is for results."""
        sys.stderr.write(message + "\n")
        sys.stderr.flush()

    def print_json(self, value: Any) -> None:
        """Write a result as one line of JSON."""
        sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
        sys.stdout.flush()

    def refuse(self, refusal: Refusal, remedy: str = "") -> NoReturn:
        """Tell a refusal and exit with its code of the catalogue.

        `remedy` stands for the catalogue's where that speaks of another situation.
        """
        self.fail(refusal.document(self.lang), remedy)

    def fail(self, document: ProblemDocument, remedy: str = "") -> NoReturn:
        """Tell a problem document and exit with its code of the catalogue."""
        if self.as_json:
            self.print_json(Refused(document))
        self.tell(f"{document.title} ({document.code})")
        known = CATALOGUE.get(document.code)
        if document.detail:
            self.tell(document.detail)
        for error in document.errors:
            self.tell(f"  {error.path}: {error.message}")
        if not remedy and known is not None:
            remedy = known.remedy.pick(self.lang)
        if remedy and remedy != document.detail:
            self.tell(self("error.remedy", remedy=remedy))
        raise SystemExit(EXIT_REFUSED if known is None else known.exit)
