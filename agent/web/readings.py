"""What scanners have just read, for the pages that wait for it.

The last readings are kept in memory only and without the raw text: what nobody can read is a
keyed mark. A card is shown to the counter that its scanner belongs to and masked to all others.
Readings are numbered from 1 since the daemon started; a page asks for those after the last it has.
Which counter asks, the session says and nobody else; a technician's never sees a card whole.
"""

import re
from collections import deque
from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from agent.web.limits import READINGS_KEPT_MAX
from agent.web.shapes import ReadingShape
from agent.web.subscribers import Subscribers
from records.cards import CitizenCard
from records.health_card import HealthCard
from records.own_codes import Declaration
from records.recognise import Opaque, reading_kind, recognise
from wire.event import format_time

MARK_KEY_BYTES: Final = 32
DEVICE_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
"""What the scanner of a counter's own PC can be called: the same as a device in agent.toml."""
SHOWN_DIGITS: Final = 3
NUMBERS: Final = frozenset({"id_number", "old_id_number", "number", "phone"})
NAMES: Final = frozenset({"full_name"})
PLAIN: Final = frozenset({"gender", "symptoms", "made_at"})
PERSONAL: Final = (CitizenCard, HealthCard, Declaration)


class KeptReading(Struct, frozen=True):
    """One reading; `value` has personal fields when `personal`, and then stays out of `repr`."""

    number: int
    device: str
    counter: int
    at_ms: int
    kind: str
    value: dict[str, Any]
    personal: bool

    def __repr__(self) -> str:
        """Tell the shape, not the content."""
        return f"KeptReading({self.number}, {self.device!r}, {self.kind!r})"

    def shape(self, counter: int | None) -> ReadingShape:
        """Return the reading as `counter` may see it (None: nobody's counter)."""
        own = self.counter > 0 and counter == self.counter
        value = self.value if own or not self.personal else masked(self.value)
        at = format_time(self.at_ms)
        return ReadingShape(str(self.number), self.device, self.counter, at, self.kind, value)


class Readings:
    """The last readings of all devices."""

    def __init__(self, mark_key: bytes) -> None:
        """`mark_key`: 32 random bytes; the same unreadable code has the same mark under one key."""
        self._mark_key = mark_key
        self._kept: deque[KeptReading] = deque(maxlen=READINGS_KEPT_MAX)
        self._last = 0
        self.subscribers: Subscribers[KeptReading] = Subscribers()

    def scanned(
        self,
        text: str,
        *,
        device: str,
        counter: int,
        at_ms: int,
        use: Literal["post"] | None = None,
    ) -> KeptReading:
        """Keep what a scanner read, recognised, and show it to the pages that listen."""
        found = recognise(text, key=self._mark_key, use=use)
        value = msgspec.to_builtins(found)
        fields = value if isinstance(value, dict) else {}
        if not isinstance(found, (*PERSONAL, Opaque)):
            fields = fields | {"code": str(found)}
        return self.add(
            device=device,
            counter=counter,
            at_ms=at_ms,
            kind=reading_kind(found),
            value=fields,
            personal=isinstance(found, PERSONAL),
        )

    def add(
        self,
        *,
        device: str,
        counter: int,
        at_ms: int,
        kind: str,
        value: dict[str, Any],
        personal: bool = False,
    ) -> KeptReading:
        """Keep a reading of any kind, a weight or a temperature too."""
        self._last += 1
        reading = KeptReading(self._last, device, counter, at_ms, kind, value, personal)
        self._kept.append(reading)
        self.subscribers.tell(reading)
        return reading

    def between(
        self, newer: int, older: int | None, device: str | None = None
    ) -> Sequence[KeptReading]:
        """Return the readings after the number `newer` and before `older`, newest first."""
        return [
            reading
            for reading in reversed(self._kept)
            if reading.number > newer
            and (older is None or reading.number < older)
            and device in {None, reading.device}
        ]


def masked(value: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a card as everybody may see them: enough to tell two people apart."""
    return {name: _masked_field(name, field) for name, field in value.items()}


def _masked_field(name: str, field: Any) -> Any:
    if name in PLAIN or not isinstance(field, str):
        return field if name in PLAIN else None
    if name in NUMBERS:
        hidden = len(field) - 2 * SHOWN_DIGITS
        return field[:SHOWN_DIGITS] + "•" * max(hidden, 1) + field[-SHOWN_DIGITS:]
    if name in NAMES:
        return "••• " + field.rpartition(" ")[2]
    return None
