"""What the province sent back is shown until an own event answers it, and so after a rebuild."""

import pytest

from agent.journal import Transaction
from agent.views.rebuild import rebuild
from tests.agent.office import Office
from tests.agent.world import IDENTITY, START_MS, chained, desk_event
from wire.event import Event, body_of, format_time


async def send_back(office: Office, seq: int) -> None:
    body = {"journal": IDENTITY.journal.hex(), "seq": seq, "code": "field-invalid"}
    rejected = desk_event("event.rejected", body)
    await office.journal.write(lambda t: t.append_desk(chained(t.desk_head, [rejected])))


async def sent_back(office: Office) -> list[int]:
    """Return which own events are shown as sent back, the same before and after a rebuild."""

    async def asked() -> list[int]:
        return await office.journal.read(
            lambda c: [
                row[0]
                for row in c.execute(
                    "SELECT e.seq FROM rejected r JOIN event e ON e.pos = r.pos ORDER BY e.seq"
                )
            ]
        )

    grown = await asked()
    await rebuild(office.journal, office.views, lambda _: None)
    assert await asked() == grown
    return grown


async def test_a_later_event_of_the_same_dossier_answers(office: Office) -> None:
    one = await office.receive()
    two = await office.receive(applicant={"full_name": "Trần Văn Bình"})
    await office.do(type="dossier.forward", dossier=str(one.id), to="Phòng", holder="office")
    for seq in (1, 2, 3):
        await send_back(office, seq)
    assert await sent_back(office) == [1, 2, 3]
    await office.do(type="dossier.withdraw", dossier=str(one.id), reason="Đổi ý")
    assert await sent_back(office) == [2]
    await office.do(type="dossier.forward", dossier=str(two.id), to="Phòng", holder="office")
    assert await sent_back(office) == []


async def test_the_end_of_a_visit_answers_its_beginning(office: Office) -> None:
    one = await office.check_in()
    await send_back(office, 1)
    office.clock.advance(120_000)
    await office.do(type="visit.check_out", visit=str(one.id))
    assert await sent_back(office) == []


@pytest.mark.parametrize("known", [True, False])
async def test_an_event_entered_again_answers(office: Office, *, known: bool) -> None:
    one = await office.receive()
    await send_back(office, 1)

    def again(transaction: Transaction) -> None:
        transaction.append(
            Event(
                kind="office.noted",
                at=format_time(START_MS),
                actor="lan.nt",
                again=str(one.id) if known else "no id",
                body=body_of({"kind": "disinfection", "note": "x"}),
            )
        )

    await office.journal.write(again)
    assert await sent_back(office) == ([] if known else [1])
