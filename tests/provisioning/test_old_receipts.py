"""A receipt outlives the key that signed it: its checker is given the statement of then."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from console.speech import Speech
from provisioning.cli import build
from provisioning.province import NewProvince, found
from provisioning.rotation import Wanted, rotate
from server import keys
from wire import proof, statements
from wire.keys import key_id
from wire.proof import Proof
from wire.statements import Province, Receipt

NEW = NewProvince(code="H26", name="Hà Nội", url="https://motcua.example", listen="127.0.0.1:8700")
SAYS = Receipt(b"\1" * 32, b"\2" * 16, 7, b"\3" * 32, b"\4" * 16, 0, b"\5" * 32, 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A province with a receipt, whose signing key turned afterwards."""
    found(tmp_path / "p", NEW, now_ms=1, random_bytes=os.urandom)
    signer = keys.load(tmp_path / "p" / "keys").signing
    (tmp_path / "p" / "r.json").write_bytes(
        proof.write(Proof(receipt=statements.sign(SAYS, signer)))
    )
    root = tmp_path / "p" / "root" / "root.key"
    rotate(tmp_path / "p", root, Wanted(signing=True), now_ms=2, random_bytes=os.urandom)
    return tmp_path / "p"


def checks(
    folder: Path, capsys: pytest.CaptureFixture[str], *provinces: str
) -> tuple[Any, dict[str, Any]]:
    stated = (folder / "keys" / "province.cose").read_bytes()
    root = key_id(statements.read_unverified(stated, Province).root_key).hex()
    words = ["check-receipt", str(folder / "r.json"), "--root", root, "--json"]
    for each in provinces:
        words += ["--province", str(folder / "keys" / each)]
    with pytest.raises(SystemExit) as ended:
        build(Speech("provisioning", "en")).main(words)
    return ended.value.code, json.loads(capsys.readouterr().out)


def test_the_statement_of_then_proves_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, shown = checks(folder, capsys, "province.cose", "province-1.cose")
    assert (code, shown["ok"], shown["seq"]) == (0, True, 7)


def test_the_newest_statement_alone_says_what_is_needed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, shown = checks(folder, capsys, "province.cose")
    former = statements.read_unverified(
        (folder / "keys" / "province-1.cose").read_bytes(), Province
    )
    kid = key_id(former.signing_key)[:8].hex()
    assert (code, shown["problem"]["code"]) == (1, "signature-wrong")
    assert f"/v1/province?signer={kid}" in shown["problem"]["detail"]


def test_what_is_no_statement_or_no_receipt_is_said_so(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "keys" / "x").write_bytes(b"x")
    code, shown = checks(folder, capsys, "x")
    assert (code, shown["problem"]["code"]) == (1, "signature-wrong")
    (folder / "r.json").write_bytes(proof.write(Proof(receipt=b"x")))
    code, shown = checks(folder, capsys, "province.cose")
    assert (code, shown["problem"]["code"]) == (1, "proof-wrong")
