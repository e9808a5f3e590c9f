"""Sessions: list, open, make, watch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import PlainTextResponse, Response

from propylon.sessions.changes import Change, Changes
from propylon.web import schemas
from propylon.web.bodies import JsonRoute
from propylon.web.deps import Given, Who, reply
from propylon.web.errors import PROBLEMS
from propylon.web.masking import Masking
from propylon.web.security.rules import CHATS, FOLLOWS, LOOKS_AFTER, READS, declares
from propylon.web.sse import HEARTBEAT, SILENCE_S, EventStream, json_frame

router = APIRouter(tags=["sessions"], route_class=JsonRoute, responses=PROBLEMS)

SessionId = Annotated[str, Query(min_length=1, max_length=64)]


@router.get("/api/sessions", response_model=schemas.SessionList)
@declares(READS)
async def list_sessions(
    given: Given,
    limit: Annotated[int | None, Query(ge=1, le=500)] = None,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
    include_archived: bool = False,
    archived_limit: Annotated[int | None, Query(ge=0, le=500)] = None,
) -> Response:
    """Newest first. With `limit` a page, continued by `cursor`; without it the newest 500 and all pinned and live ones."""
    found = await given.sessions.list(
        profile="default", limit=limit, cursor=cursor, include_archived=include_archived, archived_limit=archived_limit
    )
    return reply(given.masking.value(found))


@router.get("/api/session", response_model=schemas.OneSession)
@declares(READS)
async def open_session(
    given: Given,
    session_id: SessionId,
    messages: bool = True,
    msg_limit: Annotated[int | None, Query(ge=1)] = None,
    msg_before: Annotated[int | None, Query(ge=0)] = None,
) -> Response:
    """A session with its last rows, or those before an absolute index. Opening it makes its agent ready in the background."""
    detail = await given.sessions.open(session_id, limit=msg_limit, before=msg_before, with_messages=messages)
    if messages and msg_before is None:
        given.prepare(await given.sessions.get(session_id))
    return reply(given.masking.value({"session": detail}))


@router.get("/api/session/reveal", response_model=schemas.Revealed)
@declares(LOOKS_AFTER)
async def reveal(given: Given, who: Who, session_id: SessionId, message_id: Annotated[str, Query(min_length=1, max_length=80)]) -> Response:
    """One row as it was said, with its secrets. Noted in the audit log."""
    row = await given.runs.row(session_id, message_id)
    await given.accounts.audit.note("secret_revealed", who, session=session_id, message=message_id)
    return reply({"message": row})


@router.get("/api/session/status", response_model=schemas.SessionStatus)
@declares(READS)
async def session_status(given: Given, session_id: SessionId) -> Response:
    """Whether a run is live, and for which message."""
    detail = await given.sessions.open(session_id, limit=None, before=None, with_messages=False)
    return reply(
        {
            "session_id": session_id,
            "active_stream_id": detail["active_stream_id"],
            "is_streaming": detail["is_streaming"],
            "agent_running": detail["is_streaming"],
            "pending_user_message": given.masking.text(detail["pending_user_message"] or "") or None,
        }
    )


@router.post("/api/session/new", response_model=schemas.OneSession)
@declares(CHATS)
async def new_session(given: Given, body: schemas.NewSession) -> Response:
    """A new session; its agent is made ready in the background."""
    detail = await given.sessions.create(workspace=body.workspace, model=body.model, provider=body.model_provider, profile=body.profile)
    given.prepare(await given.sessions.get(detail["session_id"]))
    return reply(given.masking.value({"session": detail}))


@router.get("/api/tool-result", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
@declares(READS)
async def tool_result(given: Given, session_id: SessionId, tool_call_id: str, part: str = "result") -> Response:
    """A tool's result, or one of its arguments by name, in full."""
    whole = await given.runs.tool_text(session_id, tool_call_id, part)
    # It may be megabytes, and nobody else should wait while secrets are looked for in them.
    text = await asyncio.to_thread(given.masking.payload, part, whole)
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return PlainTextResponse(text, headers=headers)


@router.get("/api/sessions/events", response_class=Response, responses={200: {"content": {"text/event-stream": {}}}})
@declares(FOLLOWS)
async def all_changes(given: Given) -> Response:
    """`sessions_changed` for every change; watchers that missed some list anew."""
    return EventStream(_all_changes(given.changes, given.masking))


@router.get("/api/session/stream", response_class=Response, responses={200: {"content": {"text/event-stream": {}}}})
@declares(FOLLOWS)
async def session_changes(given: Given, session_id: SessionId) -> Response:
    """One session across its turns: `initial` first, then when a turn starts or ends."""
    await given.sessions.get(session_id)
    return EventStream(_session_changes(given.changes, session_id, given.masking))


async def _all_changes(changes: Changes, masking: Masking) -> AsyncGenerator[bytes]:
    version = changes.version
    yield b": connected\n\n"
    while True:
        found = await changes.next(version, SILENCE_S)
        if found:
            version = found[-1].version
            yield b"".join(_changed(change, masking) for change in found)
        else:
            yield HEARTBEAT


def _changed(change: Change, masking: Masking) -> bytes:
    known = {"type": "sessions_changed", "version": change.version, "reason": change.reason, "session_id": change.session_id}
    return json_frame("sessions_changed", {**known, **masking.value(change.facts)})


async def _session_changes(changes: Changes, session_id: str, masking: Masking) -> AsyncGenerator[bytes]:
    version = changes.version
    yield json_frame("initial", {"session_id": session_id})
    while True:
        found = await changes.next(version, SILENCE_S)
        version = found[-1].version if found else version
        frames = [_turn(change, masking) for change in found if change.session_id == session_id]
        if frames or not found:
            yield b"".join(frames) or HEARTBEAT


def _turn(change: Change, masking: Masking) -> bytes:
    facts = {"session_id": change.session_id, **masking.value(change.facts)}
    match change.reason:
        case "run_started":
            return json_frame("server_turn_started", {**facts, "stream_id": change.facts["active_stream_id"]})
        case "run_finished" if change.facts["status"] in ("completed", "cancelled"):
            return json_frame("turn_completed", {**facts, "summary": ""})
        case "run_finished":
            return json_frame("turn_failed", {**facts, "error": change.facts["status"]})
        case _:
            return json_frame("session-updated", facts)
