"""`/metrics`: figures of the daemon in OpenMetrics text.

Written by hand: a dozen gauges need no client library, and nothing here counts people, names or
codes.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

OPENMETRICS_TYPE: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"


class Gauge(NamedTuple):
    """One family: name, unit in its end, what it means, and its samples by label."""

    name: str
    help: str
    samples: tuple[tuple[str, int | float], ...]


class Counter(NamedTuple):
    """A family that only rises; `name` without the `_total` that a sample carries."""

    name: str
    help: str
    samples: tuple[tuple[str, int | float], ...]


def gauge(name: str, help_: str, value: float | None) -> Gauge:
    """Return a gauge of one sample; of none when the value is unknown."""
    return Gauge(name, help_, () if value is None else (("", value),))


def states(name: str, help_: str, label: str, known: Iterable[str], current: str) -> Gauge:
    """Return one sample for each state: 1 for the current one, 0 for the others."""
    return Gauge(name, help_, tuple((_label(label, s), int(s == current)) for s in known))


def written(families: Iterable[Gauge | Counter]) -> str:
    """Write families as OpenMetrics text, with the end mark that the format wants."""
    lines: list[str] = []
    for family in families:
        counter = isinstance(family, Counter)
        lines.append(f"# TYPE {family.name} {'counter' if counter else 'gauge'}")
        lines.append(f"# HELP {family.name} {_escaped(family.help)}")
        suffix = "_total" if counter else ""
        lines += [f"{family.name}{suffix}{labels} {value}" for labels, value in family.samples]
    return "\n".join([*lines, "# EOF", ""])


def _label(name: str, value: str) -> str:
    return f'{{{name}="{_escaped(value)}"}}'


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
