"""What the province said before it heard the office is folded where the province folded it."""

from typing import Any

import pytest

from agent.views.dossier_rows import find
from records.dossier import Dossier
from tests.agent.office import Office
from tests.agent.views.test_rebuild import assert_rebuilt_equals_grown
from tests.agent.world import chained, desk_event


async def told(office: Office, **body: Any) -> None:
    event = desk_event("dossier.progressed", body, at_ms=office.clock.now_ms())
    await office.journal.write(lambda t: t.append_desk(chained(t.desk_head, [event])))


async def stand(office: Office, ref: str) -> Dossier:
    def look(connection: Any) -> Dossier:
        no = find(connection, ref)
        assert no is not None
        loaded = office.views.dossiers.get(connection, no)
        assert loaded is not None
        return loaded.dossier

    return await office.journal.write(lambda t: look(t.conn))


@pytest.mark.parametrize(("late", "state", "conflicts"), [(0, "resolved", 0), (1, "forwarded", 1)])
async def test_progress_that_did_not_know_of_a_forwarding_is_a_conflict_here_too(
    office: Office, late: int, state: str, conflicts: int
) -> None:
    done = await office.receive()
    ref = str(done.id)
    await office.do(type="dossier.forward", dossier=ref, to="Sở Tư pháp", holder="province")
    heard = office.journal.head.seq - late
    await told(office, dossier=ref, state="resolved", heard=heard)
    found = await stand(office, ref)
    assert (found.state, found.conflicts) == (state, conflicts)
    await assert_rebuilt_equals_grown(office)
    again = await stand(office, ref)
    assert (again.state, again.conflicts) == (state, conflicts)


async def test_two_ends_of_one_dossier_are_a_conflict_and_the_province_s_stands(
    office: Office,
) -> None:
    ref = str((await office.receive()).id)
    await office.do(type="dossier.forward", dossier=ref, to="Sở Tư pháp", holder="province")
    heard = office.journal.head.seq
    await office.do(type="dossier.withdraw", dossier=ref, reason="Đổi ý")
    await told(office, dossier=ref, state="resolved", heard=heard)
    found = await stand(office, ref)
    assert (found.state, found.outcome, found.conflicts) == ("resolved", "resolved", 1)
    await assert_rebuilt_equals_grown(office)
