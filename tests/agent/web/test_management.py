"""What only the socket may ask: users, deliveries, backups."""

import asyncio

from tests.agent.web.office import RECEIVE, Office
from tests.agent.web.test_signing_in import wrong
from tests.agent.world import as_json


async def test_users_are_looked_after_through_the_socket(office: Office) -> None:
    new = {"name": "hoa.tt", "role": "clerk", "display": "Trần Thị Hoa", "pin": "112233"}
    async with office.through_socket() as socket:
        added = await socket.post("/api/users", json={"users": [new]})
        assert added.json() == {"ok": True}
        again = await socket.post("/api/users", json={"users": [new]})
        assert again.json()["code"] == "user-exists"
        async with office.signed_in(("hoa.tt", "112233")) as client:
            assert (await client.get("/api/status")).status_code == 200
            await socket.post("/api/users/hoa.tt/pin", json={"pin": "445566"})
            assert (await client.get("/api/status")).status_code == 401
        async with office.signed_in(("hoa.tt", "445566")) as client:
            await socket.post("/api/users/hoa.tt/disable", json={})
            assert (await client.get("/api/status")).status_code == 401
            assert (await wrong(client, "hoa.tt")).status_code == 401
        listed = (await socket.get("/api/users")).json()["items"]
    assert [user["name"] for user in listed] == ["duc.lv", "hoa.tt", "lan.nt", "minh.tv"]
    assert listed[1]["active"] is False
    assert "pin" not in listed[0]


async def test_sync_waits_for_the_receipt_or_for_the_time(office: Office) -> None:
    await office.parts.service.submit_line(as_json(RECEIVE), "lan.nt")
    async with office.through_socket() as client:
        left = (await client.post("/api/sync", json={"wait_s": 0})).json()
        assert left == {"head": 1, "delivered": 0, "backlog": 1, "blobs_waiting": 0}
        waiting = asyncio.create_task(client.post("/api/sync", json={"wait_s": 10}))
        head = office.journal.head
        await office.journal.write(lambda t: t.set_delivered(head, 1))
        assert (await waiting).json()["backlog"] == 0
        wrong_wait = await client.post("/api/sync", json={"wait_s": -1})
        unknown = await client.post("/api/sync", json={"wait": 1})
    assert len(office.synced) == 2
    assert wrong_wait.status_code == 422
    assert unknown.status_code == 422


async def test_a_relative_backup_is_refused(office: Office) -> None:
    async with office.through_socket() as client:
        answer = await client.post("/api/backup", json={"file": "copy.db"})
    assert answer.json()["errors"][0]["path"] == "file"
