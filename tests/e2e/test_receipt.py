"""An outsider checks the province's receipt of one record, with files and the root key alone."""

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.agent.web.office import RECEIVE
from tests.e2e.world import BIN, World, environment
from wire.keys import key_id
from wire.statements import Province, read_unverified


def checks(*words: str) -> tuple[int, dict[str, Any]]:
    """Run the outsider's command."""
    done = subprocess.run(
        [str(BIN / "commune-provision"), "check-receipt", *words, "--json"],
        capture_output=True,
        env=environment(),
        timeout=60,
        check=False,
    )
    return done.returncode, json.loads(done.stdout or b"{}")


def test_a_record_is_proved_to_somebody_who_knows_the_root_key(tmp_path: Path) -> None:
    with World(tmp_path / "w") as office:
        file, province = tmp_path / "receipt.json", tmp_path / "province.cose"
        office.start_both()
        office.submit([RECEIVE])
        office.sync()  # this message brings a receipt; that of the next is a short one, without
        first, second = office.submit([RECEIVE, RECEIVE | {"urgent": True}])
        office.sync()
        told = office.run("receipt", "--event", first["id"], "--out", str(file))
        assert told.returncode == 0, told.stderr
        missing = office.run("receipt", "--event", "99", "--json")
        assert (missing.returncode, b"receipt-missing" in missing.stdout) == (1, True)
        (found,) = office.folder.glob("server/keys/province.cose")
        province.write_bytes(found.read_bytes())
        root = key_id(read_unverified(province.read_bytes(), Province).root_key).hex()

    code, shown = checks(str(file), "--province", str(province), "--root", root)
    assert (code, shown["ok"], shown["event"]["id"]) == (0, True, first["id"])
    assert (shown["event"]["seq"], shown["event"]["kind"]) == (first["seq"], "dossier.received")
    assert shown["seq"] >= second["seq"]

    other = tmp_path / "event.json"
    other.write_text("{}")
    words = ("--province", str(province), "--root", root)
    assert checks(str(file), *words, "--event", str(other))[0] == 1
    assert checks(str(file), "--province", str(province), "--root", "00" * 32)[0] == 1
    assert checks(str(file), "--province", str(province), "--root", "x")[0] == 2
    held = json.loads(file.read_text())
    held["way"]["seq"] += 1
    file.write_text(json.dumps(held))
    assert checks(str(file), *words)[0] == 1
