"""What people set in the page for the whole server: a text by name."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import Connection, bindparam

from propylon.store import opening
from propylon.store.schema import settings

_s = settings.c
_by_name = sa.select(_s.value).where(_s.name == bindparam("wanted"))
_delete = settings.delete().where(_s.name == bindparam("wanted"))
_insert = settings.insert()


def get(connection: Connection, name: str) -> str | None:
    value: str | None = connection.execute(_by_name, {"wanted": name}).scalar()
    return value


def put(connection: Connection, name: str, value: str, *, at: float) -> None:
    remove(connection, name)
    connection.execute(_insert, {"name": name, "value": value, "updated_at": at})


def remove(connection: Connection, name: str) -> None:
    connection.execute(_delete, {"wanted": name})


def has(path: Path, name: str) -> bool:
    """Whether the file at `path` has this setting; before it is opened for good, and without making or changing anything.

    Raises StoreUnusable when the file is broken, too new or not ours.
    """
    if (opening.examine(path) or 0) < 3:  # settings came with version 3
        return False
    with closing(opening.read_only(path)) as connection:
        return connection.execute("SELECT 1 FROM settings WHERE name = ?", (name,)).fetchone() is not None
