"""What both ends changed at once is kept beside what stands, until somebody says which holds."""

from itertools import permutations
from typing import Any

import pytest

from records.conflicts import Said
from records.dossier import Dossier, evolve
from records.events import decode_body
from records.moment import local
from records.present import conflict_item
from records.told_order import Arrived, in_order
from tests.records.office import Office
from wire.event import body_of
from wire.problems import Refusal

DUE = "2026-12-05T17:00:00+07:00"
ASSIGNED: dict[str, Any] = {
    "procedure_code": "1.001193", "channel": "online", "return_channel": "direct",
    "applicant": {"full_name": "Lê Văn An"}, "due_at": DUE,
}  # fmt: skip
OFFICE, PROVINCE = 1, 2


class Line:
    """Events with their authors, each with a hash of its own; folded one after the other."""

    def __init__(self, holder: str = "province") -> None:
        self.count = 0
        self.dossier: Dossier | None = None
        self.tell("dossier.assigned", **ASSIGNED, holder=holder)

    def tell(self, kind: str, /, seen: str | None = None, **body: Any) -> str:
        self.count += 1
        said = Said(self.count.to_bytes(32, "big"), "lan.nt", seen)
        typed = decode_body(kind, body_of(body))
        self.dossier = evolve(self.dossier, kind, typed, self.count * 1_000, said)
        return said.id

    def progress(self, **body: Any) -> str:
        return self.tell("dossier.progressed", dossier="x", by="Phòng Tư pháp", **body)

    @property
    def now(self) -> Dossier:
        assert self.dossier is not None
        return self.dossier


def test_the_holder_s_value_stands_and_the_other_is_kept_with_who_and_when() -> None:
    line = Line()
    line.progress(state="forwarded")
    line.progress(state="resolved")
    lost = line.tell("dossier.withdrawn", reason="Đổi ý")
    assert (line.now.state, line.now.conflicts) == ("resolved", 1)
    item = conflict_item(line.now.kept[0])
    assert (item.id, item.field) == (lost, "state")
    at = [local(ms).isoformat() for ms in (3_000, 4_000)]
    stands, other = item.stands, item.other
    assert (stands.keep, stands.value, stands.by) == ("province", "resolved", "Phòng Tư pháp")
    assert (other.keep, other.value, other.by) == ("office", "withdrawn", "lan.nt")
    assert [stands.at, other.at] == at


def test_what_the_office_did_unknowing_does_not_overwrite_the_holding_province() -> None:
    line = Line()
    line.progress(state="supplement_requested")
    line.tell("dossier.refused", reason="Không đủ điều kiện")  # possible, were it known
    assert (line.now.state, line.now.kept[0].other) == ("supplement_requested", "refused")


def test_who_shows_that_they_know_moves_the_dossier_on() -> None:
    line = Line()
    told = line.progress(state="supplement_requested")
    line.tell("dossier.refused", seen=told, reason="Không đủ điều kiện")
    line.tell("dossier.returned", by="direct")  # known is known: once shown it need not be again
    assert (line.now.state, line.now.conflicts, line.now.unseen) == ("returned", 0, ())


def test_a_later_word_of_the_province_that_is_known_covers_the_earlier_one() -> None:
    line = Line()
    line.progress(state="supplement_requested")
    later = line.progress(note="Đã gọi cho người dân")
    line.tell("dossier.refused", seen=later, reason="Không đủ điều kiện")
    assert (line.now.state, line.now.conflicts) == ("refused", 0)
    line = Line()
    earlier = line.progress(state="forwarded")
    line.progress(state="supplement_requested")
    line.tell("dossier.refused", seen=earlier, reason="Không đủ điều kiện")
    assert (line.now.state, line.now.conflicts) == ("supplement_requested", 1)


def test_changes_of_other_parts_merge() -> None:
    line = Line()
    line.progress(state="supplement_requested")
    line.tell("dossier.corrected", set={"applicant.phone": "0912345678"}, reason="Nhầm")
    line.tell("dossier.return_changed", return_channel="postal")
    line.tell("dossier.paid", name="Lệ phí", amount_vnd=5_000, by="cash")
    now = line.now
    assert (now.state, now.applicant.phone, now.return_channel, now.fees_paid_vnd) == (
        "supplement_requested", "0912345678", "postal", 5_000,
    )  # fmt: skip
    assert now.conflicts == 0


