"""The transaction in which a message becomes a run: the session is taken, the message stored, an edited one set aside. All or nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from propylon import ids
from propylon.runs import history
from propylon.sessions.service import found, resolved_workspace
from propylon.store import history as past
from propylon.store import runs as run_rows
from propylon.store import sessions as session_rows
from propylon.store.records import Again, Busy, Session, Started

ChooseRuntime = Callable[[str], str]
"""The name of the runtime that runs of a profile use now."""


@dataclass(frozen=True, kw_only=True)
class Send:
    """A person's message. What is None is as the session has it; `key` makes the same send, any number of times, one run.

    `edit` is the id of an earlier message of the person that this one replaces, with all that came after it; `revision` the state of the
    session that was looked at when that was decided.
    """

    session: str
    text: str
    workspace: str | None = None
    model: str | None = None
    provider: str | None = None
    key: str | None = None
    edit: str | None = None
    revision: int | None = None


@dataclass(frozen=True)
class Claimed:
    """`session` is as it was before the run, `text` what the agent is told."""

    session: Session
    workspace: Path
    text: str
    answer: Started | Again | Busy


def claim(connection: Connection, send: Send, run: str, choose: ChooseRuntime) -> Claimed:
    """Take the session for this message. A model that nobody named is left to the run. Raises NotFound, Invalid, Changed."""
    session = found(connection, send.session)
    at = time.time()
    if send.edit is not None and _free(connection, session, send.key):
        session = past.cut_before(
            connection, session.id, send.edit, revision=send.revision, at=at, reason="edit", context_from=history.from_rows
        )
    workspace = resolved_workspace(send.workspace, Path(session.workspace))
    named = send.model is not None and send.model != session.model
    model, provider = (send.model or "", send.provider or "") if named else (session.model, send.provider or session.provider)
    message = {"message_id": ids.message_id(run, 0), "run_id": run, "role": "user", "content": send.text}
    answer = run_rows.start_run(
        connection,
        send.session,
        run,
        [message],
        at=at,
        idempotency_key=send.key,
        model=model,
        provider=provider,
        runtime=choose(session.profile),
    )
    if isinstance(answer, Started) and (session.model, session.provider, session.workspace) != (model, provider, str(workspace)):
        session_rows.change(connection, send.session, model=model, provider=provider, workspace=str(workspace))
    return Claimed(session, workspace, send.text, answer)


def _free(connection: Connection, session: Session, key: str | None) -> bool:
    """Whether a run would start: what is refused, or was sent before, must not cut anything."""
    return session.active_run is None and (key is None or run_rows.run_by_key(connection, session.id, key) is None)
