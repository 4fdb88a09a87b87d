"""Documents of a dossier: the scans that were attached, beside the papers that were named.

A document is a blob (`wire.blob`): its event holds what opens it, so whoever has the journal has
its documents. `id` of a document is its blob's: SHA-256 of the encrypted bytes, in hex.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from records.office_events import DocumentAttached
from records.values import Document

MEDIA_TYPES: Final = (
    (b"%PDF-", "application/pdf"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
)
"""What a scan begins with; anything else is of no type that is shown without being kept first."""
MAGIC_BYTES: Final = max(len(magic) for magic, _ in MEDIA_TYPES)
OTHER_TYPE: Final = "application/octet-stream"


class Captured(Struct, frozen=True, kw_only=True):
    """A file that lies encrypted and durable on the office's disk, and no event tells of it yet.

    `blob_id` and `sha256` in hex, `key` in base64url without padding; `bytes` of the file.
    """

    blob_id: str
    key: str
    bytes: int
    sha256: str
    media_type: str
    pages: int | None = None


class Attachment(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A document as a dossier shows it; what opens it stands in the event alone."""

    id: str
    name: str
    bytes: int
    media_type: str
    pages: int | None = None


class Paper(Struct, frozen=True):
    """One line of a dossier's papers: named when it was handed in, scanned, or both."""

    name: str
    scan: Attachment | None


def media_type(begin: bytes) -> str:
    """Return the type of a file that begins with these bytes; what it is called says nothing."""
    found = (kind for magic, kind in MEDIA_TYPES if begin.startswith(magic))
    return next(found, OTHER_TYPE)


def event_of(name: str, captured: Captured) -> DocumentAttached:
    """Return the body of the event that tells of a captured file."""
    return DocumentAttached(
        name=name,
        blob_id=captured.blob_id,
        key=captured.key,
        bytes=captured.bytes,
        sha256=captured.sha256,
        media_type=captured.media_type,
        pages=captured.pages,
    )


def with_attached(held: tuple[Attachment, ...], body: DocumentAttached) -> tuple[Attachment, ...]:
    """Return a dossier's documents after one more event; the same one again is there already."""
    new = Attachment(
        id=body.blob_id,
        name=body.name,
        bytes=body.bytes,
        media_type=body.media_type,
        pages=body.pages,
    )
    return held if new in held else (*held, new)


def papers(named: Sequence[Document], attached: Sequence[Attachment]) -> tuple[Paper, ...]:
    """Return the papers that were named, each with its scan, and the scans of no named paper.

    A scan belongs to the first paper of its name that has none yet.
    """
    left = list(attached)
    lines = [Paper(paper.name, _take(left, paper.name)) for paper in named]
    return (*lines, *(Paper(scan.name, scan) for scan in left))


def _take(left: list[Attachment], name: str) -> Attachment | None:
    found = next((scan for scan in left if scan.name == name), None)
    if found is not None:
        left.remove(found)
    return found
