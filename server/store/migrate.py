"""The schema's history: bring a database to what this program needs, inside one transaction.

A database that a newer program wrote is refused and left as it is.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config as AlembicConfig
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData

from server.store.engine import Store
from server.store.lost_tables import desk_aside
from server.store.projection_tables import PROJECTIONS
from server.store.successor_tables import told_successor

MIGRATIONS = Path(__file__).parent / "migrations"


class SchemaNewer(Exception):  # noqa: N818 - a judgement on a database
    """The database was written by a newer program; nothing was changed."""


class SchemaOlder(Exception):  # noqa: N818 - a judgement on a database
    """The database must be migrated first (`commune-server migrate`)."""


def metadata() -> MetaData:
    """Return the tables of the whole server, the projections' among them."""
    return (desk_aside, told_successor, *PROJECTIONS)[0].metadata


async def migrate(store: Store) -> str:
    """Bring the schema to the newest revision and return it. Raises SchemaNewer."""
    async with store.write() as connection:
        return await connection.run_sync(upgrade)


async def check(store: Store) -> bool:
    """Return whether the schema is there and current; False for an empty database.

    Raises SchemaNewer, or SchemaOlder when `migrate` has to run first.
    """
    async with store.read() as connection:
        current = await connection.run_sync(_current)
    if current is None:
        return False
    if current != _script().get_current_head():
        raise SchemaOlder(current)
    return True


async def differences(store: Store) -> list[object]:
    """Return what sets the migrated schema apart from the tables in code (empty when equal)."""
    async with store.read() as connection:
        return await connection.run_sync(
            lambda sync: list(compare_metadata(MigrationContext.configure(sync), metadata()))
        )


def upgrade(connection: Connection, to: str = "head") -> str:
    """Bring the schema to a revision and return it. Raises SchemaNewer."""
    _current(connection)
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, to)
    revision = _current(connection)
    if revision is None:
        raise RuntimeError("the migrations left no revision")
    return revision


def _current(connection: Connection) -> str | None:
    revision = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in _script().walk_revisions()}
    if revision is not None and revision not in known:
        raise SchemaNewer(revision)
    return revision


def _config() -> AlembicConfig:
    config = AlembicConfig()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    return config


def _script() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())
