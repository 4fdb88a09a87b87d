"""Happenings after which a device's journal has two branches, or the province an older memory.

A copied disk runs beside the original, on the same box or another; a restored office writes on
before it has heard the province; the province is put back to an older copy of its database.
"""

from __future__ import annotations

import asyncio

from tests.simulation.device import Device
from tests.simulation.link import Link
from tests.simulation.world import World

ANNOUNCED = 0.5
"""How often an operator says that the province was put back."""


async def clone_same_box(world: World) -> None:
    """A perfect copy: disk and box, as of a virtual machine."""
    await _clone(world, other_machine=False)


async def clone_other_box(world: World) -> None:
    """A copied disk in another box."""
    await _clone(world, other_machine=True)


async def _clone(world: World, *, other_machine: bool) -> None:
    able = [device for device in world.devices if device.up and not world.is_branched(device)]
    if not able:
        return
    device = world.random.choice(able)
    name = f"{device.name} twin"
    link = Link(name, world.province, world.dice(f"{name} line"), world.loop)
    twin = Device(name, device.enrolled, link, world.folder / name, world.dice(name))
    if device.life is None:
        return
    twin.image = device.life.disk.image("kill")
    if other_machine:
        twin.machine = "another machine"
    world.log(f"{device.name} is cloned at {device.head().seq}, other box: {other_machine}")
    world.oracle.cloned(device, twin)
    world.join(twin)
    await world.start_device(twin)


async def fork(world: World) -> None:
    """An office is restored and writes on at once, its line down."""
    able = [
        device
        for device in world.devices
        if device.name in world.copies.keys() - world.restored and not world.is_branched(device)
    ]
    if not able or not world.province.up:
        return
    device = world.random.choice(able)
    device.die("kill")
    await device.bury()
    device.restore(world.copies[device.name])
    world.restored.add(device.name)
    clerk = world.clerks[device.name]
    clerk.unanswered.clear()
    device.link.set(up=False)
    await device.start()
    if world.province.now_dead():
        await world.start_province()
    world.oracle.branched(device)
    world.counts["forked"] += 1
    world.log(f"{device.name} is restored and writes on")
    clerk.record(world.random.randint(1, 4))
    await asyncio.sleep(30)
    device.link.set(up=not device.link.cut_off)


async def copy_province(world: World) -> None:
    """The province's database is copied, once."""
    life = world.province.life
    if life is not None and not life.dead and world.province_copy is None:
        world.province_copy = life.disk.image("kill")
        world.log("the province is copied")


async def restore_province(world: World) -> None:
    """The province's database is replaced by its copy, once.

    An operator says so to the server before it listens, or nobody does.
    """
    if world.province_copy is None or world.oracle.province_restored:
        return
    for device in world.devices:
        if not device.up:
            await world.start_device(device)
    if not all(device.up for device in world.devices):
        return
    announced = world.random.random() < ANNOUNCED
    if any(world.is_branched(device) for device in world.devices):
        world.sticks.lose()
    world.province.die("kill")
    await world.province.bury()
    world.province.image = world.province_copy
    world.province.shut = announced
    await world.start_province(restored=True)
    world.oracle.announced = announced
    world.oracle.province_went_back()
    if announced:
        await world.province.restored()
    world.province.shut = False
    world.counts["province restored"] += 1
    world.log(f"the province is restored, and it is said: {announced}")
