"""Turns: how either side notices that the other remembers less than it did (section 6).

Every answer carries a turn, and the device shows the newest one it stored. A device that shows a
turn from further back was restored from a backup, or there are two of it. Pure: the server keeps
one `TurnState` a device and one `ShownTurn` is what a device keeps.
"""

import hmac
from hashlib import sha256

from msgspec import Struct

from wire import cbor
from wire.limits import TURN_BYTES, TURNS_GIVEN_MAX, TURNS_STALE_MAX
from wire.shape import Members, flag, many, octets

NO_TURN = bytes(TURN_BYTES)
"""What a device shows before it was given a turn."""

_read_turn = octets(TURN_BYTES)


class TurnState(Struct, frozen=True):
    """What the server keeps of one device.

    `shown`: the turn last shown. `given`: those handed out since, newest last. `stale_given`:
    those of stale answers, good only together with `was`. `last_was`: the `was` of the incident
    recorded since another turn was shown. `any_once`: after `commune-server restored` the device
    may show any turn without an incident, until it shows one that was given since: then it has
    heard this server, and whoever else shows an older one is another. Late messages use nothing up.
    """

    shown: bytes = NO_TURN
    given: tuple[bytes, ...] = ()
    stale_given: tuple[bytes, ...] = ()
    last_was: bytes | None = None
    any_once: bool = False


class TurnJudgement(Struct, frozen=True):
    """What a message is by its turn, and what is kept and answered.

    `current` false: the message is *stale*; only its `events`, `returned` and `fetch` count and
    the answer says `stale`. `incident`: one is to be recorded now. `turn`: stands in the answer.
    """

    state: TurnState
    current: bool
    incident: bool
    turn: bytes


class ShownTurn(Struct, frozen=True):
    """What a device shows next: `stored` is on disk, `answered_stale` in memory only."""

    stored: bytes = NO_TURN
    answered_stale: bytes | None = None

    @property
    def turn(self) -> bytes:
        """The `turn` of the next message."""
        return self.stored if self.answered_stale is None else self.answered_stale

    @property
    def was(self) -> bytes | None:
        """The `was` of the next message, which is then a full one."""
        return None if self.answered_stale is None else self.stored

    def answered(self, turn: bytes, *, stale: bool) -> "ShownTurn":
        """Return what to show after an answer to the open network request."""
        return ShownTurn(self.stored, turn) if stale else ShownTurn(turn)


def turn_after(shown: bytes, request_hash: bytes, key: bytes) -> bytes:
    """Return the turn that answers a request: a retry gets the same, a late replay a useless one.

    `shown`: the turn last shown after judging this request; `key`: the server's turn key.
    """
    return hmac.digest(key, shown + request_hash, sha256)[:TURN_BYTES]


def judge(
    state: TurnState, *, turn: bytes, was: bytes | None, request_hash: bytes, key: bytes
) -> TurnJudgement:
    """Judge a message that shows `turn` (and `was`), whose SHA-256 is `request_hash`.

    - The turn last shown: current.
    - One given since, or one of a stale answer together with `was`: current; it becomes the one
      last shown and all others are forgotten.
    - Anything else: stale, and nothing is forgotten.

    A current message with `was` is an incident, once: the same `was` again is the same incident
    until another turn was shown without it.
    """
    accepted = _accept(state, turn, was)
    if accepted is None:
        answer = turn_after(state.shown, request_hash, key)
        stale_given = _newest(state.stale_given, answer, TURNS_STALE_MAX)
        after = TurnState(state.shown, state.given, stale_given, state.last_was, state.any_once)
        return TurnJudgement(after, current=False, incident=False, turn=answer)
    answer = turn_after(turn, request_hash, key)
    given = _newest(accepted.given, answer, TURNS_GIVEN_MAX)
    restored = was is not None and was != state.last_was
    after = TurnState(turn, given, accepted.stale_given, accepted.last_was, accepted.any_once)
    incident = restored and not state.any_once
    return TurnJudgement(after, current=True, incident=incident, turn=answer)


def any_once(state: TurnState) -> TurnState:
    """Return the state of a device that may show any turn at first: the server was put back.

    Those that were given before say nothing more: `given` are those given since.
    """
    return TurnState(state.shown, last_was=state.last_was, any_once=True)


def encode_state(state: TurnState) -> bytes:
    """Return the state as one value for a database."""
    members: dict[str, object] = {
        "shown": state.shown,
        "given": state.given,
        "stale_given": state.stale_given,
    }
    if state.last_was is not None:
        members["last_was"] = state.last_was
    if state.any_once:
        members["any_once"] = True
    return cbor.encode(members)


def decode_state(data: bytes) -> TurnState:
    """Return the state that `encode_state` wrote.

    Raises:
        Malformed: these bytes are something else.
    """
    m = Members(cbor.decode(data), "turns")
    return TurnState(
        m.take("shown", _read_turn),
        m.take("given", many(_read_turn)),
        m.take("stale_given", many(_read_turn)),
        m.maybe("last_was", _read_turn, None),
        m.maybe("any_once", flag, absent=False),
    )


def _accept(state: TurnState, turn: bytes, was: bytes | None) -> TurnState | None:
    """Return the state once `turn` is the one last shown, or None if it may not become so."""
    last_was = state.last_was if was is None else was
    if turn == state.shown:
        return TurnState(turn, state.given, state.stale_given, last_was, state.any_once)
    if turn in state.given or (was is not None and turn in state.stale_given):
        return TurnState(turn, last_was=was)
    if not state.any_once:
        return None
    return TurnState(turn, state.given, last_was=was, any_once=True)


def _newest(turns: tuple[bytes, ...], turn: bytes, most: int) -> tuple[bytes, ...]:
    """Return `turns` with `turn` as the newest, the oldest dropped beyond `most`."""
    return (*(t for t in turns if t != turn), turn)[-most:]