@pytest.mark.parametrize("kind", ["conflict.resolved", "conflict.settled"])
@pytest.mark.parametrize("keep", ["office", "province"])
def test_either_end_settles_it_and_it_leaves_the_list(kind: str, keep: str) -> None:
    line = Line()
    line.progress(state="resolved")
    lost = line.tell("dossier.withdrawn", reason="Đổi ý")
    about = {"dossier": "x"} if kind == "conflict.settled" else {}
    line.tell(kind, conflict=lost, keep=keep, reason="Đã gọi hỏi", **about)
    now = line.now
    expected = ("withdrawn", 3_000) if keep == "office" else ("resolved", 2_000)
    assert (now.state, now.ended_at_ms, now.kept) == (*expected, ())
    line.tell(kind, conflict=lost, keep="office", reason="Lại nữa", **about)
    assert line.now.state == expected[0]  # the first word counts


def test_the_province_s_word_on_a_dossier_the_office_holds_can_be_taken() -> None:
    line = Line(holder="office")
    lost = line.progress(state="resolved")
    assert (line.now.state, line.now.kept[0].mark.side) == ("received", "province")
    line.tell("conflict.resolved", conflict=lost, keep="province", reason="Tỉnh đã có kết quả")
    assert (line.now.state, line.now.outcome, line.now.holder) == ("resolved", "resolved", "office")


def test_other_things_than_the_state_can_be_in_conflict() -> None:
    line = Line(holder="office")
    line.tell("numbers.mapped", dossier="x", code="H26.107-261121-0001")
    code = line.tell("numbers.mapped", dossier="x", code="H26.107-261121-0002")
    holder = line.progress(holder="province")
    line.tell("dossier.withdrawn", reason="Đổi ý")
    due = line.tell("dossier.extended", due_at="2026-12-09T17:00:00+07:00", reason="Chờ")
    same = line.tell("dossier.withdrawn", reason="Hai lần")
    kept = {one.id: (one.field, one.stands, one.other) for one in line.now.kept}
    assert kept == {
        code: ("code", "H26.107-261121-0001", "H26.107-261121-0002"),
        holder: ("holder", "office", "province"),
        due: ("due_at", DUE, "2026-12-09T17:00:00+07:00"),
        same: ("state", "withdrawn", "withdrawn"),
    }
    line.tell("conflict.resolved", conflict=code, keep="province", reason="Tỉnh đúng")
    line.tell("conflict.resolved", conflict=holder, keep="province", reason="Tỉnh đúng")
    line.tell("conflict.resolved", conflict=due, keep="office", reason="Đã hứa")
    now = line.now
    assert (now.code, now.holder, now.extended) == ("H26.107-261121-0002", "province", True)
    assert now.conflicts == 1


def test_a_second_attempt_to_move_it_is_another_conflict() -> None:
    line = Line()
    line.progress(state="resolved")
    line.tell("dossier.withdrawn", reason="Đổi ý")
    line.tell("dossier.returned", by="direct")
    assert [one.other for one in line.now.kept] == ["withdrawn", "returned"]


def test_both_ends_keep_the_same_whichever_part_arrived_first() -> None:
    said: list[tuple[int, str, dict[str, Any]]] = [
        (3, "dossier.progressed", {"dossier": "x", "state": "resolved", "heard": 7}),
        (4, "dossier.progressed", {"dossier": "x", "note": "Đã gửi", "heard": 8}),
    ]
    own: list[tuple[int, str, dict[str, Any]]] = [
        (8, "dossier.withdrawn", {"reason": "Đổi ý"}),
        (9, "dossier.paid", {"name": "Lệ phí", "amount_vnd": 5, "by": "cash"}),
    ]
    stands = set()
    for order in permutations([*said, *own]):
        seqs = [seq for seq, *_ in order]
        if seqs.index(3) > seqs.index(4) or seqs.index(8) > seqs.index(9):
            continue
        arrived = [(1, "dossier.assigned", ASSIGNED | {"holder": "province"}), *order]
        stands.add(repr(folded(arrived)))
    assert len(stands) == 1


def folded(arrived: list[tuple[int, str, dict[str, Any]]]) -> Dossier | None:
    typed = [(seq, kind, decode_body(kind, body_of(body))) for seq, kind, body in arrived]
    dossier = None
    for place in in_order(Arrived(kind, seq, body) for seq, kind, body in typed):
        seq, kind, body = typed[place]
        dossier = evolve(dossier, kind, body, seq, Said(seq.to_bytes(32, "big"), "a"))
    return dossier


def test_a_conflict_that_is_not_open_cannot_be_resolved() -> None:
    office = Office()
    office.receive()
    with pytest.raises(Refusal) as refused:
        office.submit("conflict.resolve", conflict="không có", keep="office", reason="x")
    assert refused.value.code == "conflict-unknown"
    assert [error.path for error in refused.value.errors] == ["conflict"]
