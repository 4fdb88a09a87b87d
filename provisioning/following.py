"""The province of a ticket, from the keys that signed the ticket to those in force now.

A ticket stays good when its province turns its keys: it names the root that was then, and was
signed with the key that was then. The statement with both is asked for, and what follows it is
followed as a device does (`wire.succession`), so that the request is sealed to the newest key: a
former one may be destroyed by now (docs/protocol.md sections 10 and 11).
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from wire import enrolment, statements
from wire.enrolment import Checked
from wire.keys import STATEMENT_KID_BYTES, key_id
from wire.problems import Malformed, Refusal
from wire.statements import Province, Ticket
from wire.succession import Followed, succeed


class Stated(Protocol):
    """Where statements of the province are asked for."""

    def province(self, wanted: str = "") -> bytes:
        """Return the newest statement, or what the query `wanted` names. Raises Refusal."""
        ...


class Found(NamedTuple):
    """A ticket that is good, with the province as it is now, and that one's `province.cose`."""

    checked: Checked
    cose: bytes


def find(ticket: bytes, beside: bytes | None, line: Stated, now_ms: int) -> Found:
    """Return the province that `ticket` leads to.

    `beside` is the statement that came along with the ticket, of whatever age.

    Raises:
        Refusal: ticket-forged, ticket-expired, and what asking the province raises.
        Malformed: the ticket or a statement is none.
    """
    if beside is not None:
        root_hash = statements.read_unverified(ticket, Ticket).root_hash
        enrolment.check_province(beside, root_hash)  # what another root signed is no mere old age
    first = line.province() if beside is None else beside
    cose = first if _names(first, ticket) else line.province(_query(ticket))
    checked = enrolment.check_ticket(ticket, cose, now_ms)
    if beside is None and cose is first:
        return Found(checked, cose)  # the newest there is
    province, cose = _newest(Followed(checked.province, cose), line)
    return Found(checked._replace(province=province), cose)


def _names(cose: bytes, ticket: bytes) -> bool:
    """Whether a statement names both the root and the signing key that a ticket names."""
    province = statements.read_unverified(cose, Province)
    root_hash = statements.read_unverified(ticket, Ticket).root_hash
    signer = key_id(province.signing_key)[:STATEMENT_KID_BYTES]
    return key_id(province.root_key) == root_hash and signer == statements.read_kid(ticket)


def _query(ticket: bytes) -> str:
    root_hash = statements.read_unverified(ticket, Ticket).root_hash
    return f"signer={statements.read_kid(ticket).hex()}&root={root_hash.hex()}"


def _newest(held: Followed, line: Stated) -> Followed:
    """Follow the province step by step; what does not follow changes nothing.

    Each step has a higher n and a signature of the root before it, so there is an end.
    """
    while True:
        try:
            followed = succeed(held.province, line.province(f"n={held.province.n}"))
        except Malformed:
            return held
        except Refusal as refusal:
            if refusal.code not in ("signature-wrong", "province-older"):
                raise
            return held
        if followed is None:
            return held
        held = followed
