"""The rows of the transcript: positions 0, 1, 2 ... without gaps along the branches of each session, only ever added.

A transcript is read in its segments (branches.py), the newest first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection, bindparam

from propylon.store import branches, payloads
from propylon.store.records import Message, Row
from propylon.store.schema import messages
from propylon.store.schema import payloads as payloads_table

PAGE_ROWS = 500
"""Rows of one page at most, tool rows included."""

_OWN = frozenset({"branch", "position", "message_id", "run_id", "role", "content", "timestamp", "tool_call_id"})
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode

_m = messages.c
_insert = messages.insert()
_columns = [_m[name] for name in Message.__struct_fields__]
_branch: sa.BindParameter[str] = bindparam("branch")
_start: sa.BindParameter[int] = bindparam("start")
_end: sa.BindParameter[int] = bindparam("end")
_here = sa.and_(_m.branch == _branch, _m.position >= _start, _m.position < _end)
_newest_first = sa.select(*_columns).where(_here).order_by(_m.position.desc())
_newest = _newest_first.limit(bindparam("size"))
_visible = sa.select(_m.position).where(_here, _m.visible).order_by(_m.position.desc()).limit(bindparam("size"))
_people = sa.select(sa.func.count()).where(_here, _m.visible, _m.role == "user")
_last_of_person = sa.select(*_columns).where(_here, _m.visible, _m.role == "user").order_by(_m.position.desc()).limit(1)
_tool_rows = (
    sa.select(_m.branch, _m.position, _m.run_id)
    .where(_here, _m.tool_call_id == bindparam("tid"), _m.tool_call_id.is_not(None))
    .order_by(_m.position.desc())
)
_content = sa.select(_m.content).where(_m.branch == _branch, _m.position == bindparam("position"))
_callers = sa.select(_m.run_id, _m.extra).where(_here, _m.visible).order_by(_m.position.desc())
_by_message_id = sa.select(*_columns).where(_m.message_id == bindparam("message"))
_insert_payload = payloads_table.insert()
_p = payloads_table.c
_payload = (
    sa.select(_p.content)
    .where(_p.branch == _branch, _p.tool_call_id == bindparam("tid"), _p.part == bindparam("part"))
    .where(_p.position < _end, _p.position >= _start)
    .order_by(_p.position.desc())
    .limit(1)
)


class Page(NamedTuple):
    """`offset` is the position of the first row (where the page ends, if it is empty); `truncated` says that older rows exist."""

    messages: list[Message]
    offset: int
    truncated: bool


def append(connection: Connection, branch: str, run_id: str, start: int, rows: Sequence[Mapping[str, Any]], *, at: float) -> None:
    """Store rows as they are on the wire from position `start` of the branch on. A row without a `timestamp` gets `at`."""
    cutter = payloads.Cutter()
    stored: list[dict[str, Any]] = []
    large: dict[tuple[str, str, int], str] = {}
    for position, given in enumerate(rows, start):
        row, cuts = cutter.cut(given)
        stored.append(
            {
                "branch": branch,
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
            [{"branch": branch, **dict(zip(names, key, strict=True)), "content": text} for key, text in large.items()],
        )


def is_visible(row: Mapping[str, Any]) -> bool:
    """Whether the row is one of the conversation's two sides and counts in a page."""
    return row["role"] in ("user", "assistant")


def tail(connection: Connection, session_id: str, limit: int, before: int | None = None) -> Page:
    """The last rows (those below position `before`, if given) down to the `limit`-th visible one, at most `PAGE_ROWS` in all."""
    end = branches.ALL if before is None else max(0, before)
    path = branches.path(connection, session_id, end=end, rows=PAGE_ROWS)
    if not path:
        return Page([], 0, False)
    wanted = min(max(limit, 1), PAGE_ROWS)
    end = path[0].end
    visible = [position for (position,) in islice(_rows(connection, _visible, path, size=wanted), wanted)]
    offset = max(visible[-1] if len(visible) == wanted else 0, end - PAGE_ROWS)
    return Page(_between(connection, path, offset), offset, offset > 0)


def rows_between(connection: Connection, session_id: str, start: int, end: int) -> list[Message]:
    """The rows at positions `start` up to, not including, `end`."""
    return _between(connection, _path(connection, session_id, start, end), start)


def tail_bounded(connection: Connection, branch: str, end: int, *, max_rows: int = 50, max_bytes: int = 256 * 1024) -> list[Message]:
    """The last whole rows of the branch below `end` that fit into the bounds (bytes of JSON on the wire), oldest first.

    Empty if they would not hold the last exchange, that is the last user row and all that follows it.
    """
    path = branches.path_of(connection, branch, end=end, rows=max_rows + 1)
    kept: list[Message] = []
    exchange = False
    size = 0
    for found in _rows(connection, _newest, path, size=max_rows + 1):
        message = _message(found)
        size += len(_encode(message.row())) + 1
        if len(kept) == max_rows or size > max_bytes:
            break
        kept.append(message)
        exchange = exchange or message.role == "user" or message.position == 0
    return kept[::-1] if exchange else []


