"""Who may sign in."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from agent.users import User, Users
from tests.agent.office import Office
from wire.problems import Refusal


@dataclass(frozen=True)
class New:
    name: str = "lan.nt"
    role: str = "clerk"
    pin: str = "246810"
    display: str = ""


@pytest.fixture
def users(office: Office) -> Users:
    return Users(office.journal, os.urandom)


async def test_the_right_pin_opens_and_another_does_not(users: Users) -> None:
    await users.add([New(display="Nguyễn Thị Lan")])
    assert await users.check("lan.nt", "246810") == User("lan.nt", "clerk", "Nguyễn Thị Lan", True)
    assert await users.check("lan.nt", "246811") is None
    assert await users.check("nobody", "246810") is None


async def test_a_new_pin_takes_the_place_of_the_old(users: Users) -> None:
    await users.add([New()])
    await users.set_pin("lan.nt", "135791")
    assert await users.check("lan.nt", "246810") is None
    assert await users.check("lan.nt", "135791") is not None


async def test_a_disabled_user_stays_listed_and_cannot_sign_in(users: Users) -> None:
    await users.add([New(), New("an.lv", "supervisor")])
    await users.disable("lan.nt")
    assert await users.check("lan.nt", "246810") is None
    assert [(u.name, u.active) for u in await users.all()] == [("an.lv", True), ("lan.nt", False)]


async def test_a_pin_is_not_in_the_table(users: Users, office: Office) -> None:
    await users.add([New()])
    rows = await office.journal.read(lambda c: c.execute("SELECT * FROM user").fetchall())
    assert "246810" not in repr(rows)


@pytest.mark.parametrize(
    ("new", "paths"),
    [
        ([New("Lan!"), New("b2", "boss", "1")], ["users[0].name", "users[1].role", "users[1].pin"]),
        ([New(), New()], ["users[1].name"]),
    ],
)
async def test_everything_wrong_is_told_and_nobody_is_added(
    users: Users, new: Sequence[New], paths: list[str]
) -> None:
    with pytest.raises(Refusal) as refused:
        await users.add(new)
    assert [error.path for error in refused.value.errors] == paths
    assert await users.all() == []


async def test_a_name_that_is_there_already_adds_none_of_them(users: Users) -> None:
    await users.add([New()])
    with pytest.raises(Refusal, match="user-exists"):
        await users.add([New("an.lv"), New()])
    assert [user.name for user in await users.all()] == ["lan.nt"]


async def test_a_user_that_is_not_there_cannot_be_changed(users: Users) -> None:
    with pytest.raises(Refusal, match="user-unknown"):
        await users.disable("nobody")
    with pytest.raises(Refusal, match="user-unknown"):
        await users.set_pin("nobody", "246810")
    with pytest.raises(Refusal, match="field-invalid"):
        await users.set_pin("nobody", "1")
