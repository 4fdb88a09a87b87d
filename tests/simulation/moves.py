"""What happens to a world: records, failures, sticks, time. Each move is one happening.

A move is drawn, then something between a moment and an hour passes. Moves that the programs do
not handle wholly yet stand in `NOT_YET` and happen only where they are switched on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from random import Random
from typing import NamedTuple

from tests.simulation import branches
from tests.simulation.device import Device
from tests.simulation.disk import CUTS, Cut
from tests.simulation.life import Dead
from tests.simulation.link import Weather
from tests.simulation.province import Province
from tests.simulation.world import World
from wire.problems import Refusal

MOVES = (22, 40)
"""How many happenings a world has, at least and at most."""
PAUSES_S = (0.05, 0.5, 3, 20, 90, 400, 2_000)
PAUSE_SHARES = (4, 5, 6, 6, 4, 2, 1)
STRIKE_CALLS_MAX = 60
STRIKE_SYNCS_MAX = 3
CUT_OFF = 0.3
"""How often an office has no line at all until peace comes, and only sticks."""
JUMPS_MS = (-55 * 365 * 86_400_000, -3_600_000, -90_000, 90_000, 86_400_000, 12 * 365 * 86_400_000)
"""To 1970, an hour back, a minute and a half either way, a day on, and to 2038."""


class Move(NamedTuple):
    """One kind of happening and how often it is drawn."""

    name: str
    share: int
    happen: Callable[[World], Awaitable[None]]


async def trouble(world: World, switched_on: frozenset[str]) -> None:
    """Let things happen to a world. Raises Broken."""
    random = world.random
    moves = [*ALWAYS, *(move for move in NOT_YET if move.name in switched_on)]
    shares = [move.share for move in moves]
    for device in world.devices:
        if random.random() < CUT_OFF:
            device.link.set(up=False)
            device.link.cut_off = True
            world.log(f"{device.name} has no line")
    for _ in range(random.randint(*MOVES)):
        (move,) = random.choices(moves, shares)
        world.counts[move.name] += 1
        await move.happen(world)
        (pause_s,) = random.choices(PAUSES_S, PAUSE_SHARES)
        await asyncio.sleep(random.uniform(0, 2 * pause_s))
        world.look()
        await _stand_up(world)


async def _stand_up(world: World) -> None:
    """Programs that died are mostly started again soon: by a service manager, or by a person."""
    if not world.province.up and world.random.random() < 0.6:
        await world.start_province()
    for device in world.devices:
        if not device.up and world.random.random() < 0.5:
            await world.start_device(device)
            if world.random.random() < 0.7:
                world.clerks[device.name].ask_again()


def _someone(world: World) -> Device:
    return world.random.choice(world.devices)


def _how(random: Random) -> Cut:
    return "kill" if random.random() < 0.35 else random.choice(CUTS)


def _strike_later(world: World, mortal: Device | Province, how: Cut) -> None:
    """Strike in the middle of a write to come, or just when it is durable and nobody knows."""
    if mortal.life is None:
        return
    disk, random = mortal.life.disk, world.random
    if random.random() < 0.5:
        after = random.randint(1, STRIKE_SYNCS_MAX)
        disk.strike_at_sync(after, how)
        world.log(f"{mortal.life.name} will die at sync {after}: {how}")
    else:
        after = random.randint(1, STRIKE_CALLS_MAX)
        disk.strike(after, how)
        world.log(f"{mortal.life.name} will die at call {after}: {how}")


# --- what always may happen ------------------------------------------------------------------


async def record(world: World) -> None:
    """A clerk has work."""
    device = _someone(world)
    count = world.random.choice((1, 1, 2, 3, 5, 8, 25))
    if device.up and not world.clerks[device.name].waits:
        world.log(f"{device.name} records {count}")
        world.clerks[device.name].record(count)


async def strike_agent(world: World) -> None:
    """An agent is killed, or an office's power goes, now."""
    device, how = _someone(world), _how(world.random)
    if device.up:
        world.log(f"{device.name} dies: {how}")
        device.die(how)


async def strike_agent_writing(world: World) -> None:
    """The same in the middle of one of the next writes, with work coming in."""
    device, how = _someone(world), _how(world.random)
    if device.up and device.life is not None:
        _strike_later(world, device, how)
        if not world.clerks[device.name].waits:
            world.clerks[device.name].record(world.random.randint(1, 5))


async def stop_agent(world: World) -> None:
    """An agent is stopped in good order and started again."""
    device = _someone(world)
    if device.up:
        world.log(f"{device.name} stops")
        try:
            await device.stop()
        except Dead:
            return
        await world.start_device(device)


async def strike_province(world: World) -> None:
    """The server is killed, or its power goes, now or in the middle of one of the next writes."""
    province, how = world.province, _how(world.random)
    if province.up and province.life is not None:
        if world.random.random() < 0.3:
            world.log(f"the province dies: {how}")
            province.die(how)
        else:
            _strike_later(world, province, how)


