"""An office is minted once and found by any code it ever had."""

from uuid import UUID

import pytest

from server import offices
from server.context import ServerContext
from wire.problems import Refusal


async def test_an_office_gets_one_random_uuid_for_life(ctx: ServerContext) -> None:
    minted = await offices.add_office(ctx, "H26.107", "Xã Ứng Hòa")
    assert UUID(bytes=minted).version == 4
    assert await offices.add_office(ctx, "H26.107", "Xã Ứng Hòa") == minted
    assert await offices.add_office(ctx, "H26.108", "Xã Vân Đình") != minted
    async with ctx.store.read() as conn:
        assert (await offices.named(conn, "H26.107")).office_id == minted
        assert (await offices.named(conn, str(UUID(bytes=minted)))).code == "H26.107"
        with pytest.raises(Refusal, match="office-unknown"):
            await offices.named(conn, "H26.999")
