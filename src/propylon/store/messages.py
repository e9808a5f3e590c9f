"""The rows of the transcript: positions 0, 1, 2 ... without gaps in each session, only ever added."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection, bindparam

from propylon.store import payloads
from propylon.store.records import Message
from propylon.store.schema import messages
from propylon.store.schema import payloads as payloads_table

PAGE_ROWS = 500
"""Rows of one page at most, tool rows included."""

_OWN = frozenset({"session_id", "position", "message_id", "run_id", "role", "content", "timestamp", "tool_call_id"})
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode

_m = messages.c
_insert = messages.insert()
_columns = [_m[name] for name in Message.__struct_fields__]
_session: sa.BindParameter[str] = bindparam("session")
_start: sa.BindParameter[int] = bindparam("start")
_end: sa.BindParameter[int] = bindparam("end")
_between = sa.select(*_columns).where(_m.session_id == _session, _m.position >= _start, _m.position < _end)
_oldest_first = _between.order_by(_m.position)
_newest_first = _between.order_by(_m.position.desc())
_visible_from_end = (
    sa.select(_m.position)
    .where(_m.session_id == _session, _m.visible, _m.position < _end)
    .order_by(_m.position.desc())
    .limit(1)
    .offset(bindparam("skip"))
)
_last_position = sa.select(sa.func.max(_m.position)).where(_m.session_id == _session)
_tool_rows = (
    sa.select(_m.position, _m.run_id)
    .where(_m.session_id == _session, _m.tool_call_id == bindparam("tid"), _m.tool_call_id.is_not(None))
    .order_by(_m.position.desc())
)
_content = sa.select(_m.content).where(_m.session_id == _session, _m.position == bindparam("position"))
_callers = (
    sa.select(_m.run_id, _m.extra)
    .where(_m.session_id == _session, _m.visible, _m.position < _end)
    .order_by(_m.position.desc())
    .limit(PAGE_ROWS)
)
_insert_payload = payloads_table.insert()
_p = payloads_table.c
_payload = (
    sa.select(_p.content)
    .where(_p.session_id == _session, _p.tool_call_id == bindparam("tid"), _p.part == bindparam("part"))
    .where(_p.position <= _end, _p.position >= _start)
    .order_by(_p.position.desc())
    .limit(1)
)


class Page(NamedTuple):
    """`offset` is the position of the first row (where the page ends, if it is empty); `truncated` says that older rows exist."""

    messages: list[Message]
    offset: int
    truncated: bool


def append(connection: Connection, session_id: str, run_id: str, start: int, rows: Sequence[Mapping[str, Any]], *, at: float) -> None:
    """Store rows as they are on the wire from position `start` on. A row without a `timestamp` gets `at`."""
    cutter = payloads.Cutter()
    stored: list[dict[str, Any]] = []
    large: dict[tuple[str, str, int], str] = {}
    for position, given in enumerate(rows, start):
        row, cuts = cutter.cut(given)
        stored.append(
            {
                "session_id": session_id,
                "position": position,
                "message_id": row["message_id"],
                "run_id": run_id,
                "role": row["role"],
                "visible": is_visible(row),
                "tool_call_id": row.get("tool_call_id"),
                "timestamp": row.get("timestamp", at),
                "extra": _encode({name: value for name, value in row.items() if name not in _OWN}).decode(),
                "content": row["content"],
            }
        )
        large.update({(cut.tool_call_id, cut.part, position): cut.content for cut in cuts})
    if stored:
        connection.execute(_insert, stored)
    if large:
        names = ("tool_call_id", "part", "position")
        connection.execute(
            _insert_payload,
            [{"session_id": session_id, **dict(zip(names, key, strict=True)), "content": text} for key, text in large.items()],
        )


def is_visible(row: Mapping[str, Any]) -> bool:
    """Whether the row is one of the conversation's two sides and counts in a page."""
    return row["role"] in ("user", "assistant")


