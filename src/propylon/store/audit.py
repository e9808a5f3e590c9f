"""The audit log: append and read; the oldest rows go."""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection, bindparam

from propylon.store.records import Noted
from propylon.store.schema import audit

KEPT = 10_000
"""Rows that stay, at least; at most a tenth more."""

_a = audit.c
_insert = audit.insert()
_newest = sa.select(*[_a[name] for name in Noted.__struct_fields__]).order_by(_a.number.desc()).limit(bindparam("size"))
_trim = audit.delete().where(_a.number <= bindparam("last") - KEPT)
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


def add(connection: Connection, event: str, *, at: float, login_id: str | None, address: str, facts: dict[str, Any]) -> None:
    values = {"at": at, "event": event, "login_id": login_id, "address": address, "facts": _encode(facts).decode()}
    number = connection.execute(_insert, values).inserted_primary_key
    if number is not None and number[0] % (KEPT // 10) == 0:
        connection.execute(_trim, {"last": number[0]})


def tail(connection: Connection, size: int) -> list[Noted]:
    """The newest first."""
    rows = connection.execute(_newest, {"size": size})
    return [Noted(number, at, event, login, address, _decode(facts)) for number, at, event, login, address, facts in rows]
