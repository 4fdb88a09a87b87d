"""Problems that stand in no table: what was noticed by a room of the running daemon.

They are kept in memory, a few and for a while: a restart forgets them, and so does the hour after
which nobody at the door knows any more whom a scan concerned.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from agent.status import Condition
from records.moment import local
from records.present import ProblemItem, Severity
from wire.problems import CATALOGUE
from wire.texts import Text

NOTICED_MAX: Final = 50
"""Problems kept: more than anybody reads; the oldest makes way."""
KEPT_MS: Final = 3600 * 1000
"""How long a problem is shown that nobody takes back."""


class _Kept(NamedTuple):
    item: ProblemItem
    until_ms: int | None
    """Monotonic; None: until it is taken back."""


class Noticed:
    """What the rooms noticed. Used on the event loop only."""

    def __init__(
        self,
        now_ms: Callable[[], int],
        mono_ms: Callable[[], int],
        tell: Callable[[ProblemItem], None],
    ) -> None:
        """`tell` hears of each problem at once: whoever listens need not look."""
        self._now_ms, self._mono_ms, self._tell = now_ms, mono_ms, tell
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def add(
        self,
        id_: str,
        code: str,
        severity: Severity = "warn",
        *,
        stays: bool = False,
        about: str = "",
    ) -> None:
        """Keep a problem and tell of it; with `stays` until `over`, else for an hour."""
        since = local(self._now_ms()).isoformat()
        item = problem_item(Condition(id_, code, since, _about(code, about)), severity)
        self._kept.pop(id_, None)
        while len(self._kept) >= NOTICED_MAX:
            self._kept.popitem(last=False)
        self._kept[id_] = _Kept(item, None if stays else self._mono_ms() + KEPT_MS)
        self._tell(item)

    def add_once(self, id_: str, code: str, *, about: str = "") -> None:
        """Keep a problem until `over`, and tell of it once; what it is `about` stands behind."""
        kept = self._kept.get(id_)
        if kept is None or kept.item.code != code:
            self.add(id_, code, "act", stays=True, about=about)

    def over(self, id_: str) -> None:
        """Take a problem back; one that is not there is over already."""
        self._kept.pop(id_, None)

    def items(self) -> Sequence[ProblemItem]:
        """Return what is still to be looked at, newest first."""
        now_ms = self._mono_ms()
        for id_, kept in list(self._kept.items()):
            if kept.until_ms is not None and kept.until_ms <= now_ms:
                del self._kept[id_]
        return [kept.item for kept in reversed(self._kept.values())]


def _about(code: str, about: str) -> Text | None:
    """Return the remedy with what it is about, None for that of the catalogue."""
    remedy = CATALOGUE[code].remedy
    return Text(f"{remedy.vi} ({about})", f"{remedy.en} ({about})") if about else None


def problem_item(condition: Condition, severity: Severity) -> ProblemItem:
    """Write a condition as lists show a problem, in the words of the catalogue."""
    known = CATALOGUE[condition.code]
    return ProblemItem(
        id=condition.id,
        code=condition.code,
        severity=severity,
        title=known.title,
        action=condition.action or known.remedy,
        subject=None,
        since=condition.since,
    )
