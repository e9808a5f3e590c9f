"""Messages that wait for their session to be free, in the order in which they are to be said."""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection, bindparam

from propylon.errors import Invalid, NotFound
from propylon.store.records import Queued
from propylon.store.schema import queued, runs, sessions

LIMIT = 100
"""Messages that wait in one session, at most."""

_q, _r, _s = queued.c, runs.c, sessions.c
_session: sa.BindParameter[str] = bindparam("session")
_here = _q.session_id == _session
_one = sa.and_(_here, _q.id == bindparam("number"))
_select = sa.select(*[_q[name] for name in Queued.__struct_fields__])
_in_order = _select.where(_here).order_by(_q.place)
_by_id = _select.where(_one)
_insert = queued.insert()
_update = queued.update().where(_one)
_delete = queued.delete().where(_one)
_ends = sa.select(sa.func.count(), sa.func.min(_q.place), sa.func.max(_q.place)).where(_here)
_last_status = (
    sa.select(_r.status)
    .where(_r.session_id == _s.id, _r.status != "cut")
    .order_by(_r.started_at.desc())
    .limit(1)
    .correlate(sessions)
    .scalar_subquery()
)
_waiting = (
    sa.select(_s.id)
    .where(_s.id.in_(sa.select(_q.session_id).distinct()), _s.active_run.is_(None), _last_status == "completed")
    .order_by(_s.id)
)


class _Ends(NamedTuple):
    """How many wait, and the places of the first and the last."""

    size: int
    first: float
    last: float


def add(connection: Connection, session_id: str, number: str, text: str, *, at: float, first: bool = False) -> Queued:
    """Put a message at the end, or before all others. One with this id that waits already is left as it is, and is the answer.

    Raises NotFound when there is no such session, and Invalid when `LIMIT` messages wait.
    """
    if (known := _get(connection, session_id, number)) is not None:
        return known
    if connection.execute(sa.select(_s.id).where(_s.id == _session), {"session": session_id}).scalar() is None:
        raise NotFound("Session not found")
    ends = _ends_of(connection, session_id)
    if ends.size >= LIMIT:
        raise Invalid(f"{LIMIT} messages wait already")
    place = ends.first - 1 if first else ends.last + 1
    message = Queued(session_id=session_id, id=number, place=place, text=text, created_at=at)
    connection.execute(_insert, {name: getattr(message, name) for name in Queued.__struct_fields__})
    return message


def listing(connection: Connection, session_id: str) -> list[Queued]:
    """All that wait, the next one first."""
    return [Queued(*row) for row in connection.execute(_in_order, {"session": session_id})]


def edit(connection: Connection, session_id: str, number: str, text: str) -> Queued:
    """Raises NotFound when it does not wait, or not any more."""
    connection.execute(_update, {"session": session_id, "number": number, "text": text})
    return _found(connection, session_id, number)


def remove(connection: Connection, session_id: str, number: str) -> bool:
    """Whether it waited."""
    return connection.execute(_delete, {"session": session_id, "number": number}).rowcount == 1


def move(connection: Connection, session_id: str, number: str, before: str | None) -> Queued:
    """Put a message before another one, or at the end. Raises NotFound when one of the two does not wait."""
    moved = _found(connection, session_id, number)
    if before == number:
        return moved
    if before is not None:
        _found(connection, session_id, before)
    others = [message.id for message in listing(connection, session_id) if message.id != number]
    others.insert(len(others) if before is None else others.index(before), number)
    for place, each in enumerate(others):
        connection.execute(_update, {"session": session_id, "number": each, "place": float(place)})
    return _found(connection, session_id, number)


def take_first(connection: Connection, session_id: str) -> Queued | None:
    """The next message, which waits no more; None if none waits."""
    row = connection.execute(_in_order.limit(1), {"session": session_id}).one_or_none()
    if row is None:
        return None
    message = Queued(*row)
    remove(connection, session_id, message.id)
    return message


def sessions_with_queue(connection: Connection) -> list[str]:
    """The sessions that would go on by themselves: messages wait, no run is live, and the last run completed."""
    return list(connection.execute(_waiting).scalars())


def _get(connection: Connection, session_id: str, number: str) -> Queued | None:
    row = connection.execute(_by_id, {"session": session_id, "number": number}).one_or_none()
    return None if row is None else Queued(*row)


def _found(connection: Connection, session_id: str, number: str) -> Queued:
    message = _get(connection, session_id, number)
    if message is None:
        raise NotFound("This message does not wait any more")
    return message


def _ends_of(connection: Connection, session_id: str) -> _Ends:
    size, first, last = connection.execute(_ends, {"session": session_id}).one()
    return _Ends(size, first or 0.0, last or 0.0)
