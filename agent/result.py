"""What a command led to, and how an answer says it."""

from uuid import UUID

import msgspec

from records.decision import Caution
from wire.texts import Lang

_encoder = msgspec.json.Encoder()


class SaidWarning(msgspec.Struct, frozen=True):
    """A warning in one language."""

    code: str
    path: str
    message: str


class ResultDocument(msgspec.Struct, frozen=True, omit_defaults=False):
    """A result as it stands in an answer (docs/interfaces.md `submit`)."""

    ok: bool
    id: str
    seq: int
    code: str | None
    book: str | None
    book_year: int | None
    due_at: str | None
    warnings: tuple[SaidWarning, ...]
    keys_since: str | msgspec.UnsetType = msgspec.UNSET


class Result(msgspec.Struct, frozen=True, array_like=True):
    """What a command led to. `id` is the subject's UUID, `seq` that of the (first) event.

    `keys_since` is set after a restore: keys given between then and now may be unknown here.
    """

    id: UUID
    seq: int
    code: str | None = None
    book: str | None = None
    book_year: int | None = None
    due_at: str | None = None
    warnings: tuple[Caution, ...] = ()
    keys_since: str | None = None

    def document(self, lang: Lang) -> ResultDocument:
        """The result with its warnings in one language, ready to be encoded."""
        return ResultDocument(
            True,
            str(self.id),
            self.seq,
            self.code,
            self.book,
            self.book_year,
            self.due_at,
            tuple(SaidWarning(w.code, w.path, w.message.pick(lang)) for w in self.warnings),
            msgspec.UNSET if self.keys_since is None else self.keys_since,
        )


def result_json(answer: Result, lang: Lang = "vi") -> bytes:
    """One result as a line of JSON, without the line's end."""
    return _encoder.encode(answer.document(lang))
