"""Runs every vector through a command: `python tests/vectors/run.py -- COMMAND...`.

Needs nothing but Python's standard library. Each vector, without its `expect` and `result`
lines, goes to the standard input of COMMAND, which prints `ok <hex>` or `refused <reason>`.
Exit 0 when every answer was the expected one, else 1; README.md beside this file has the format.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).parent
SECONDS_MAX = 60


def files(only: Sequence[str]) -> Iterator[Path]:
    """Yield the vector files, all or those whose path holds one of some words."""
    for path in sorted(HERE.glob("*/*.txt")):
        name = path.relative_to(HERE).as_posix()
        if not only or any(word in name for word in only):
            yield path


def split(text: str) -> tuple[str, str]:
    """Return a vector without what it expects, and the line an implementation should print.

    A vector that is to be refused expects the word `refused` alone.
    """
    head, _, body = text.partition("\n\n")
    parts = (line.partition(":") for line in head.splitlines())
    lines = {key: value.strip() for key, _, value in parts}
    expect, result = lines.pop("expect"), lines.pop("result", "")
    asked = "".join(f"{key}: {value}\n" for key, value in lines.items())
    wanted = f"ok {result}".strip() if expect == "ok" else "refused"
    return f"{asked}\n{body}", wanted


def ask(command: Sequence[str], path: Path) -> str | None:
    """Return what was wrong with a command's answer to one vector, or None."""
    asked, wanted = split(path.read_text("ascii"))
    try:
        done = subprocess.run(
            command, input=asked, capture_output=True, text=True, timeout=SECONDS_MAX, check=False
        )
    except subprocess.TimeoutExpired:
        return f"no answer in {SECONDS_MAX} s"
    answer = done.stdout.strip()
    right = answer.startswith("refused") if wanted == "refused" else answer == wanted
    return None if right else f"wanted {wanted[:80]}, got {answer[:80] or done.stderr[-200:]}"


def main() -> int:
    """Run the vectors and print every wrong answer and the count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", default=[], metavar="WORD")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("command", nargs="+", metavar="COMMAND")
    options = parser.parse_args()
    paths = list(files(options.only))
    with ThreadPoolExecutor(options.jobs) as pool:
        answers = list(pool.map(lambda path: ask(options.command, path), paths))
    wrong = [(path, answer) for path, answer in zip(paths, answers, strict=True) if answer]
    for path, answer in wrong:
        print(f"{path.relative_to(HERE)}: {answer}")
    print(f"{len(paths) - len(wrong)} of {len(paths)} vectors as expected")
    return 1 if wrong or not paths else 0


if __name__ == "__main__":
    sys.exit(main())
