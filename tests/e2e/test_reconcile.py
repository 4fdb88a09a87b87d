"""The office asks by command whether the province lacks anything, and sends it again."""

import json
from pathlib import Path

from tests.agent.web.office import CHECK_IN, RECEIVE
from tests.chaos.link import Link
from tests.e2e.world import World
from tests.ports import free_port


def test_what_is_missing_is_named_and_repaired(tmp_path: Path) -> None:
    port = free_port()
    with (
        Link(port) as link,
        World(tmp_path, server_port=port, province_url=f"http://127.0.0.1:{link.port}") as office,
    ):
        office.start_both()
        office.submit([RECEIVE])
        office.sync()
        complete = office.run("reconcile")
        assert (complete.returncode, b"Nothing is missing" in complete.stdout) == (0, True)

        link.cut()
        (second,) = office.submit([RECEIVE | {"urgent": True}])
        office.submit([CHECK_IN])
        lacking = office.run("reconcile")
        assert (lacking.returncode, b"The province lacks 2 records" in lacking.stdout) == (1, True)
        assert second["id"].encode() in lacking.stdout
        asked = office.run("reconcile", "--kind", "dossier.received", "--json")
        found = json.loads(asked.stdout)
        assert [one["id"] for one in found["events"]] == [second["id"]]

        link.restore()
        repaired = office.run("reconcile", "--repair", "--json")
        found = json.loads(repaired.stdout)
        assert (repaired.returncode, found["missing"], found["ok"]) == (0, 0, True)
        day, kind = found["head"], "dossier.received"
        assert office.reconciliation()["heads"][0]["province"] == day
        asked = json.loads(office.run("reconcile", "--kind", kind, "--json").stdout)
        ours = {row["digest"] for row in asked["days"]}
        province = office.reconciliation()["days"]
        assert ours == {row["province"]["digest"] for row in province if row["kind"] == kind}
