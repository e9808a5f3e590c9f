"""What the model saw, kept as a chain: each run's context is the beginning of the one it started from, then its own rows.

`size` is the length of the whole context and `keep` never exceeds the size of the base, so what a link adds is known without reading
it: rows that a later compression dropped are passed over.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection, bindparam

from propylon.store.schema import contexts

ContextRow = dict[str, Any]
"""A message in the agent's own shape; stored as it is."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[ContextRow]).decode

_insert = contexts.insert()
_size = sa.select(contexts.c.size).where(contexts.c.run_id == bindparam("run"))

# From the run down: `wanted` is how many messages, counted from the first, are asked of each link; those from `keep` on are its own.
_chain = sa.text("""
    WITH RECURSIVE chain (depth, run_id, base_run, keep, wanted) AS (
        SELECT 0, run_id, base_run, keep, size FROM contexts WHERE run_id = :run
        UNION ALL
        SELECT chain.depth + 1, base.run_id, base.base_run, base.keep,
               CASE WHEN chain.keep < chain.wanted THEN chain.keep ELSE chain.wanted END
        FROM chain JOIN contexts AS base ON base.run_id = chain.base_run
        WHERE chain.keep > 0 AND chain.wanted > 0
    )
    SELECT chain.wanted - chain.keep AS own, contexts.rows
    FROM chain JOIN contexts ON contexts.run_id = chain.run_id
    WHERE chain.wanted > chain.keep
    ORDER BY chain.depth DESC
""")


def store_context(
    connection: Connection, run_id: str, session_id: str, base_run: str | None, keep: int, rows: Sequence[ContextRow]
) -> None:
    """The context after `run_id` is the first `keep` messages of `base_run`'s (all of them, if it has fewer), then `rows`."""
    base_size = connection.execute(_size, {"run": base_run}).scalar() if base_run is not None else None
    keep = max(0, min(keep, base_size or 0))
    connection.execute(
        _insert,
        {
            "run_id": run_id,
            "session_id": session_id,
            "base_run": base_run,
            "keep": keep,
            "size": keep + len(rows),
            "rows": _encode(rows).decode(),
        },
    )


def load_context(connection: Connection, run_id: str) -> list[ContextRow]:
    """The model context after the run; empty if none is stored for it."""
    messages: list[ContextRow] = []
    for own, rows in connection.execute(_chain, {"run": run_id}):
        messages += _decode(rows)[:own]
    return messages
