"""The last place where this journal and the province's agree (docs/protocol.md sections 5 and 6).

An answer tells some places the province holds: its receipt, the rungs of its ladder, and `have`,
the last place where it agreed with the events of the message. Agreement is a prefix, so the
highest of them that is ours too is common. It is the *last* common one only if the event behind it
was in the message, and the province saw that it is another.
"""

from collections.abc import Callable
from typing import NamedTuple

from wire.chain import Head
from wire.plaintext import Down

HashAt = Callable[[int], bytes | None]


class Common(NamedTuple):
    """A place that both have; `exact`: behind it they differ."""

    head: Head
    exact: bool


def common_place(down: Down, head: Head, hash_at: HashAt, sent: Head) -> Common:
    """Return the highest place of an answer, not `ok` or not ours, that is ours too.

    `head`: of this journal; `sent`: the last event of the message that is answered.
    """
    places = [(rung.seq, rung.hash) for rung in down.ladder]
    agreed = [Head(*place) for place in places if hash_at(place[0]) == place[1]]
    if down.have is not None and down.have <= head.seq:
        agreed += _own(down.have, hash_at)
    elif down.verdict == "ok" and sent.seq < down.receipt.seq:
        agreed.append(sent)  # all that was in it is the same; what differs lies behind it
    best = max(agreed, default=None) or _own(0, hash_at)[0]
    exact = down.have is not None and best.seq == down.have and down.have < sent.seq
    return Common(best, exact)


def _own(seq: int, hash_at: HashAt) -> list[Head]:
    hash_ = hash_at(seq)
    return [] if hash_ is None else [Head(seq, hash_)]
