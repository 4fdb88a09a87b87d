"""The catalogue of everything that can go wrong, and the two exceptions that name it.

A `Refusal` is a judgement with a code of the catalogue: somebody asked for what cannot be done.
`Malformed` says that bytes break the wire format; whoever received them turns it into a Refusal.
The texts, statuses and exit codes stand in `problems.toml` beside this file.
"""

import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from types import MappingProxyType
from typing import Any, Literal, get_args

from msgspec import Struct

from wire.texts import Lang, Text, read_text

Consequence = Literal["retry", "person", "fatal"]
EXIT_CODES = range(5)  # 0 done, 1 refused or found wrong, 2 usage, 3 cannot reach, 4 damaged data


class ProblemType(Struct, frozen=True):
    """One entry of the catalogue.

    `status` is the HTTP status, `exit` the exit code of a command line that ends with it.
    `consequence`: `retry` passes by itself when tried again later, `person` needs somebody to
    change something, `fatal` means that this program cannot go on.
    """

    code: str
    status: int
    exit: int
    consequence: Consequence
    title: Text
    remedy: Text

    @property
    def type(self) -> str:
        """The URN that stands in `type` of a problem document."""
        return f"urn:commune:problem:{self.code}"


class FieldError(Struct, frozen=True):
    """One wrong place of an input: `path` like `applicant.id_number` or `documents[2].name`."""

    path: str
    code: str
    message: Text


class PathMessage(Struct, frozen=True):
    """A FieldError as it stands in a problem document, in one language."""

    path: str
    message: str


class ProblemDocument(Struct, frozen=True):
    """A problem document (RFC 9457) in one language."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: tuple[PathMessage, ...] = ()


class Malformed(ValueError):  # noqa: N818 - it names the input's state, as Refusal names the answer
    """Bytes that break the wire format.

    `reason` is a short stable token such as `trailing-bytes`, fit for a test vector;
    `detail` is for a reader of logs and never holds content of the input.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type["Malformed"], tuple[str, str]]:
        return type(self), (self.reason, self.detail)


class Refusal(Exception):  # noqa: N818 - a judgement, not an accident
    """Something was asked for that is not done, with its entry of the catalogue."""

    def __init__(
        self, code: str, detail: Text | str = "", errors: Sequence[FieldError] = ()
    ) -> None:
        self.type = CATALOGUE[code]
        self.detail = detail if isinstance(detail, Text) else Text(detail, detail)
        self.errors = tuple(errors)
        super().__init__(f"{code}: {self.detail.en or self.type.title.en}")

    @property
    def code(self) -> str:
        """The code of the catalogue, such as `procedure-unknown`."""
        return self.type.code

    def document(self, lang: Lang) -> ProblemDocument:
        """Return the problem document in `lang`; without a detail the remedy stands there."""
        detail = self.detail.pick(lang) or self.type.remedy.pick(lang)
        errors = tuple(PathMessage(e.path, e.message.pick(lang)) for e in self.errors)
        problem = self.type
        title = problem.title.pick(lang)
        return ProblemDocument(problem.type, title, problem.status, problem.code, detail, errors)

    def __reduce__(self) -> tuple[type["Refusal"], tuple[str, Text, tuple[FieldError, ...]]]:
        return type(self), (self.code, self.detail, self.errors)


def read_catalogue(source: str) -> Mapping[str, ProblemType]:
    """Read a catalogue from TOML: one table a code.

    Raises:
        ValueError: an entry lacks something or holds what is not allowed; the code is named.
    """
    return MappingProxyType(
        {code: _problem_type(code, table) for code, table in tomllib.loads(source).items()}
    )


def _problem_type(code: str, table: Mapping[str, Any]) -> ProblemType:
    wanted = {"status", "exit", "consequence", "title", "remedy"}
    if wrong := wanted ^ table.keys():
        raise ValueError(f"{code}: missing or unknown: {', '.join(sorted(wrong))}")
    if table["status"] not in range(400, 600):
        raise ValueError(f"{code}: status is no HTTP error")
    if table["exit"] not in EXIT_CODES[1:]:
        raise ValueError(f"{code}: exit is no exit code of a failure")
    if table["consequence"] not in get_args(Consequence):
        raise ValueError(f"{code}: consequence is not one of {get_args(Consequence)}")
    title = read_text(table["title"], f"{code}.title")
    remedy = read_text(table["remedy"], f"{code}.remedy")
    return ProblemType(code, table["status"], table["exit"], table["consequence"], title, remedy)


CATALOGUE: Mapping[str, ProblemType] = read_catalogue(
    resources.files("wire").joinpath("problems.toml").read_text("utf-8")
)
