"""Runs: a session is claimed in one transaction, and given back in one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection, bindparam

from propylon.errors import NotFound
from propylon.events import Usage
from propylon.store import messages
from propylon.store.contexts import ContextRow, store_context
from propylon.store.records import Again, Busy, Run, RunStatus, Session, Started
from propylon.store.schema import runs, sessions
from propylon.store.sessions import get as get_session

TITLE_LENGTH = 64
"""Characters of a title made from a message, at most."""

_encode = msgspec.json.Encoder().encode
_usage = msgspec.json.Decoder(Usage).decode
_NO_USAGE = Usage()
_failure = msgspec.json.Decoder(dict[str, str]).decode

_r, _s = runs.c, sessions.c
_select = sa.select(*[_r[name] for name in Run.__struct_fields__])
_by_id = _select.where(_r.id == bindparam("run"))
_by_key = _select.where(_r.session_id == bindparam("session"), _r.idempotency_key == bindparam("key"))
# The literal lets the small index of running runs be used; a bound value would not.
_running = _select.where(_r.status == sa.literal_column("'running'")).order_by(_r.started_at)
# Columns are named by the values that come with these: a statement made once is not analysed anew at each turn.
_insert = runs.insert()
_decide = runs.update().where(_r.id == bindparam("run"), _r.status == sa.literal_column("'running'"))
_change_session = sessions.update().where(_s.id == bindparam("session"))


def start_run(
    connection: Connection,
    session_id: str,
    run_id: str,
    rows: Sequence[Mapping[str, Any]],
    *,
    at: float,
    idempotency_key: str | None = None,
    model: str = "",
    provider: str = "",
    runtime: str = "",
) -> Started | Again | Busy:
    """Claim the session for a new run and store the person's message.

    `rows` are message rows as on the wire, usually one. The run goes on from the session's `last_run`. A session without a title is
    given one from the first message. Raises NotFound when there is no such session; then, and in every answer but Started, nothing
    is changed.
    """
    session = _session(connection, session_id)
    if idempotency_key is not None and (before := run_by_key(connection, session_id, idempotency_key)) is not None:
        return Again(before.id)
    if session.active_run is not None:
        return Busy(session.active_run)
    run = Run(
        id=run_id,
        session_id=session_id,
        branch=session.branch,
        status="running",
        idempotency_key=idempotency_key,
        model=model,
        provider=provider,
        runtime=runtime,
        base_run=session.last_run,
        started_at=at,
        ended_at=None,
        first_position=session.message_count,
        end_position=None,
        usage=Usage(),
        failure=None,
    )
    add(connection, run)
    changes = _added(connection, session, run_id, rows, at) | _title(session, rows) | {"active_run": run_id}
    return Started(run, _changed(connection, session, changes))


def finish_run(
    connection: Connection,
    run_id: str,
    *,
    status: RunStatus,
    rows: Sequence[Mapping[str, Any]],
    ended_at: float,
    usage: Usage = _NO_USAGE,
    failure: Mapping[str, str] | None = None,
    context: tuple[int, Sequence[ContextRow]] | None = None,
    model: str | None = None,
    provider: str | None = None,
    granted: Sequence[str] = (),
) -> tuple[Run, Session] | None:
    """Decide the run's outcome and store all that came of it; None, and nothing changed, if it was decided before.

    `context` is (keep, rows): the model context from now on is the first `keep` messages of the one the run started from, then
    `rows`; without it the session goes on from where it was. `model` and `provider` are what really answered; a session that had
    named none keeps them. `granted` are pattern keys that a person allowed for the rest of the session; they are added to those before.
    Raises NotFound when there is no such run.
    """
    run = _run(connection, run_id)
    session = _session(connection, run.session_id)
    run = msgspec.structs.replace(
        run,
        status=status,
        ended_at=ended_at,
        end_position=session.message_count + len(rows),
        usage=usage,
        failure=None if failure is None else dict(failure),
        model=run.model if model is None else model,
        provider=run.provider if provider is None else provider,
    )
    values = {name: getattr(run, name) for name in ("status", "ended_at", "end_position", "model", "provider")}
    values["usage"] = _encode(usage).decode()
    values["failure"] = None if failure is None else _encode(run.failure).decode()
    decided = connection.execute(_decide, {"run": run_id, **values})
    if decided.rowcount == 0:
        return None
    added = _added(connection, session, run_id, rows, ended_at)
    if not session.model and model:
        added |= {"model": model, "provider": provider or ""}
    if not set(granted) <= set(session.granted):
        added["granted"] = tuple(dict.fromkeys([*session.granted, *granted]))
    if context is not None:
        store_context(connection, run_id, session.id, run.base_run, *context)
        added["last_run"] = run_id
    added |= {
        "active_run": None if session.active_run == run_id else session.active_run,
        "input_tokens": session.input_tokens + usage.input_tokens,
        "output_tokens": session.output_tokens + usage.output_tokens,
        "estimated_cost": session.estimated_cost + usage.estimated_cost,
    }
    # A run that ended before the model was asked knows nothing of the window; what is known stays.
    window = {name: getattr(usage, name) for name in ("context_length", "threshold_tokens", "last_prompt_tokens")}
    added |= {name: value for name, value in window.items() if value}
    return run, _changed(connection, session, added)


def add(connection: Connection, run: Run) -> None:
    """Store a run that has not failed."""
    connection.execute(_insert, {**msgspec.structs.asdict(run), "usage": _encode(run.usage).decode()})


def get_run(connection: Connection, run_id: str) -> Run | None:
    return _record(connection.execute(_by_id, {"run": run_id}).one_or_none())


def run_by_key(connection: Connection, session_id: str, idempotency_key: str) -> Run | None:
    """The run that a send with this key started in the session."""
    return _record(connection.execute(_by_key, {"session": session_id, "key": idempotency_key}).one_or_none())


def active_runs(connection: Connection) -> list[Run]:
    """All runs without an outcome, oldest first: what a starting server has to take up or to close."""
    return [_of(row) for row in connection.execute(_running)]


def title_from(text: str) -> str:
    """A title from a message: its words with single spaces, cut before the word that goes beyond `TITLE_LENGTH` characters."""
    title = " ".join(text.split())
    if len(title) <= TITLE_LENGTH:
        return title
    return title[: TITLE_LENGTH + 1].rpartition(" ")[0] or title[:TITLE_LENGTH]


def _added(connection: Connection, session: Session, run_id: str, rows: Sequence[Mapping[str, Any]], at: float) -> dict[str, Any]:
    """Store rows at the session's end; what changes in the session's own row by that."""
    messages.append(connection, session.branch, run_id, session.message_count, rows, at=at)
    changes: dict[str, Any] = {
        "message_count": session.message_count + len(rows),
        "user_message_count": session.user_message_count + sum(row["role"] == "user" for row in rows),
        "updated_at": max(session.updated_at, at),
        "revision": session.revision + 1,
    }
    return changes | {"last_message_at": at} if rows else changes


def _title(session: Session, rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    if session.title_source != "none":
        return {}
    title = title_from(next((row["content"] for row in rows if row["role"] == "user"), ""))
    return {"title": title, "title_source": "first_message"} if title else {}


def _changed(connection: Connection, session: Session, changes: dict[str, Any]) -> Session:
    """Store the changes; the session with them, without reading it again."""
    connection.execute(_change_session, {"session": session.id, **changes})
    return msgspec.structs.replace(session, **changes)


def _session(connection: Connection, session_id: str) -> Session:
    session = get_session(connection, session_id)
    if session is None:
        raise NotFound("Session not found")
    return session


def _run(connection: Connection, run_id: str) -> Run:
    run = get_run(connection, run_id)
    if run is None:
        raise NotFound("stream not found")
    return run


def _record(row: Any) -> Run | None:
    return None if row is None else _of(row)


def _of(row: Any) -> Run:
    *columns, usage, failure = row
    return Run(*[*columns, _usage(usage), None if failure is None else _failure(failure)])
