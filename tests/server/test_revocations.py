"""The file of who was revoked, beside a database that may be put back."""

from pathlib import Path

from server import revocations
from wire import statements
from wire.keys import SigningKey
from wire.statements import Revoked

KEY = SigningKey(bytes(32))


def revoked(device_id: bytes) -> bytes:
    return statements.sign(Revoked(device_id=device_id, serial=2, time_ms=1), KEY)


def test_a_line_that_was_torn_off_hides_no_other(tmp_path: Path) -> None:
    first, torn, last = (bytes([number]) * 32 for number in (1, 2, 3))
    revocations.append(tmp_path, first, revoked(first))
    file = tmp_path / revocations.NAME
    whole = file.read_text("ascii")
    line = f"{torn.hex()} {revoked(torn).hex()}"
    for cut in (1, 9, 64, 65, 66, 90, len(line) - 1):
        file.write_text(whole + line[:cut], "ascii")
        revocations.append(tmp_path, last, revoked(last))
        assert revocations.every(tmp_path) == {first: revoked(first), last: revoked(last)}


def test_a_statement_about_another_device_revokes_nobody(tmp_path: Path) -> None:
    revocations.append(tmp_path, bytes([4]) * 32, revoked(bytes([5]) * 32))
    assert revocations.every(tmp_path) == {}
