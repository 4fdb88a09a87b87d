"""Documents: a scan beside the paper it is of, its key in its event and nowhere else."""

import msgspec
import pytest

from records import present
from records.documents import OTHER_TYPE, media_type
from records.office_events import DocumentAttached
from records.present import DeliveryMark
from tests.records.office import Office, captured
from tests.records.test_present import item
from wire.problems import Refusal

PAPER = {"name": "Tờ khai", "copies": 1, "original": True}


def office() -> Office:
    office = Office()
    office.receive("1.001193", documents=[PAPER, PAPER, {**PAPER, "name": "Giấy chứng sinh"}])
    office.files["/scans/2.png"] = captured("b2", bytes=70_000, media_type="image/png", pages=2)
    return office


def shown(office: Office) -> list[tuple[str, str | None]]:
    return [(paper.name, paper.id and paper.id[:2]) for paper in item(office).documents]


def test_a_file_becomes_an_event_with_what_opens_it() -> None:
    here = office()
    decision = here.submit("document.attach", dossier="1/1", name="Tờ khai", path="/scans/2.png")
    (event,) = decision.events
    assert (event.kind, event.subject, decision.book) == ("document.attached", 1, "1/1")
    assert event.body == DocumentAttached(
        name="Tờ khai",
        blob_id="b2" * 32,
        key="A" * 43,
        bytes=70_000,
        sha256="5a" * 32,
        media_type="image/png",
        pages=2,
    )
    assert here.only().attached[0].id == "b2" * 32
    assert b"AAAA" not in msgspec.json.encode(here.only())


def test_a_scan_stands_at_the_first_paper_of_its_name_and_behind_them_without_one() -> None:
    here = office()
    for name, path in (("Tờ khai", "1.pdf"), ("Ảnh", "2.png"), ("Tờ khai", "2.png")):
        here.submit("document.attach", dossier="1/1", name=name, path=f"/scans/{path}")
    assert shown(here) == [
        ("Tờ khai", "b1"), ("Tờ khai", "b2"), ("Giấy chứng sinh", None), ("Ảnh", "b2"),
    ]  # fmt: skip


def test_the_same_document_again_is_there_once() -> None:
    here = office()
    for _ in range(2):
        here.submit("document.attach", dossier="1/1", name="Tờ khai", path="/scans/1.pdf")
    assert len(here.only().attached) == 1


def test_a_path_that_was_not_captured_is_refused_with_its_place() -> None:
    with pytest.raises(Refusal) as refused:
        office().submit("document.attach", dossier="1/1", name="Tờ khai", path="/scans/3.pdf")
    assert refused.value.code == "document-unreadable"
    assert [error.path for error in refused.value.errors] == ["path"]


@pytest.mark.parametrize(
    ("members", "path"),
    [({"path": ""}, "path"), ({"path": "a\x00b"}, "path"), ({"name": " "}, "name"),
     ({"path": "p" * 1001}, "path")],
)  # fmt: skip
def test_a_wrong_member_is_named(members: dict[str, str], path: str) -> None:
    whole = {"dossier": "1/1", "name": "Tờ khai", "path": "/scans/1.pdf"} | members
    with pytest.raises(Refusal) as refused:
        office().submit("document.attach", **whole)
    assert [error.path for error in refused.value.errors] == [path]


@pytest.mark.parametrize(
    ("arrived", "mark", "told"),
    [
        (False, DeliveryMark(), "waiting"),
        (True, DeliveryMark(), "waiting"),
        (False, DeliveryMark("delivered", 1), "waiting"),
        (True, DeliveryMark("delivered", 1), "delivered"),
        (False, DeliveryMark("rejected"), "rejected"),
    ],
)
def test_a_scan_is_delivered_when_both_its_event_and_its_bytes_are(
    arrived: bool, mark: DeliveryMark, told: str
) -> None:
    here = office()
    here.submit("document.attach", dossier="1/1", name="Tờ khai", path="/scans/1.pdf")
    shown = item(here, mark=mark, arrived=lambda _id: arrived)
    scan, paper, *_ = shown.documents
    assert shown.complete == (told == "delivered")
    assert (scan.delivery, paper.delivery) == (told, mark.delivery)
    assert (scan.bytes, scan.media_type, scan.pages) == (9, "application/pdf", None)


def test_no_list_shows_what_opens_a_document() -> None:
    body = b'{"name":"To khai","key":"AAAA","blob_id":"b1"}'
    assert bytes(present.masked_body(body)).decode() == (
        '{"name":"To khai","key":"•••••","blob_id":"b1"}'
    )


@pytest.mark.parametrize(
    ("begin", "kind"),
    [
        (b"%PDF-1.7", "application/pdf"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"II*\x00", "image/tiff"),
        (b"MM\x00*", "image/tiff"),
        (b"<script>", OTHER_TYPE),
        (b"", OTHER_TYPE),
    ],
)
def test_what_a_file_is_its_first_bytes_say(begin: bytes, kind: str) -> None:
    assert media_type(begin) == kind
