"""Every vector, through our implementation; and the tools that make and run them."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.vectors.make import cases
from wire.vectorcheck import CHECKS, check, main, parse

HERE = Path(__file__).parent
PATHS = sorted(HERE.glob("*/*.txt"))
NAMES = [path.relative_to(HERE).as_posix() for path in PATHS]


@pytest.mark.parametrize("name", NAMES)
def test_vector(name: str) -> None:
    text = (HERE / name).read_text("ascii")
    header = parse(text).header
    outcome = check(text)
    if header["expect"] == "ok":
        assert outcome.accepted, outcome.reason
        assert outcome.result.hex() == header["result"]
    else:
        assert (outcome.accepted, outcome.reason) == (False, header["expect"])


def test_the_files_are_those_the_tables_name_and_nothing_drifted() -> None:
    by_path = cases()
    assert sorted(by_path) == sorted(NAMES)
    for name, case in by_path.items():
        assert (HERE / name).read_text("ascii") == case.text(), name


def test_every_kind_is_there_and_said_in_the_readme() -> None:
    assert {path.parent.name for path in PATHS} == set(CHECKS)
    readme = (HERE / "README.md").read_text("utf-8")
    assert [kind for kind in CHECKS if f"`{kind}`" not in readme] == []
    assert len(PATHS) >= 120


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(HERE / "run.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_runner_asks_our_command() -> None:
    ours = [sys.executable, "-m", "wire.vectorcheck"]
    done = run("--only", "box/", "--only", "days/refused-order", "--", *ours)
    assert done.stdout == "3 of 3 vectors as expected\n", done.stdout + done.stderr
    assert done.returncode == 0


def test_the_runner_names_every_wrong_answer() -> None:
    done = run("--only", "box/whole", "--only", "days/refused-order", "--", "echo", "ok 00")
    assert done.returncode == 1
    assert "box/whole.txt: wanted ok " in done.stdout
    assert "days/refused-order.txt: wanted refused, got ok 00" in done.stdout
    assert "0 of 2 vectors" in done.stdout


def test_the_runner_hides_what_is_expected() -> None:
    done = run("--only", "box/whole", "--", "grep", "-c", "-E", "^(expect|result):")
    assert "got 0" in done.stdout


def test_a_run_without_vectors_is_no_success() -> None:
    assert run("--only", "no such vector", "--", "true").returncode == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no kind"),
        ("kind: mood\n\n", "no kind of vector: mood"),
        ("kind\n\n", "no header line"),
        ("kind: cbor\nkind: cbor\n\n00", "no header line"),
        ("kind: cbor\n\n0", "hexadecimal"),
        ("kind: frame\n\n00", "no codec"),
    ],
)
def test_a_text_that_is_no_vector_is_named_so(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check(text)


def test_our_command_answers_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for text, code, line in (
        ("kind: cbor\n\n00\n", 0, "ok 00\n"),
        ("kind: cbor\n\n0000\n", 0, "refused trailing-bytes\n"),
        ("kind: mood\n\n", 2, ""),
        ("kind: frame\ncodec: 0\nlimit: 9\n\n28b52ffd2000010000", 0, "ok\n"),
    ):
        monkeypatch.setattr("sys.stdin", _Text(text))
        assert main() == code
        assert capsys.readouterr().out == line


class _Text:
    """A standard input that holds a text."""

    def __init__(self, text: str) -> None:
        self._text = text

    def read(self) -> str:
        return self._text
