"""The story's lines: both languages, in colour at a terminal and plain elsewhere."""

import io

import pytest

from provisioning.sandbox.narrator import Narrator, RichPrinter, printer_for


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
def test_every_line_is_told_in_both_languages(stream: io.StringIO) -> None:
    narrator = Narrator(printer_for(stream))
    narrator.show("look", [("look-office", "http://127.0.0.1:8710")])
    narrator.say("going-on", "heading")
    narrator.say("came-in", "record", name="Lê [bold]Văn An")
    narrator.say("caught-up", "good", seconds="1.7")
    told = stream.getvalue()
    for words in ("Trang của xã", "8710", "Xã vẫn làm việc", "works on", "Lê [bold]Văn An", "1.7"):
        assert words in told


def test_a_terminal_gets_colours() -> None:
    assert isinstance(printer_for(Terminal()), RichPrinter)
    assert not isinstance(printer_for(io.StringIO()), RichPrinter)