async def line(world: World) -> None:
    """A line falls, silently or not, or rises."""
    link = _someone(world).link
    if link.cut_off:
        return
    if link.up:
        link.set(up=False, silent=world.random.random() < 0.4)
    else:
        link.set(up=True)
    world.log(f"{link.name} line {'up' if link.up else 'silent' if link.silent else 'down'}")


async def weather(world: World) -> None:
    """A line gets better or worse."""
    link, random = _someone(world).link, world.random
    factor = random.choice((0, 0.5, 1, 1, 3))
    link.weather = Weather(*(share * factor for share in vars(Weather()).values()))
    link.latency_s = random.choice((0.01, 0.1, 0.6, 5))
    world.log(f"{link.name} weather {factor}, {link.latency_s} s")


async def clock(world: World) -> None:
    """A box's wall clock jumps, or is set right."""
    device = _someone(world)
    device.clock.skew_ms = 0 if device.clock.skew_ms else world.random.choice(JUMPS_MS)
    world.log(f"{device.name} clock {device.clock.skew_ms}")


async def province_clock(world: World) -> None:
    """The province's clock jumps: sessions end early, or late."""
    province = world.province
    province.skew_ms = 0 if province.skew_ms else world.random.choice(JUMPS_MS[1:-1])
    world.log(f"the province's clock {province.skew_ms}")


async def publish(world: World) -> None:
    """The province has something to say to every office."""
    world.counts["said"] += 1
    try:
        await world.province.publish(f"Thông báo {world.counts['said']}")
    except Dead:
        return
    world.log("the province publishes")


async def sync_now(world: World) -> None:
    """Somebody presses 'sync now'."""
    device = _someone(world)
    if device.up and device.agent is not None:
        device.agent.syncer.sync_now()


async def export(world: World) -> None:
    """What waits is put onto a stick."""
    device = _someone(world)
    await world.sticks.export(device, world.sticks.pick())


async def rot(world: World) -> None:
    """A stick loses a message."""
    world.sticks.rot()


async def stick_to_province(world: World) -> None:
    """A stick comes to the province, for the first time or again."""
    await world.sticks.take_to_province(world.sticks.pick())


async def stick_to_office(world: World) -> None:
    """A stick comes to an office, which may or may not be the one it came from."""
    device = _someone(world)
    if device.up:
        await world.sticks.take_to_office(device, world.sticks.pick())


async def stick_trip(world: World) -> None:
    """A stick goes from an office to the province and back on one day."""
    device, stick = _someone(world), world.sticks.pick()
    await world.sticks.export(device, stick)
    await world.sticks.take_to_province(stick)
    if device.up:
        await world.sticks.take_to_office(device, stick)


async def back_up(world: World) -> None:
    """A copy of a journal is made."""
    device = _someone(world)
    if device.up and device.name not in world.copies and not world.clerks[device.name].waits:
        copy = world.folder / f"{device.name}.copy"
        try:
            await device.back_up(copy)
        except (Dead, Refusal):
            copy.unlink(missing_ok=True)
            return
        world.copies[device.name] = copy
        world.oracle.copied(device)
        world.log(f"{device.name} is copied at {device.head().seq}")


async def restore(world: World) -> None:
    """A journal is replaced by its copy, once; the clerk waits until the province was heard.

    Messages that nobody has taken in yet are lost with the disk: see `fork`.
    """
    able = [
        each
        for each in world.devices
        if each.name in world.copies.keys() - world.restored and not world.is_branched(each)
    ]
    if not able or not world.province.up:
        return
    telling = [each for each in able if world.oracle.must_be_told(each)]
    device = world.random.choice(telling or able)
    copy = world.copies[device.name]
    device.die("kill")
    await device.bury()
    device.link.forget()
    world.sticks.lose()
    await asyncio.sleep(5)
    device.restore(copy)
    world.restored.add(device.name)
    world.clerks[device.name].stop_until_heard()
    await device.start()
    if world.province.now_dead():
        await world.start_province()
    world.oracle.went_back(device)
    world.log(f"{device.name} is restored")


ALWAYS = (
    Move("record", 30, record),
    Move("strike agent", 6, strike_agent),
    Move("strike agent writing", 8, strike_agent_writing),
    Move("stop agent", 3, stop_agent),
    Move("strike province", 8, strike_province),
    Move("line", 8, line),
    Move("weather", 5, weather),
    Move("clock", 4, clock),
    Move("province clock", 2, province_clock),
    Move("publish", 6, publish),
    Move("sync now", 5, sync_now),
    Move("export", 10, export),
    Move("rot", 4, rot),
    Move("stick to province", 9, stick_to_province),
    Move("stick to office", 7, stick_to_office),
    Move("stick trip", 6, stick_trip),
    Move("back up", 8, back_up),
    Move("restore", 4, restore),
    Move("clone same box", 1, branches.clone_same_box),
    Move("clone other box", 1, branches.clone_other_box),
    Move("fork", 4, branches.fork),
)

NOT_YET = (
    Move("copy province", 9, branches.copy_province),
    Move("restore province", 7, branches.restore_province),
)

BY_NAME: Mapping[str, Move] = {move.name: move for move in (*ALWAYS, *NOT_YET)}
