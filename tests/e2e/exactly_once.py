"""Realistic commands, and the oracle: each that was acknowledged stands at the province once."""

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from records import synthetic
from records.calendar import OFFICE_ZONE
from tests.e2e.world import World
from wire.chain import event_id

Json = dict[str, Any]
SEED = 20261121
DAY_END = "visit.ended"
"""The one kind of event that nobody asked for: the office ends forgotten visits by itself."""


def realistic(count: int, seed: int = SEED) -> list[Json]:
    """Give `count` commands of a working day, each with a key so that it can be sent again.

    Each leads to an event of its own: everybody comes in with a card of their own, because a second
    scan of the same within a minute is given the first one's answer.
    """
    today = datetime.now(OFFICE_ZONE).date()
    commands = itertools.islice(synthetic.commands(seed, today=today), count)
    return [_told_apart(command, f"{seed}-{number}") for number, command in enumerate(commands)]


def _told_apart(command: Json, key: str) -> Json:
    if command["type"] == "visit.check_in":
        card = int.from_bytes(hashlib.sha256(key.encode()).digest()) % 10**12
        command |= {"visitor": command["visitor"] | {"id_number": f"{card:012}"}}
    return command | {"key": key}


def is_same(first: Json, now: Json) -> bool:
    """Tell whether an answer given again is the first one."""
    if not first["ok"]:
        return not now["ok"] and first["problem"] == now["problem"]
    return bool(now["ok"]) and (first["id"], first["seq"]) == (now["id"], now["seq"])


def assert_exactly_once(world: World, results: Iterable[Json], about: str = "") -> list[Json]:
    """Every acknowledged command stands in the feed once, nothing else does, both sides agree.

    `results` holds one answer to each command that may have been recorded. `about` (the seed, the
    point) is said when it does not hold. Gives the office's feed.
    """
    feed = [line for line in world.feed() if line["office_id"] == world.office["office_id"]]
    assert_each_once(feed, list(results), about)
    held = [len(feed), feed[-1]["hash"]]
    checked = world.verify()
    assert checked["head"] == held, f"{about} the office's own chain ends in {checked['head']}"
    compared = world.reconciliation()
    assert compared["equal"] is True, f"{about} {compared}"
    (head,) = compared["heads"]
    assert head["office"] == head["province"] == held, f"{about} {head} is not {held}"
    return feed


def assert_each_once(feed: Sequence[Json], results: Sequence[Json], about: str) -> None:
    """Compare a whole feed of one office with what was acknowledged there.

    An event's id is made of its hash in the chain, so an answer that named it at the counter holds
    the province to the same bytes and everything before them.
    """
    seqs = [line["seq"] for line in feed]
    assert seqs == list(range(1, len(seqs) + 1)), f"{about} a hole or a double in the feed: {seqs}"
    for line in feed:
        named = str(event_id(bytes.fromhex(line["hash"])))
        assert line["id"] == named, f"{about} no. {line['seq']} is not named by its hash"
    told = {result["seq"]: result["id"] for result in results}
    twice = sorted(seq for seq, times in Counter(r["seq"] for r in results).items() if times > 1)
    assert not twice, f"{about} two commands were given the same record: {twice}"
    asked = {line["seq"]: line["subject"] for line in feed if line["event"]["kind"] != DAY_END}
    lost = sorted(told.keys() - asked.keys())
    assert not lost, f"{about} acknowledged records are missing: {lost}"
    doubled = sorted(asked.keys() - told.keys())
    assert not doubled, f"{about} records nobody was told of, doubles: {doubled}"
    other = sorted(seq for seq in told if UUID(told[seq]) != UUID(asked[seq]))
    assert not other, f"{about} these were acknowledged as other records: {other}"
