"""The database: durable, encrypted, the same tables on both kinds."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from server.config import Config
from server.context import ServerContext
from server.keys import secret
from server.main import open_database
from server.store.engine import open_store
from server.store.migrate import (
    MIGRATIONS,
    SchemaNewer,
    SchemaOlder,
    check,
    differences,
    metadata,
    migrate,
    upgrade,
)
from server.store.positions import assign, read_feed
from server.store.projection_tables import dossier
from server.store.tables import PROVINCE, office
from wire.problems import Refusal


async def test_the_migrated_schema_is_the_one_in_code(ctx: ServerContext) -> None:
    assert await differences(ctx.store) == []


async def test_every_key_begins_with_the_office() -> None:
    for table in metadata().tables.values():
        assert next(iter(table.primary_key.columns)).name == "office_id", table.name


async def test_a_commit_is_durable(ctx: ServerContext) -> None:
    async with ctx.store.read() as conn:
        if ctx.store.embedded:
            assert (await conn.exec_driver_sql("PRAGMA synchronous")).scalar() == 2
            assert (await conn.exec_driver_sql("PRAGMA journal_mode")).scalar() == "wal"
        else:
            assert (await conn.exec_driver_sql("SHOW synchronous_commit")).scalar() == "on"
            assert (await conn.exec_driver_sql("SHOW fsync")).scalar() == "on"


async def test_an_error_of_the_database_is_sqlalchemys(ctx: ServerContext) -> None:
    row = {"office_id": b"o" * 16, "code": "H26.1", "name": "Xã", "created_ms": 1}
    with pytest.raises(IntegrityError):
        async with ctx.store.write() as conn:
            await conn.execute(office.insert(), [row, row])
    async with ctx.store.read() as conn:
        assert (await conn.execute(sa.select(office))).first() is None


async def test_a_newer_schema_is_refused_and_left_alone(ctx: ServerContext) -> None:
    async with ctx.store.write() as conn:
        await conn.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaNewer):
        await check(ctx.store)
    with pytest.raises(SchemaNewer):
        await open_database(ctx.config, migrating=True)


async def test_an_older_schema_asks_for_migrate(ctx: ServerContext) -> None:
    async with ctx.store.write() as conn:
        await conn.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
        await conn.exec_driver_sql("DELETE FROM alembic_version WHERE version_num <> '0001'")
    if _newest() == "0001":
        pytest.skip("does not apply: there is only one revision so far")
    with pytest.raises(SchemaOlder):
        await check(ctx.store)


KEEPERS = """
INSERT INTO journal (office_id, journal_no, device_id, journal_id, state, head_seq, head_hash,
    projected_seq, opened_ms)
VALUES (:office, 1, :first, :first, 'open', 0, :first, 0, 0),
    (:office, 2, :second, :second, 'open', 0, :second, 0, 0);
INSERT INTO event (office_id, journal_no, seq, hash, kind, clock, received_ms)
VALUES (:office, 1, 1, :first, 'dossier.paid', 'ok', 0),
    (:office, 2, 9, :second, 'dossier.received', 'ok', 0);
INSERT INTO dossier (office_id, dossier_id, stand, history, open, first_ms, last_ms, received_ms)
VALUES (:office, :dossier, :first, :first, true, 0, 0, 0);
INSERT INTO dossier_event (office_id, dossier_id, journal_no, seq)
VALUES (:office, :dossier, 1, 1), (:office, :dossier, 2, 9)
"""


async def test_a_former_database_learns_which_device_keeps_each_dossier(config: Config) -> None:
    store = open_store(config.database, secret(config.keys_dir / "database.key"))
    values = {"office": b"o" * 16, "first": b"1" * 32, "second": b"2" * 32, "dossier": b"d" * 16}
    async with store.write() as conn:
        await conn.run_sync(lambda sync: upgrade(sync, "0004"))
        for statement in KEEPERS.split(";"):
            known = {name: value for name, value in values.items() if f":{name}" in statement}
            await conn.execute(sa.text(statement), known)
    await migrate(store)
    async with store.read() as conn:
        (row,) = (await conn.execute(sa.select(dossier))).all()
    assert (row.device_id, row.stand) == (values["second"], values["first"])
    assert await differences(store) == []
    await store.close()


def _newest() -> str:
    return max(path.name[:4] for path in (MIGRATIONS / "versions").glob("0*.py"))


async def test_a_wrong_key_opens_nothing(config: Config, ctx: ServerContext) -> None:
    if not ctx.store.embedded:
        pytest.skip("does not apply: PostgreSQL keeps its own keys")
    key = config.keys_dir / "database.key"
    key.write_bytes(b"w" * 32)
    with pytest.raises(Refusal, match="key-wrong"):
        await open_database(config)


def flip_a_bit(file: Path) -> bytes:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    return bytes(content)


async def test_a_damaged_page_is_found_before_anything_is_written(
    config: Config, ctx: ServerContext
) -> None:
    if not ctx.store.embedded:
        pytest.skip("does not apply: PostgreSQL looks after its own pages")
    await ctx.store.close()
    file = Path(config.database.removeprefix("sqlite:///"))
    damaged = flip_a_bit(file)
    with pytest.raises(Refusal, match="store-damaged"):
        await open_database(config)
    assert await asyncio.to_thread(file.read_bytes) == damaged


async def test_the_file_holds_nothing_readable(config: Config, ctx: ServerContext) -> None:
    if not ctx.store.embedded:
        pytest.skip("does not apply: PostgreSQL is encrypted by its disk")
    async with ctx.store.write() as conn:
        row = {"office_id": b"o" * 16, "code": "H26.1", "name": "CANARY", "created_ms": 1}
        await conn.execute(office.insert(), [row])
    for path in config.data_dir.iterdir():
        assert b"CANARY" not in path.read_bytes()
        assert b"SQLite format" not in path.read_bytes()


async def test_positions_are_taken_up_without_holes(ctx: ServerContext) -> None:
    async with ctx.store.write() as conn:
        first = await assign(conn, PROVINCE, 1, 1, 10)
        second = await assign(conn, PROVINCE, 1, 11, 5)
    assert (first, second) == (1, 11)
    async with ctx.store.read() as conn:
        assert await read_feed(conn, 0, 10) == []
