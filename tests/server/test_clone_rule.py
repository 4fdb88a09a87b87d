"""The rule that finds two devices with one key, over a bad line: no honest box, every clone.

A model of the device's side (turns, box, what a backup remembers) against the real rules of turns
and boxes; lines lose three messages in ten, sticks come weeks late, either side is restored.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from hashlib import sha256
from random import Random

import pytest

from server import clone_rule
from server.clone_rule import RESTORES_APART_MS, Known
from wire import turns
from wire.turns import ShownTurn, TurnState, any_once

KEY = bytes(32)
DAY_MS = 86_400_000
BOX = b"machine1" + b"disk-one" + b"card-one"
OTHER = b"machine2" + b"disk-two" + b"card-two"
SEEDS = range(300)


@dataclass(frozen=True)
class Message:
    """What the rules look at in one message."""

    name: bytes
    shown: bytes
    was: bytes | None
    box: bytes
    head: int


@dataclass
class Province:
    """Turns and rule of one device, and how many events are held."""

    turn: TurnState = field(default_factory=TurnState)
    known: Known = field(default_factory=Known)
    held: int = 0
    clone: str = ""

    def answer(self, message: Message, now_ms: int) -> tuple[bytes, bool, int]:
        """Take a message; return the turn, whether it was stale, and the receipt."""
        judged = turns.judge(
            self.turn, turn=message.shown, was=message.was, request_hash=message.name, key=KEY
        )
        self.turn = judged.state
        if judged.current:
            found = clone_rule.judge(
                self.known,
                box=message.box,
                behind=message.head < self.held,
                restored=judged.incident,
                now_ms=now_ms,
            )
            self.known = found.known
            self.clone = self.clone or found.clone
        self.held = max(self.held, message.head)
        return judged.turn, not judged.current, self.held


@dataclass
class Box:
    """One box with the device's key: what lies on its disk, and its hardware."""

    box: bytes = BOX
    told: bytes = BOX  # the box its journal last told of
    turn: ShownTurn = field(default_factory=ShownTurn)
    head: int = 0

    def copy(self) -> Box:
        """Return what a backup, or a thief's copy, holds."""
        return Box(self.box, self.told, ShownTurn(self.turn.stored), self.head)

    def message(self, chance: Random) -> Message:
        """Build a message; a changed box is recorded before it is shown."""
        if self.told != self.box:
            self.told, self.head = self.box, self.head + 1
        name = sha256(chance.randbytes(16)).digest()
        return Message(name, self.turn.turn, self.turn.was, self.box, self.head)

    def answered(self, turn: bytes, receipt: int, *, stale: bool) -> None:
        """Keep the turn; own events beyond the head come back."""
        self.turn = self.turn.answered(turn, stale=stale)
        self.head = max(self.head, receipt)


@dataclass
class Story:
    """One box and its province over weeks."""

    chance: Random
    province: Province = field(default_factory=Province)
    now_ms: int = 0
    late: list[Message] = field(default_factory=list)

    def exchange(self, box: Box) -> None:
        """Send one message; it, or its answer, may be lost, and it may come again for weeks."""
        message = box.message(self.chance)
        if self.chance.random() < 0.3:
            self.late.append(message)
            return
        turn, stale, receipt = self.province.answer(message, self.now_ms)
        if self.chance.random() < 0.1:
            self.late.append(message)
        if self.chance.random() >= 0.3:
            box.answered(turn, receipt, stale=stale)

    def work(self, box: Box, exchanges: int) -> None:
        """Let a box record and send, with late sticks and replays in between."""
        for _ in range(exchanges):
            self.now_ms += self.chance.randrange(60_000)
            box.head += self.chance.randrange(3)
            if self.chance.random() < 0.05:
                self.late.append(box.message(self.chance))  # exported to a stick
            self.exchange(box)
            if self.late and self.chance.random() < 0.2:
                self.province.answer(self.chance.choice(self.late), self.now_ms)


