"""Tables for people. rich is imported here and only when a table is printed."""

import sys
from collections.abc import Sequence


def print_table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table to stdout; cells are text, never markup."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for number, heading in enumerate(headings):
        right = bool(rows) and all(isinstance(row[number], int) for row in rows)
        table.add_column(heading, justify="right" if right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    width = None if sys.stdout.isatty() else 160
    Console(file=sys.stdout, width=width, highlight=False).print(table)


def print_facts(facts: Sequence[tuple[str, object]]) -> None:
    """Print names and values below each other."""
    width = max(len(name) for name, _ in facts)
    for name, value in facts:
        sys.stdout.write(f"{name:<{width}}  {value}\n")
    sys.stdout.flush()
