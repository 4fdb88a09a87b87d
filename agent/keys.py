"""The files enrolment leaves in `keys_dir`, and the identity they give.

    journal.key   32 raw bytes: opens the journal's file
    device.key    32 raw bytes: seed of the Ed25519 key that signs
    sealing.key   32 raw bytes: X-Wing seed of the key that opens answers
    journal.id    16 raw bytes: the office journal's random id
    device.cose   the device record, signed by the province
    province.cose the province's keys, signed by its offline root
    answer.cose   the whole answer to the enrolment

Keys are readable by their owner alone (0600), or come as systemd credentials, which only the
service can read. `journal.key` alone is made here when there is no data yet.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from agent.journal import Identity
from wire import statements
from wire.keys import SealingKey, SigningKey, VerifyKey
from wire.problems import Malformed, Refusal
from wire.statements import DeviceRecord, Province

T = TypeVar("T")

JOURNAL_KEY: Final = "journal.key"
DEVICE_KEY: Final = "device.key"
SEALING_KEY: Final = "sealing.key"
JOURNAL_ID: Final = "journal.id"
DEVICE_RECORD: Final = "device.cose"
PROVINCE: Final = "province.cose"
ANSWER: Final = "answer.cose"
ENROLLED: Final = (DEVICE_KEY, SEALING_KEY, JOURNAL_ID, DEVICE_RECORD, PROVINCE)
KEY_BYTES: Final = 32
JOURNAL_ID_BYTES: Final = 16
OTHERS: Final = 0o077


class Enrolment(NamedTuple):
    """All that makes this box a device of its province. Shows no secret when printed."""

    identity: Identity
    device_key: SigningKey
    sealing_key: SealingKey
    record: DeviceRecord
    record_cose: bytes
    province: Province

    def __repr__(self) -> str:
        return f"Enrolment({self.identity.device_id.hex()[:16]})"


def read_journal_key(keys_dir: Path, *, fresh: bool) -> bytes:
    """Read the key of the journal's file; `fresh` (no data yet) allows making it.

    Raises Refusal `key-missing`, `key-exposed`, `key-wrong` (not 32 bytes).
    """
    file = keys_dir / JOURNAL_KEY
    if fresh and not file.exists():
        keys_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_new(file, os.urandom(KEY_BYTES))
    return read_secret(file, KEY_BYTES)


def read_enrolment(keys_dir: Path) -> Enrolment | None:
    """Read what enrolment left; None while it has not been here (or is not finished).

    Raises Refusal: `key-missing` (part of it is gone), `key-exposed`, `key-wrong`,
    `file-unreadable`, or `enrolment-damaged` when a file is no statement, or the device record is
    not of this province or not for these keys.
    """
    if not (keys_dir / DEVICE_RECORD).exists():
        return None
    for name in ENROLLED:
        if not (keys_dir / name).exists():
            raise Refusal("key-missing", str(keys_dir / name))
    device_key = SigningKey.from_seed(read_secret(keys_dir / DEVICE_KEY, KEY_BYTES))
    sealing_key = SealingKey.from_seed(read_secret(keys_dir / SEALING_KEY, KEY_BYTES))
    journal = _read(keys_dir / JOURNAL_ID, JOURNAL_ID_BYTES)
    province = _statement(
        keys_dir / PROVINCE, lambda cose: statements.read_unverified(cose, Province)
    )
    signer = VerifyKey(province.signing_key)
    record = _statement(
        keys_dir / DEVICE_RECORD, lambda cose: statements.verify(cose, DeviceRecord, signer)
    )
    record_cose = (keys_dir / DEVICE_RECORD).read_bytes()
    if record.device_id != device_key.key_id or record.sealing_key != sealing_key.public:
        raise Refusal("enrolment-damaged", str(keys_dir / DEVICE_RECORD))
    identity = Identity(
        device_id=record.device_id,
        journal=journal,
        office_id=record.office_id,
        desk=record.desk,
        desk_writer=VerifyKey(record.desk_writer_key).key_id,
    )
    return Enrolment(identity, device_key, sealing_key, record, record_cose, province)


def read_secret(file: Path, size_bytes: int) -> bytes:
    """Read a secret of exactly `size_bytes`. Raises Refusal `key-missing|-exposed|-wrong`."""
    try:
        mode = file.stat().st_mode
    except FileNotFoundError:
        raise Refusal("key-missing", str(file)) from None
    if mode & OTHERS:
        raise Refusal("key-exposed", str(file))
    return _read(file, size_bytes)


def _statement(file: Path, reader: Callable[[bytes], T]) -> T:
    """Read a statement; whatever is wrong with it is told with the file's name."""
    try:
        return reader(file.read_bytes())
    except OSError as error:
        raise Refusal("file-unreadable", f"{file}: {error.strerror}") from error
    except (Malformed, Refusal) as error:
        raise Refusal("enrolment-damaged", str(file)) from error


def _read(file: Path, size_bytes: int) -> bytes:
    data = file.read_bytes()
    if len(data) != size_bytes:
        raise Refusal("key-wrong", str(file))
    return data


def write_new(file: Path, secret: bytes) -> None:
    """Write a secret durably to a file that was not there, mode 0600.

    It gets its name when it is whole: a power cut leaves no key that is half one.
    Raises FileExistsError.
    """
    if file.exists():
        raise FileExistsError(file)
    fresh = file.with_name(f".{file.name}.fresh")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, secret)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    fresh.rename(file)
    sync_directory(file.parent)


def sync_directory(directory: Path) -> None:
    """Make new names in `directory` durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