def tail(connection: Connection, session_id: str, limit: int, before: int | None = None) -> Page:
    """The last rows (those below position `before`, if given) down to the `limit`-th visible one, at most `PAGE_ROWS` in all."""
    end = _count(connection, session_id)
    if before is not None:
        end = max(0, min(end, before))
    skip = min(max(limit, 1), PAGE_ROWS) - 1
    first = connection.execute(_visible_from_end, {"session": session_id, "end": end, "skip": skip}).scalar()
    offset = max(first or 0, end - PAGE_ROWS)
    return Page(rows_between(connection, session_id, offset, end), offset, offset > 0)


def rows_between(connection: Connection, session_id: str, start: int, end: int) -> list[Message]:
    """The rows at positions `start` up to, not including, `end`."""
    return _read(connection.execute(_oldest_first, {"session": session_id, "start": start, "end": end}))


def tail_bounded(connection: Connection, session_id: str, end: int, *, max_rows: int = 50, max_bytes: int = 256 * 1024) -> list[Message]:
    """The last whole rows below `end` that fit into the bounds (bytes of JSON on the wire), oldest first.

    Empty if they would not hold the last exchange, that is the last user row and all that follows it.
    """
    kept: list[Message] = []
    exchange = False
    size = 0
    result = connection.execute(_newest_first.limit(max_rows + 1), {"session": session_id, "start": 0, "end": end})
    while (found := result.fetchone()) is not None:
        message = _message(found)
        size += len(_encode(message.row())) + 1
        if len(kept) == max_rows or size > max_bytes:
            break
        kept.append(message)
        exchange = exchange or message.role == "user" or message.position == 0
    result.close()
    return kept[::-1] if exchange else []


def tool_content(connection: Connection, session_id: str, tool_call_id: str, part: str, *, run_id: str | None = None) -> str | None:
    """A tool's payload in full: `part` is `result` or the name of an argument (`argument:<name>` where that is itself `result`).

    An argument that is not text comes as JSON. None if there is no such call or part. Providers may use a call id again in a later
    run: the newest counts, unless `run_id` names one.
    """
    rows = connection.execute(_tool_rows, {"session": session_id, "tid": tool_call_id}).all()
    row = next((row for row in rows if run_id is None or row.run_id == run_id), None)
    if row is None:
        return None
    if part == payloads.RESULT:
        found = _stored_payload(connection, session_id, tool_call_id, part, row.position, row.position)
        if found is None:
            found = connection.execute(_content, {"session": session_id, "position": row.position}).scalar_one()
        return found
    name = part.removeprefix(payloads.ARGUMENT)
    older = next((other.position for other in rows if other.position < row.position), 0)
    found = _stored_payload(connection, session_id, tool_call_id, payloads.ARGUMENT + name, older, row.position)
    return found if found is not None else _argument(connection, session_id, tool_call_id, name, row)


def _stored_payload(connection: Connection, session_id: str, tid: str, part: str, start: int, end: int) -> str | None:
    values = {"session": session_id, "tid": tid, "part": part, "start": start, "end": end}
    found: str | None = connection.execute(_payload, values).scalar()
    return found


def _argument(connection: Connection, session_id: str, tid: str, name: str, tool_row: Any) -> str | None:
    """From the row that made the call: the nearest one before its tool row that names it, in the same run."""
    for run_id, extra in connection.execute(_callers, {"session": session_id, "end": tool_row.position}):
        if run_id != tool_row.run_id:
            break
        calls = _decode(extra).get("tool_calls")
        if isinstance(calls, list) and any(isinstance(call, dict) and call.get("id") == tid for call in calls):
            return payloads.argument(calls, tid, name)
    return None


def _count(connection: Connection, session_id: str) -> int:
    last = connection.execute(_last_position, {"session": session_id}).scalar()
    return 0 if last is None else last + 1


def _read(rows: Iterable[Any]) -> list[Message]:
    return [_message(row) for row in rows]


def _message(row: Any) -> Message:
    *columns, extra, content = row
    return Message(*[*columns, _decode(extra), content])
