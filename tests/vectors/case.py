"""One vector as it is written down, and the bytes that are drawn once and kept."""

import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import Struct

from wire.vectorcheck import Outcome, check, parse

HERE = Path(__file__).parent
HEX_COLUMNS = 100
COMPRESS_FROM_BYTES = 16_384


class Case(Struct, frozen=True):
    """A vector: what it is about, what is read, and why it is refused (None: it is not)."""

    kind: str
    name: str
    about: str
    payload: bytes
    header: Mapping[str, str] = {}
    refused: str | None = None

    @property
    def path(self) -> str:
        """Its file, below this folder."""
        return f"{self.kind}/{self.name}.txt"

    def text(self) -> str:
        """Return the file's content, after asking our own implementation.

        Raises:
            AssertionError: it says something else than this case does.
        """
        outcome = check(self._text({}))
        if self.refused:
            assert outcome == Outcome(accepted=False, reason=self.refused), (self.path, outcome)
            return self._text({"expect": self.refused})
        assert outcome.accepted, (self.path, outcome)
        return self._text({"expect": "ok", "result": outcome.result.hex()})

    def _text(self, expected: Mapping[str, str]) -> str:
        payload, header = self.payload, dict(self.header)
        if len(payload) > COMPRESS_FROM_BYTES:
            header["compressed"] = "zlib"
            payload = zlib.compress(payload, 9)
        lines = {"kind": self.kind, "about": self.about, **expected, **header}
        head = "".join(f"{key}: {value}".rstrip() + "\n" for key, value in lines.items())
        digits = payload.hex()
        rows = range(0, len(digits), HEX_COLUMNS)
        return head + "\n" + "".join(digits[at : at + HEX_COLUMNS] + "\n" for at in rows)


def kept(kind: str, name: str, draw: Callable[[], bytes]) -> bytes:
    """Return the payload of a vector as it was drawn the first time.

    Sealing is randomised and compressors change between releases; a vector does not.
    """
    path = HERE / kind / f"{name}.txt"
    return parse(path.read_text("ascii")).payload if path.exists() else draw()
