"""The audit log keeps the newest, and is bounded."""

from __future__ import annotations

import pytest

from propylon.store import Database, audit


async def test_the_oldest_rows_go(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "KEPT", 20)
    monkeypatch.setattr(audit, "_trim", audit.audit.delete().where(audit._a.number <= audit.bindparam("last") - 20))

    def fill(connection: audit.Connection) -> None:
        for number in range(100):
            audit.add(connection, "logged_in", at=float(number), login_id=None, address="a", facts={"n": number})

    await database.write(fill)
    rows = await database.read(lambda c: audit.tail(c, 500))
    assert 20 <= len(rows) <= 22
    assert [row.facts["n"] for row in rows[:3]] == [99, 98, 97]