@pytest.mark.parametrize("seed", SEEDS)
def test_an_honest_box_is_never_taken_for_two(seed: int) -> None:
    story, box = Story(Random(seed)), Box()
    backup, province = box.copy(), replace(story.province)
    for _ in range(12):
        story.work(box, story.chance.randrange(5, 40))
        match story.chance.randrange(6):
            case 0:
                backup = box.copy()
            case 1:
                box = replace(backup.copy(), box=box.box)  # the disk is the old one, or new
                story.now_ms += RESTORES_APART_MS
            case 2:
                part = story.chance.randrange(3)
                box.box = box.box[: part * 8] + story.chance.randbytes(8) + box.box[part * 8 + 8 :]
                story.work(box, 20)
            case 3:
                province = replace(story.province)
            case 4:  # `commune-server restored`
                story.province = replace(
                    province, turn=any_once(province.turn), clone=story.province.clone
                )
            case _:
                story.now_ms += story.chance.randrange(40 * DAY_MS)
        if story.province.known.suspect:  # a person looks, and says that it is well
            known = story.province.known
            story.province.known = Known(box=box.box, restored_ms=known.restored_ms)
    assert story.province.clone == ""


@pytest.mark.parametrize("hardware", [BOX, OTHER], ids=["a perfect copy", "another machine"])
@pytest.mark.parametrize("seed", SEEDS)
def test_two_boxes_with_one_key_are_found(seed: int, hardware: bytes) -> None:
    story, box = Story(Random(seed)), Box()
    story.work(box, story.chance.randrange(5, 40))
    copy = replace(box.copy(), box=hardware)
    story.work(box, story.chance.randrange(5))
    for _ in range(40):
        for each in (copy, box):
            story.work(each, story.chance.randrange(1, 6))
    assert story.province.clone in {"former-box", "second-restore"}


def test_a_second_restore_within_thirty_days_is_taken_for_a_clone_and_later_it_is_not() -> None:
    first = clone_rule.judge(Known(), box=None, behind=False, restored=True, now_ms=0)
    for apart_ms, clone in ((RESTORES_APART_MS - 1, "second-restore"), (RESTORES_APART_MS, "")):
        again = clone_rule.judge(
            first.known, box=None, behind=False, restored=True, now_ms=apart_ms
        )
        assert (first.clone, again.clone) == ("", clone)


def test_one_part_changed_is_a_swap_and_together_with_a_restore_for_a_person() -> None:
    swapped = BOX[:8] + b"disk-two" + BOX[16:]
    alone = clone_rule.judge(Known(box=BOX), box=swapped, behind=False, restored=False, now_ms=1)
    assert (alone.parts, alone.suspect, alone.known.box) == (("disk",), False, swapped)
    restored = clone_rule.judge(Known(box=BOX), box=BOX, behind=True, restored=True, now_ms=1)
    after = clone_rule.judge(restored.known, box=swapped, behind=False, restored=False, now_ms=2)
    assert (after.suspect, after.known.box) == (True, BOX)


def test_a_box_that_shows_itself_after_a_restore_settles_the_doubt() -> None:
    restored = clone_rule.judge(Known(box=BOX), box=BOX, behind=False, restored=True, now_ms=1)
    swapped = BOX[:16] + b"card-two"
    later = clone_rule.judge(restored.known, box=swapped, behind=False, restored=False, now_ms=2)
    assert (later.suspect, later.known.box) == (False, swapped)


def test_a_message_that_is_behind_says_nothing_of_the_box() -> None:
    known = Known(box=BOX)
    assert clone_rule.judge(known, box=OTHER, behind=True, restored=False, now_ms=1).known == known


def test_the_first_box_is_taken_as_it_is() -> None:
    found = clone_rule.judge(Known(), box=BOX, behind=False, restored=False, now_ms=1)
    assert (found.known.box, found.parts) == (BOX, ())
