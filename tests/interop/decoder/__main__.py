"""One vector on standard input, one line back: `python -m tests.interop.decoder`."""

import sys

from .vectors import answer, parse

print(answer(parse(sys.stdin.read())))