def tail_of(connection: Connection, branch: str, end: int) -> Message | None:
    """The last row below `end` of a branch's transcript."""
    path = branches.path_of(connection, branch, end=end, rows=1)
    found = next(_rows(connection, _newest, path, size=1), None)
    return None if found is None else _message(found)


def people_between(connection: Connection, session_id: str, start: int, end: int) -> int:
    """How many of the rows at positions `start` up to, not including, `end` are a person's."""
    path = _path(connection, session_id, start, end)
    return sum(count for (count,) in _rows(connection, _people, path, start=start))


def last_of_person(connection: Connection, session_id: str) -> Message | None:
    """The last row of the transcript that is a person's."""
    found = next(_rows(connection, _last_of_person, branches.path(connection, session_id)), None)
    return None if found is None else _message(found)


def by_message_id(connection: Connection, session_id: str, message_id: str) -> Message | None:
    """The row, if it is in the session's transcript: not in another session, and not in a branch that was left."""
    row = connection.execute(_by_message_id, {"message": message_id}).one_or_none()
    if row is None:
        return None
    path = branches.path(connection, session_id, end=row.position + 1, rows=1)
    here = path and path[0].branch == row.branch and path[0].end == row.position + 1
    return _message(row) if here else None


def tool_content(connection: Connection, session_id: str, tool_call_id: str, part: str, *, run_id: str | None = None) -> str | None:
    """A tool's payload in full: `part` is `result` or the name of an argument (`argument:<name>` where that is itself `result`).

    An argument that is not text comes as JSON. None if there is no such call or part. Providers may use a call id again in a later
    run: the newest counts, unless `run_id` names one.
    """
    path = branches.path(connection, session_id)
    rows = list(_rows(connection, _tool_rows, path, tid=tool_call_id))
    row = next((row for row in rows if run_id is None or row.run_id == run_id), None)
    if row is None:
        return None
    here = [segment._replace(end=min(segment.end, row.position + 1)) for segment in path if segment.start <= row.position]
    if part == payloads.RESULT:
        found = _stored_payload(connection, here[:1], tool_call_id, part, row.position)
        if found is None:
            found = connection.execute(_content, {"branch": row.branch, "position": row.position}).scalar_one()
        return found
    name = part.removeprefix(payloads.ARGUMENT)
    older = next((other.position for other in rows if other.position < row.position), 0)
    found = _stored_payload(connection, here, tool_call_id, payloads.ARGUMENT + name, older)
    return found if found is not None else _argument(connection, here, tool_call_id, name, row)


def whole(connection: Connection, message: Message) -> Row:
    """The row as it was before its payloads were cut."""
    here = [branches.Segment(message.branch, message.position, message.position + 1)]
    return payloads.joined(message.row(), lambda tid, part: _stored_payload(connection, here, tid, part, message.position))


def _stored_payload(connection: Connection, path: Sequence[branches.Segment], tid: str, part: str, start: int) -> str | None:
    """The newest one at `start` or above in the segments."""
    found = next(_rows(connection, _payload, path, start=start, tid=tid, part=part), None)
    return None if found is None else found.content


def _argument(connection: Connection, path: Sequence[branches.Segment], tid: str, name: str, tool_row: Any) -> str | None:
    """From the row that made the call: the nearest one before its tool row that names it, in the same run."""
    for run_id, extra in islice(_rows(connection, _callers, path), PAGE_ROWS):
        if run_id != tool_row.run_id:
            break
        calls = _decode(extra).get("tool_calls")
        if isinstance(calls, list) and any(isinstance(call, dict) and call.get("id") == tid for call in calls):
            return payloads.argument(calls, tid, name)
    return None


def _path(connection: Connection, session_id: str, start: int, end: int) -> list[branches.Segment]:
    """The segments that hold the rows at positions `start` up to, not including, `end`."""
    path = branches.path(connection, session_id, end=max(0, end), rows=max(0, end - start))
    return [segment for segment in path if segment.end > start]


def _between(connection: Connection, path: Sequence[branches.Segment], start: int) -> list[Message]:
    return [_message(row) for row in _rows(connection, _newest_first, path, start=start)][::-1]


def _rows(
    connection: Connection, query: sa.Select[Any], path: Sequence[branches.Segment], *, start: int = 0, **values: Any
) -> Iterator[Any]:
    """What the query finds in each segment at `start` and above, segment by segment and only as far as it is asked for."""
    for segment in path:
        if segment.end > start:
            here = {"branch": segment.branch, "start": max(segment.start, start), "end": segment.end}
            with connection.execute(query, {**here, **values}) as result:
                yield from result


def _message(row: Any) -> Message:
    *columns, extra, content = row
    return Message(*[*columns, _decode(extra), content])
