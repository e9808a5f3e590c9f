from __future__ import annotations

import msgspec
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Table, create_engine

from propylon.store import opening
from propylon.store.records import Login, Message, Noted, Run, Session
from propylon.store.schema import SCHEMA_VERSION, audit, logins, messages, metadata, runs, sessions


def _definitions(connection: Connection) -> dict[str, str]:
    rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name <> 'alembic_version'")
    return {name: " ".join(sql.split()) for name, sql in rows}


def test_the_migrations_make_the_schema(connection: Connection) -> None:
    assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine = create_engine("sqlite://")
    with engine.begin() as fresh:
        metadata.create_all(fresh)
        assert _definitions(connection) == _definitions(fresh)
    engine.dispose()


def test_the_newest_migration_is_our_version() -> None:
    assert int(ScriptDirectory(str(opening.MIGRATIONS)).get_current_head() or 0) == SCHEMA_VERSION


@pytest.mark.parametrize(("table", "record"), [(sessions, Session), (messages, Message), (runs, Run), (logins, Login), (audit, Noted)])
def test_a_record_has_its_tables_columns(table: Table, record: type[msgspec.Struct]) -> None:
    assert set(table.columns.keys()) == set(record.__struct_fields__)
