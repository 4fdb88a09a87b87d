"""Lines out of a stream of bytes, with their numbers and a bound on each.

A line ends with LF (a CR before it belongs to the white space of JSON). Blank lines count but
are not handed on. A line longer than the bound is dropped byte by byte as it arrives, and named.
"""

from typing import NamedTuple


class Line(NamedTuple):
    """One line of a stream: its number, from 1, and its bytes; None when it was too long."""

    number: int
    data: bytes | None


class LineSplitter:
    """Cuts chunks of any size into lines; holds at most `line_bytes_max` of an unfinished one."""

    __slots__ = ("_held", "_held_bytes", "_line_bytes_max", "_number", "_overlong")

    def __init__(self, line_bytes_max: int) -> None:
        self._line_bytes_max = line_bytes_max
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._overlong = False
        self._number = 0

    def feed(self, chunk: bytes) -> list[Line]:
        """Every line that `chunk` completes."""
        pieces = chunk.split(b"\n")
        rest = pieces.pop()
        lines: list[Line] = []
        for piece in pieces:
            if self._held_bytes or self._overlong:
                self._hold(piece)
                self._close(lines)
                continue
            self._number += 1
            if len(piece) > self._line_bytes_max:
                lines.append(Line(self._number, None))
            elif piece and not piece.isspace():
                lines.append(Line(self._number, piece))
        self._hold(rest)
        return lines

    def finish(self) -> list[Line]:
        """The last line, when the stream ended without a line feed."""
        lines: list[Line] = []
        if self._held_bytes or self._overlong:
            self._close(lines)
        return lines

    def _hold(self, piece: bytes) -> None:
        if self._overlong or not piece:
            return
        self._held.append(piece)
        self._held_bytes += len(piece)
        if self._held_bytes > self._line_bytes_max:
            self._overlong = True
            self._held.clear()
            self._held_bytes = 0

    def _close(self, lines: list[Line]) -> None:
        self._number += 1
        if self._overlong:
            lines.append(Line(self._number, None))
        else:
            data = b"".join(self._held)
            if not data.isspace():
                lines.append(Line(self._number, data))
        self._held.clear()
        self._held_bytes = 0
        self._overlong = False


class LineCounter:
    """Counts the lines that will be answered, by the same rule, without keeping them."""

    __slots__ = ("_written", "answerable")

    def __init__(self) -> None:
        self.answerable = 0
        self._written = False

    def feed(self, chunk: bytes) -> None:
        """Count the lines that `chunk` completes."""
        pieces = chunk.split(b"\n")
        rest = pieces.pop()
        for piece in pieces:
            if self._written or (piece and not piece.isspace()):
                self.answerable += 1
            self._written = False
        if rest and not rest.isspace():
            self._written = True

    def finish(self) -> None:
        """Count the last line, when it had no line feed."""
        if self._written:
            self.answerable += 1
            self._written = False
