"""What a measurement gives: a figure, its goal, and the raw limit of the same run beside it."""

from typing import Any, Final, Literal

from msgspec import Struct

Verdict = Literal["pass", "miss", "open", "skipped", "broken"]
FAILED: Final[frozenset[Verdict]] = frozenset({"miss", "broken"})
"""A run with one of these has not shown what it is for."""


class Goal(Struct, frozen=True):
    """A bound on a figure, in its own unit; with `of_raw` it bounds figure ÷ raw instead."""

    limit: float
    at_most: bool = True
    of_raw: bool = False

    def holds(self, value: float) -> bool:
        """Tell whether `value` is within the bound."""
        return value <= self.limit if self.at_most else value >= self.limit


def at_most(limit: float) -> Goal:
    """Return the goal of a figure that shall be small."""
    return Goal(limit)


def at_least(limit: float) -> Goal:
    """Return the goal of a figure that shall be large."""
    return Goal(limit, at_most=False)


def at_least_of_raw(share: float) -> Goal:
    """Return the goal of a figure that shall be at least this share of its raw limit."""
    return Goal(share, at_most=False, of_raw=True)


class Figure(Struct, frozen=True, kw_only=True):
    """One measured figure.

    `key` names it for programs, `title` for people. `raw` is in the same unit and `raw_title`
    says what was measured for it. `n` says how many times what was done. `missing` says why there
    is no value; `is_broken`: because the measurement failed, not for want of something.
    """

    key: str
    title: str
    unit: str
    value: float | None = None
    goal: Goal | None = None
    raw: float | None = None
    raw_title: str = ""
    n: str = ""
    note: str = ""
    missing: str = ""
    is_broken: bool = False

    @property
    def ratio(self) -> float | None:
        """Figure ÷ raw limit, None where one of the two is not there."""
        if self.value is None or not self.raw:
            return None
        return self.value / self.raw

    @property
    def verdict(self) -> Verdict:
        """`pass` or `miss` against the goal, `open` without one, `skipped` without a value.

        `broken`: the measurement failed.
        """
        if self.is_broken:
            return "broken"
        judged = self.ratio if self.goal is not None and self.goal.of_raw else self.value
        if judged is None:
            return "skipped"
        if self.goal is None:
            return "open"
        return "pass" if self.goal.holds(judged) else "miss"

    def document(self) -> dict[str, Any]:
        """Return the figure as JSON holds it; unknown is null."""
        goal = self.goal
        return {
            "key": self.key,
            "title": self.title,
            "value": self.value,
            "unit": self.unit,
            "goal": None
            if goal is None
            else {"limit": goal.limit, "at_most": goal.at_most, "of_raw": goal.of_raw},
            "verdict": self.verdict,
            "raw": self.raw,
            "raw_title": self.raw_title or None,
            "ratio": self.ratio,
            "n": self.n or None,
            "note": self.note or None,
            "missing": self.missing or None,
        }


def skipped(key: str, title: str, unit: str, why: str, goal: Goal | None = None) -> Figure:
    """Return the figure that could not be measured, and why."""
    return Figure(key=key, title=title, unit=unit, goal=goal, missing=why)


def broken(key: str, title: str, error: Exception) -> Figure:
    """Return the figure of a measurement that failed."""
    why = f"broke: {error!r}"[:200]
    return Figure(key=key, title=title, unit="", missing=why, is_broken=True)


def percentile(values: list[float], share: float) -> float:
    """Return the smallest value that at least `share` of all values do not exceed."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    rank = max(1, -(-len(ordered) * round(share * 1000) // 1000))
    return ordered[rank - 1]


def median(values: list[float]) -> float:
    """Return the middle value; of two, the lower one."""
    return percentile(values, 0.5)
