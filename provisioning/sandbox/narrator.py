"""Tells a story line by line: Vietnamese, and English beside it; in colour on a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol, TextIO

from wire.texts import Text, load

STYLES: Final[Mapping[str, str]] = {
    "heading": "bold",
    "good": "green",
    "bad": "bold red",
    "plain": "",
    "record": "",
}
MARKS: Final[Mapping[str, str]] = {
    "heading": "",
    "good": "✓ ",
    "bad": "✗ ",
    "plain": "  ",
    "record": "  · ",
}


class Printer(Protocol):
    """Writes one line of the story."""

    def line(self, text: Text, tone: str) -> None:
        """Write a line and its translation."""
        ...

    def card(self, title: Text, rows: Sequence[tuple[Text, str]]) -> None:
        """Write a box of facts."""
        ...


class Narrator:
    """Says the texts of `story.*`.

    A record of the office is one short line, everything else has its translation below.
    """

    def __init__(self, printer: Printer) -> None:
        self._printer = printer
        self._texts = load("provisioning")

    def say(self, key: str, tone: str = "plain", **words: object) -> None:
        """Say one line; `tone` is heading, plain, record, good or bad."""
        self._printer.line(self._texts[f"story.{key}"].format(**words), tone)

    def show(self, title: str, rows: Sequence[tuple[str, str]]) -> None:
        """Show facts: each the key of its name, and its value."""
        named = [(self._texts[f"story.{key}"], value) for key, value in rows]
        self._printer.card(self._texts[f"story.{title}"], named)


def printer_for(stream: TextIO) -> Printer:
    """Return what fits the stream."""
    return RichPrinter(stream) if stream.isatty() else PlainPrinter(stream)


class PlainPrinter:
    """For logs and pipes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def line(self, text: Text, tone: str) -> None:
        """Write a line and its translation."""
        blank = "\n" if tone == "heading" else ""
        between = "  " if tone == "record" else "\n" + " " * len(MARKS[tone])
        self._write(f"{blank}{MARKS[tone]}{text.vi}{between}({text.en})")

    def card(self, title: Text, rows: Sequence[tuple[Text, str]]) -> None:
        """Write a box of facts."""
        self._write(f"\n{title.vi}  ({title.en})")
        width = max(len(f"{name.vi} ({name.en})") for name, _ in rows)
        for name, value in rows:
            named = f"{name.vi} ({name.en})"
            self._write(f"  {named:<{width}}  {value}")

    def _write(self, text: str) -> None:
        self._stream.write(text + "\n")
        self._stream.flush()


class RichPrinter:
    """For people at a terminal."""

    def __init__(self, stream: TextIO) -> None:
        # rich takes a tenth of a second and is wanted at a terminal alone.
        from rich.console import Console  # noqa: PLC0415

        self._console: Any = Console(file=stream, highlight=False)

    def line(self, text: Text, tone: str) -> None:
        """Write a line and its translation."""
        from rich.text import Text as Styled  # noqa: PLC0415

        if tone == "heading":
            self._console.print()
        mark = MARKS[tone]
        between = "  " if tone == "record" else "\n" + " " * len(mark)
        self._console.print(
            Styled.assemble((mark + text.vi, STYLES[tone]), (between + text.en, "dim"))
        )

    def card(self, title: Text, rows: Sequence[tuple[Text, str]]) -> None:
        """Write a box of facts."""
        from rich.panel import Panel  # noqa: PLC0415
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text as Styled  # noqa: PLC0415

        grid = Table.grid(padding=(0, 2))
        for name, value in rows:
            grid.add_row(Styled.assemble(name.vi, (f"  {name.en}", "dim")), Styled(value, "bold"))
        heading = Styled.assemble((title.vi, "bold"), (f"  {title.en}", "dim"))
        self._console.print(Panel(grid, title=heading, title_align="left", expand=False))
