"""A ticket makes this machine a device of its province (docs/protocol.md section 10).

What is asked is kept before it is sent: keys and request lie in `keys_dir` first, so that a run
that was cut off anywhere is carried on with the same keys and ends with the same device. The
device record, `device.cose`, is written last: the daemon begins when it is there.

The secret of the request is sealed to the province, so `request.cose` may stay: by it the same
ticket is known again.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

from msgspec import Struct

from agent import keys
from agent.config import Config
from agent.machine import box_of
from provisioning import durable, following
from provisioning.following import Found, Stated
from wire import enrolment, message, statements
from wire.enrolment import Accepted, Checked, DeviceKeys
from wire.keys import SEED_BYTES, SealingKey, SealingPublicKey, SigningKey, device10
from wire.limits import ID_BYTES
from wire.problems import Malformed, Refusal
from wire.statements import Ticket
from wire.texts import Text

REQUEST: Final = "request.cose"
PROVINCE_BESIDE: Final = "province.cose"
"""Name of the province's statement where it lies beside a ticket, on a stick."""


class Line(Stated, Protocol):
    """What is asked of the province."""

    def enrol(self, ticket_id: bytes, request: bytes) -> bytes:
        """Return the answer to an enrolment request."""
        ...


class Enrolled(Struct, frozen=True, kw_only=True):
    """The machine is a device of `office`.

    `pending` until an operator has compared `device`; null when an earlier run was told.
    """

    ok: bool = True
    office: str
    name: str
    device: str
    pending: bool | None


class World(Struct, frozen=True):
    """The doors to time and chance."""

    now_ms: Callable[[], int]
    random_bytes: Callable[[int], bytes]


class _Own(Struct, frozen=True):
    """The device's own keys, and the id of its new journal."""

    keys: DeviceKeys
    journal: bytes


def enrol(
    ticket: str | bytes,
    config: Config,
    line: Line,
    world: World,
    *,
    name: str,
    province_cose: bytes | None = None,
) -> Enrolled:
    """Make this machine the device that `ticket` invites; again with the same ticket is once.

    `ticket` is the text of the QR code or the statement of its file, `name` what people call the
    device, `province_cose` the province's statement if it came along; else it is asked for. What
    follows it by now is asked for too.

    Raises Refusal: ticket-forged, ticket-expired, ticket-other-office, ticket-used, ...;
    already-enrolled; key-wrong, key-exposed; answer-forged; one with exit code 3 without a line.
    """
    invitation, read = _read(ticket)
    if read.office_code != config.office:
        detail = f"{read.office_code} {read.office_name} ≠ {config.office}"
        raise Refusal("ticket-other-office", detail)
    durable.private_folder(config.keys_dir)
    with _alone(config.keys_dir):
        done = _done(config.keys_dir, read)
        if done is not None:
            return done
        checked, province = _found(invitation, province_cose, line, world.now_ms())
        own = _own(config.keys_dir, world)
        request = _request(config, checked, own, name)
        answer = line.enrol(checked.ticket.ticket_id, request)
        accepted = _accepted(answer, request, checked, own)
        _keep(config.keys_dir, province, answer, accepted)
    return _enrolled(checked.ticket, own.keys.signing.key_id, pending=accepted.down.pending)


def _read(ticket: str | bytes) -> tuple[bytes, Ticket]:
    """Return the ticket's statement and what it says, nothing checked yet."""
    try:
        data = enrolment.read_ticket(ticket)
        return data, statements.read_unverified(data, Ticket)
    except Malformed as error:
        raise Refusal("ticket-forged", _unreadable(error)) from error


def _found(ticket: bytes, beside: bytes | None, line: Line, now_ms: int) -> Found:
    try:
        return following.find(ticket, beside, line, now_ms)
    except Malformed as error:
        raise Refusal("ticket-forged", _unreadable(error)) from error


def _unreadable(error: Malformed) -> Text:
    return Text(vi=f"Không đọc được ({error.reason})", en=f"Cannot be read ({error.reason})")


@contextmanager
def _alone(keys_dir: Path) -> Iterator[None]:
    """Keep a second enrolment out. Raises Refusal busy."""
    descriptor = os.open(keys_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Refusal("busy", str(keys_dir)) from error
        yield
    finally:
        os.close(descriptor)


def _done(keys_dir: Path, ticket: Ticket) -> Enrolled | None:
    """Return what an earlier run with this ticket finished. Raises Refusal already-enrolled."""
    present = keys.read_enrolment(keys_dir)
    if present is None:
        return None
    asked = keys_dir / REQUEST
    if not asked.exists() or _ticket_of(asked.read_bytes()) != ticket.ticket_id:
        raise Refusal("already-enrolled", device10(present.identity.device_id))
    return _enrolled(ticket, present.identity.device_id, pending=None)


def _ticket_of(request: bytes) -> bytes | None:
    return message.parse_full(request).ticket


def _own(keys_dir: Path, world: World) -> _Own:
    """Return the device's keys, made on the first run."""
    _made(keys_dir / keys.JOURNAL_KEY, keys.KEY_BYTES, world)
    return _Own(
        keys=DeviceKeys(
            signing=SigningKey(_made(keys_dir / keys.DEVICE_KEY, SEED_BYTES, world)),
            sealing=SealingKey(_made(keys_dir / keys.SEALING_KEY, SEED_BYTES, world)),
        ),
        journal=_made(keys_dir / keys.JOURNAL_ID, ID_BYTES, world),
    )


def _made(file: Path, size_bytes: int, world: World) -> bytes:
    if not file.exists():
        durable.write(file, world.random_bytes(size_bytes))
    return keys.read_secret(file, size_bytes)


def _request(config: Config, checked: Checked, own: _Own, name: str) -> bytes:
    """Return the request, kept: the same one again is what the province answers again.

    One that was sealed to keys which the province has replaced since is made anew: with the same
    device keys it is the same device.
    """
    file = config.keys_dir / REQUEST
    receiver = SealingPublicKey(checked.province.sealing_key).kid
    if file.exists():
        kept = message.parse_full(file.read_bytes())
        if (kept.ticket, kept.receiver_kid) == (checked.ticket.ticket_id, receiver):
            return file.read_bytes()
    box = box_of(own.keys.signing.key_id, config.data_dir)
    request = enrolment.build_request(checked, own.keys, box=box, journal=own.journal, name=name)
    durable.write(file, request)
    return request


def _accepted(answer: bytes, request: bytes, checked: Checked, own: _Own) -> Accepted:
    try:
        return enrolment.accept_answer(
            answer, request=request, checked=checked, keys=own.keys, journal=own.journal
        )
    except Malformed as error:
        raise Refusal("answer-forged", str(error)) from error
    except Refusal as refusal:
        raise Refusal("answer-forged", refusal.code) from refusal


def _keep(keys_dir: Path, province_cose: bytes, answer: bytes, accepted: Accepted) -> None:
    """Write what the province said; the device record last, for it is what the daemon awaits."""
    if accepted.down.device is None:
        raise Refusal("answer-forged", "no device record")
    durable.write(keys_dir / keys.PROVINCE, province_cose)
    durable.write(keys_dir / keys.ANSWER, answer)
    durable.write(keys_dir / keys.DEVICE_RECORD, accepted.down.device)


def _enrolled(ticket: Ticket, device_id: bytes, *, pending: bool | None) -> Enrolled:
    return Enrolled(
        office=ticket.office_code,
        name=ticket.office_name,
        device=device10(device_id),
        pending=pending,
    )
