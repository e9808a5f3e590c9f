"""Logins: rows that let somebody in. To end one is to delete its row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import sqlalchemy as sa
from sqlalchemy import Connection, bindparam

from propylon.store.records import Login
from propylon.store.schema import logins

_l = logins.c
_all = sa.select(*[_l[name] for name in Login.__struct_fields__]).order_by(_l.created_at, _l.id)
_insert = logins.insert()
_delete = logins.delete().where(_l.id.in_(bindparam("numbers", expanding=True)))
_seen = logins.update().where(_l.id == bindparam("number"))


def add(connection: Connection, login: Login) -> None:
    connection.execute(_insert, {name: getattr(login, name) for name in Login.__struct_fields__})


def listing(connection: Connection) -> list[Login]:
    """All of them, the oldest first."""
    return [Login(*row) for row in connection.execute(_all)]


def remove(connection: Connection, ids: Iterable[str]) -> int:
    """How many there were."""
    return connection.execute(_delete, {"numbers": list(ids)}).rowcount


def seen(connection: Connection, times: Mapping[str, tuple[float, str]]) -> None:
    """When, and from which address, logins were last used."""
    for number, (at, address) in times.items():
        connection.execute(_seen, {"number": number, "seen_at": at, "address": address})
