"""Numbers that two dossiers bear after a fork stand beside each other until they differ."""

import pytest

from agent.figures import read as read_figures
from agent.journal import Journal, Transaction, succession
from agent.views.problems import problems
from records.present import ProblemItem
from tests.agent.office import Office
from tests.agent.world import chained
from wire.chain import genesis
from wire.problems import Refusal


async def twice(office: Office) -> list[ProblemItem]:
    """The problems of numbers, as `/api/problems` has them."""
    found = await office.journal.read(problems)
    return [item for item in found.items if item.code == "number-taken-twice"]


async def fork(journal: Journal, name: str) -> None:
    """Go on in a successor from nothing; the province's branch holds a dossier of `name`."""
    identity = journal.identity
    assert identity is not None
    first = await journal.read(
        lambda conn: conn.execute(
            "SELECT body FROM event WHERE journal = ? AND seq = 1", (journal.marks.office,)
        ).fetchone()[0]
    )
    start = genesis(identity.device_id, identity.journal)
    held = first.replace("Nguyễn Thị Ngọc Hà".encode(), name.encode())

    def job(transaction: Transaction) -> None:
        former = transaction.marks.journal
        succession.open_successor(transaction, b"s" * 16, start, "fork", held=1)
        assert succession.append_branch(transaction, former, chained(start, [held])) == 1

    await journal.write(job)


async def test_code_and_place_are_shown_with_both_records_who_took_them_and_when(
    office: Office,
) -> None:
    first = await office.receive()
    assert await twice(office) == []
    await fork(office.journal, "Trần Văn Bốn")
    book, code = sorted(await twice(office), key=lambda item: item.id)
    assert book.twice is not None
    assert code.twice is not None
    assert (code.twice.kind, code.twice.number) == ("code", first.code)
    assert (book.twice.kind, book.twice.number) == ("book", "2026/1/1")
    names = {each.applicant: each.by for each in code.twice.dossiers}
    assert names == {"Nguyễn Thị Ngọc Hà": "lan.nt", "Trần Văn Bốn": "lan.nt"}
    assert all(each.at.startswith("2026-11-2") for each in code.twice.dossiers)
    assert code.subject == code.twice.dossiers[-1].id
    assert "correct 'book'" in code.action.en


async def test_a_correction_gives_one_another_place_and_the_pair_is_gone(office: Office) -> None:
    await office.receive()
    await fork(office.journal, "Trần Văn Bốn")
    now_ms = office.clock.now_ms()
    before = await office.journal.read(
        lambda conn: read_figures(conn, office.journal.identity, now_ms).problems_open
    )
    (book,) = [one for one in await twice(office) if one.twice and one.twice.kind == "book"]
    await office.do(
        type="dossier.correct", dossier=book.subject, set={"book": "1/58"}, reason="Trùng số"
    )
    assert [one.twice.kind for one in await twice(office) if one.twice] == ["code"]
    after = await office.journal.read(
        lambda conn: read_figures(conn, office.journal.identity, now_ms).problems_open
    )
    assert after == before - 1


async def test_a_withdrawn_one_leaves_the_number_to_the_other(office: Office) -> None:
    await office.receive()
    await fork(office.journal, "Trần Văn Bốn")
    (code, _book) = await twice(office)
    await office.do(type="dossier.withdraw", dossier=code.subject, reason="Ghi trùng")
    assert await twice(office) == []


async def test_a_place_that_is_none_or_taken_is_refused(office: Office) -> None:
    await office.receive()
    for wrong in ("2026/1/58", "58", None, "1/1"):
        with pytest.raises(Refusal) as refused:
            await office.do(
                type="dossier.correct", dossier="2026/1/1", set={"book": wrong}, reason="x"
            )
        assert {error.path for error in refused.value.errors} == {"set.book"}
