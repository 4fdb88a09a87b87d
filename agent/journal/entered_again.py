"""An own event entered anew in a successor (docs/protocol.md section 6): its bytes, rewritten.

Time, author, body and whatever a later version added stay as they are; `again` names the event it
was, and what it says of others of its journal is said with the ids those have now. Pure.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple
from uuid import UUID

import msgspec
from msgspec import Raw

from wire import chain, ijson
from wire import event as wire_event
from wire.problems import Malformed

ORDER: Final = (
    "kind", "subject", "at", "actor", "v", "clock", "boot", "mono", "seen", "again", "body", "salt",
)  # fmt: skip
"""The writer's order of members: it compresses better."""

_members = msgspec.json.Decoder(dict[str, Raw]).decode
_encode = msgspec.json.Encoder().encode


class Names(NamedTuple):
    """What events of the former journal are called in the new one.

    `seqs`: the new number of each that was entered anew, by its old one; `ids`: the same by its
    old id; `common`: the hash of every older one that is named, by its number.
    """

    seqs: dict[int, int]
    ids: dict[str, int]
    common: Mapping[int, bytes]

    def of(self, named: int | str | None) -> int | str | None:
        """Return what `subject` or `seen` says now."""
        if named is None:
            return None
        if isinstance(named, str):
            return self.ids.get(named.lower(), named)
        if named in self.seqs:
            return self.seqs[named]
        return str(chain.event_id(self.common[named])) if named in self.common else named


def enter_again(data: bytes, former: UUID, names: Names) -> bytes:
    """Return the bytes of the event that enters `data`, whose id was `former`, anew.

    Raises Malformed when it cannot be: it is no event, or has no room for a name more.
    """
    event = wire_event.decode(data)
    members = dict(_members(data))
    for member in ("subject", "seen"):
        named = names.of(getattr(event, member))
        if named is not None:
            members[member] = Raw(_encode(named))
    members["again"] = Raw(_encode(str(former)))
    known = [name for name in ORDER if name in members]
    others = [name for name in members if name not in ORDER]
    entered = _encode({name: members[name] for name in (*known, *others)})
    ijson.check(entered)
    return entered


def named_in(data: bytes) -> tuple[int, ...]:
    """Return the numbers that an event names; of bytes that are no event none."""
    try:
        event = wire_event.decode(data)
    except Malformed:
        return ()
    return tuple(named for named in (event.subject, event.seen) if isinstance(named, int))
