"""Keys, lock, notices to systemd, memory: what a daemon needs before it can start."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from agent import keys
from agent.locks import DataLock
from agent.memory import give_back
from agent.notify import Notifier
from wire.keys import SealingKey, SigningKey
from wire.problems import Refusal
from wire.statements import DeviceRecord, Province, sign

SIGNER = SigningKey.from_seed(b"s" * 32)
DEVICE = SigningKey.from_seed(b"d" * 32)
SEALING = SealingKey.from_seed(b"x" * 32)


def enrolled(keys_dir: Path, **changes: object) -> None:
    """What enrolment leaves."""
    for name, data in (
        (keys.DEVICE_KEY, b"d" * 32), (keys.SEALING_KEY, b"x" * 32), (keys.JOURNAL_ID, b"j" * 16),
    ):  # fmt: skip
        keys.write_new(keys_dir / name, data)
    record: dict[str, object] = {
        "device_id": DEVICE.key_id, "device_key": DEVICE.public, "sealing_key": SEALING.public,
        "office_id": b"o" * 16, "role": "office", "predecessors": (),
        "desk_writer_key": SIGNER.public, "desk": b"k" * 16, "serial": 1, "time_ms": 1,
    } | changes  # fmt: skip
    province = Province(1, "Hà Nội", ("http://x",), SIGNER.public, SEALING.public, 1, SIGNER.public)
    (keys_dir / keys.PROVINCE).write_bytes(sign(province, SIGNER))
    (keys_dir / keys.DEVICE_RECORD).write_bytes(sign(DeviceRecord(**record), SIGNER))  # type: ignore[arg-type]


def test_before_enrolment_there_is_no_identity(tmp_path: Path) -> None:
    assert keys.read_enrolment(tmp_path) is None


def test_what_enrolment_left_is_an_identity(tmp_path: Path) -> None:
    enrolled(tmp_path)
    enrolment = keys.read_enrolment(tmp_path)
    assert enrolment is not None
    assert enrolment.identity.device_id == DEVICE.key_id
    assert enrolment.identity.desk_writer == SIGNER.key_id
    assert "seed" not in repr(enrolment)


@pytest.mark.parametrize("name", [keys.DEVICE_KEY, keys.JOURNAL_ID, keys.PROVINCE])
def test_a_part_that_is_gone_is_named(tmp_path: Path, name: str) -> None:
    enrolled(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(Refusal, match="key-missing") as refused:
        keys.read_enrolment(tmp_path)
    assert name in refused.value.detail.vi


def test_a_device_record_for_other_keys_is_refused(tmp_path: Path) -> None:
    enrolled(tmp_path, sealing_key=SealingKey.from_seed(b"y" * 32).public)
    with pytest.raises(Refusal, match="enrolment-damaged"):
        keys.read_enrolment(tmp_path)


@pytest.mark.parametrize("name", [keys.PROVINCE, keys.DEVICE_RECORD])
def test_a_file_that_is_no_statement_is_named_with_what_to_do(tmp_path: Path, name: str) -> None:
    enrolled(tmp_path)
    (tmp_path / name).write_bytes(b"junk")
    with pytest.raises(Refusal, match="enrolment-damaged") as refused:
        keys.read_enrolment(tmp_path)
    assert refused.value.type.exit == 4
    assert refused.value.detail.vi.endswith(name)
    (tmp_path / name).unlink()
    (tmp_path / name).mkdir()
    with pytest.raises(Refusal, match="file-unreadable"):
        keys.read_enrolment(tmp_path)


def test_a_device_record_of_another_province_is_refused(tmp_path: Path) -> None:
    enrolled(tmp_path)
    other = SigningKey.from_seed(b"o" * 32)
    keys_of = Province(1, "Huế", ("http://y",), other.public, SEALING.public, 1, other.public)
    (tmp_path / keys.PROVINCE).write_bytes(sign(keys_of, other))
    with pytest.raises(Refusal, match="enrolment-damaged"):
        keys.read_enrolment(tmp_path)


def test_the_journal_s_key_is_made_once_and_only_while_there_is_no_data(tmp_path: Path) -> None:
    keys_dir = tmp_path / "keys"
    with pytest.raises(Refusal, match="key-missing"):
        keys.read_journal_key(keys_dir, fresh=False)
    made = keys.read_journal_key(keys_dir, fresh=True)
    assert len(made) == 32
    assert keys.read_journal_key(keys_dir, fresh=True) == made
    assert (keys_dir / keys.JOURNAL_KEY).stat().st_mode & 0o777 == 0o600
    assert keys_dir.stat().st_mode & 0o777 == 0o700


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    keys.write_new(tmp_path / keys.JOURNAL_KEY, bytes(32))
    (tmp_path / keys.JOURNAL_KEY).chmod(0o640)
    with pytest.raises(Refusal, match="key-exposed"):
        keys.read_journal_key(tmp_path, fresh=False)


def test_a_key_of_another_length_is_refused(tmp_path: Path) -> None:
    keys.write_new(tmp_path / keys.JOURNAL_KEY, bytes(31))
    with pytest.raises(Refusal, match="key-wrong"):
        keys.read_journal_key(tmp_path, fresh=False)


def test_a_secret_is_never_written_over(tmp_path: Path) -> None:
    keys.write_new(tmp_path / "x", b"1")
    with pytest.raises(FileExistsError):
        keys.write_new(tmp_path / "x", b"2")


def test_a_second_daemon_is_refused_and_told_who_runs(tmp_path: Path) -> None:
    with DataLock(tmp_path / "data"):
        with pytest.raises(Refusal, match="daemon-running") as refused, DataLock(tmp_path / "data"):
            pass
        assert str(os.getpid()) in refused.value.detail.en
    with DataLock(tmp_path / "data"):
        pass


def test_a_killed_daemon_leaves_no_lock(tmp_path: Path) -> None:
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom agent.locks import DataLock\n"
        "with DataLock(Path(sys.argv[1])):\n    print('held', flush=True)\n    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(Refusal, match="daemon-running"), DataLock(tmp_path):
            pass
        process.kill()
    with DataLock(tmp_path):
        pass


def test_systemd_hears_each_status_once(tmp_path: Path) -> None:
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(path))
        notifier = Notifier({"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "30000000"})
        notifier.ready()
        notifier.status("tốt")
        notifier.status("tốt")
        notifier.alive()
        notifier.stopping()
        heard = [systemd.recv(100).decode() for _ in range(4)]
    assert heard == ["READY=1", "STATUS=tốt", "WATCHDOG=1", "STOPPING=1"]
    assert notifier.watchdog_s == 30


def test_an_abstract_socket_is_understood() -> None:
    name = f"\0commune-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(name)
        Notifier({"NOTIFY_SOCKET": "@" + name[1:]}).ready()
        assert systemd.recv(100) == b"READY=1"


def test_without_systemd_nothing_is_said() -> None:
    notifier = Notifier({})
    notifier.ready()
    assert notifier.watchdog_s == 0


def test_the_allocator_can_be_told_to_give_back() -> None:
    assert give_back() in {True, False}
