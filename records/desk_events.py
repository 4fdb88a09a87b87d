"""What stands in the body of each event the province writes into an office's desk journal.

Shapes are those of docs/interfaces.md "Desk events". `procedure.set`, `calendar.set` and
`numbers.leased` are at home beside the rules that use them.
"""

from collections.abc import Mapping
from datetime import date, datetime
from types import MappingProxyType
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from records.calendar import CalendarSet
from records.catalogue import Procedure
from records.leases import Lease
from records.office_events import DossierReceived
from records.values import Holder

State = Literal[
    "received",
    "supplement_requested",
    "forwarded",
    "resolved",
    "refused",
    "stopped",
    "withdrawn",
    "in_post",
    "returned",
]
"""Where a dossier can be."""

Short = Annotated[str, Meta(min_length=1, max_length=500)]
Share = Annotated[float, Meta(ge=0, le=1)]
Celsius = Annotated[float, Meta(ge=30, le=45)]
Time = Annotated[datetime, Meta(tz=True)]


class DirectIntake(Struct, frozen=True, kw_only=True):
    """Whether people may hand in at the counter, and for what they still may."""

    suspended: bool
    except_procedures: tuple[Short, ...] = ()
    except_fields: tuple[Short, ...] = ()


class RoomCap(Struct, frozen=True, kw_only=True):
    """How many may be in a room: min(floor(capacity x share), max_people), as far as given."""

    room: Short
    capacity: Annotated[int, Meta(ge=0)] | None = None
    share: Share | None = None
    max_people: Annotated[int, Meta(ge=0)] | None = None


class PolicySet(Struct, frozen=True, kw_only=True):
    """An order from above. A part that is `null` is not spoken of; a new issue replaces parts."""

    order: Short
    title: Short
    start: Time = field(name="from")
    until: Time | None = None
    direct_intake: DirectIntake | None = None
    seats: tuple[RoomCap, ...] | None = None
    temperature_max_c: Celsius | None = None
    health_declaration: bool | None = None
    visit_retention_days: Annotated[int, Meta(ge=0, le=3_650)] | None = None
    staff_share_max: Share | None = None
    hotline: Short | None = None


class PolicyRevoked(Struct, frozen=True, kw_only=True):
    """An order no longer holds."""

    order: Short


class NoticePublished(Struct, frozen=True, kw_only=True):
    """Something to tell people; `lobby` puts it on the screen in the hall."""

    title: Short
    text: Annotated[str, Meta(min_length=1, max_length=10_000)]
    until: date | None = None
    lobby: bool = False


class NumbersMapped(Struct, frozen=True, kw_only=True):
    """A dossier that had only its book number gets its code."""

    dossier: Short
    code: Short


class DossierAssigned(DossierReceived, frozen=True, kw_only=True, omit_defaults=True):
    """The province hands a dossier to this office, filed online or elsewhere.

    `received_at` is the portal's time of filing; without it the event's own time counts.
    """

    holder: Holder = "office"
    received_at: Time | None = None


class DossierProgressed(Struct, frozen=True, kw_only=True):
    """What happened to a dossier in the province; `holder` says who answers for it now.

    `heard` is the seq of the office's journal up to which the province had heard the office when
    it said this: what the office recorded behind it was not known yet. The server writes it.
    """

    dossier: Short
    state: State | None = None
    holder: Holder | None = None
    note: str | None = None
    by: str | None = None
    at: Time | None = None
    heard: Annotated[int, Meta(ge=0)] | None = None


class ConflictSettled(Struct, frozen=True, kw_only=True):
    """Somebody in the province said which of two values of a dossier holds.

    `conflict` is the id of the event whose value was kept beside (`records.conflicts`), `by` who
    says so; `heard` as in `DossierProgressed`. The server writes it.
    """

    dossier: Short
    conflict: Short
    keep: Holder
    reason: str
    by: str | None = None
    heard: Annotated[int, Meta(ge=0)] | None = None


class JournalReleased(Struct, frozen=True, kw_only=True):
    """A person lets the device go on behind a journal in one more, though it follows another."""

    journal: Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]


class EventRejected(Struct, frozen=True, kw_only=True):
    """The province could not accept an event of this office; it is kept and named."""

    journal: Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
    seq: Annotated[int, Meta(ge=1)]
    code: Short
    detail: str = ""


class OfficeRecoded(Struct, frozen=True, kw_only=True):
    """The office bears another code from `valid_from` on; what was printed stays good."""

    code: Short
    name: Short
    valid_from: date


class ChecklistSet(Struct, frozen=True, kw_only=True):
    """A checklist of the safety self-assessment, by version."""

    checklist: Short
    version: Short | None = None
    items: tuple["ChecklistItem", ...] = ()


class ChecklistItem(Struct, frozen=True, kw_only=True):
    """One criterion and the points it can give."""

    id: Short
    text: Short
    points_max: Annotated[int, Meta(ge=0)]


class UserSet(Struct, frozen=True, kw_only=True):
    """The province names a user of this office, or ends one (`active` false)."""

    name: Short
    role: Literal["clerk", "supervisor", "technician"]
    display: Short | None = None
    active: bool = True


class OfficeProfile(Struct, frozen=True, kw_only=True):
    """What the office tells people about itself."""

    name: Short | None = None
    address: Short | None = None
    phone: Short | None = None
    hotline: Short | None = None
    head: Short | None = None


class DeviceRevoked(Struct, frozen=True, kw_only=True):
    """A device of this office must not be believed any more."""

    device: Short
    reason: str | None = None


class SuccessorNamed(Struct, frozen=True, kw_only=True):
    """The province's new address and keys: `province` is the signed statement, base64url."""

    province: str


class DeskOpened(Struct, frozen=True, kw_only=True):
    """First event of a desk journal that follows another: its (desk, seq, hash) and why."""

    after: tuple[str, int, str] | None = None
    why: str | None = None


DESK_BODIES: Mapping[str, type[Struct]] = MappingProxyType(
    {
        "policy.set": PolicySet,
        "policy.revoked": PolicyRevoked,
        "procedure.set": Procedure,
        "calendar.set": CalendarSet,
        "numbers.leased": Lease,
        "numbers.mapped": NumbersMapped,
        "notice.published": NoticePublished,
        "checklist.set": ChecklistSet,
        "user.set": UserSet,
        "office.recoded": OfficeRecoded,
        "office.profile": OfficeProfile,
        "dossier.assigned": DossierAssigned,
        "dossier.progressed": DossierProgressed,
        "conflict.settled": ConflictSettled,
        "event.rejected": EventRejected,
        "journal.released": JournalReleased,
        "device.revoked": DeviceRevoked,
        "successor.named": SuccessorNamed,
        "desk.opened": DeskOpened,
    }
)
"""Every kind a desk journal holds, and the type of its body."""
