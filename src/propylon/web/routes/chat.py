"""A turn: start it, follow it, stop it."""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import APIRouter, Header, Query
from starlette.requests import Request
from starlette.responses import Response

from propylon.events import Done
from propylon.runs.claim import Send
from propylon.runs.service import Accepted
from propylon.web import schemas
from propylon.web.bodies import JsonRoute
from propylon.web.cursors import cursor
from propylon.web.deps import Given, Services, reply
from propylon.web.errors import BUSY, PROBLEMS
from propylon.web.security.rules import CHATS, FOLLOWS, READS, SENDS, STOPS_BY_GET, declares
from propylon.web.sse import EventStream, run_frames

router = APIRouter(tags=["chat"], route_class=JsonRoute, responses=PROBLEMS)

StreamId = Annotated[str, Query(min_length=1, max_length=64)]

_STATES = {
    "running": "running",
    "completed": "completed",
    "cancelled": "interrupted-by-user",
    "failed": "errored",
    "interrupted": "interrupted-by-crash",
}


@router.post("/api/chat/start", response_model=schemas.ChatStarted, responses=BUSY)
@declares(SENDS)
async def start(given: Given, body: schemas.ChatStart, idempotency_key: Annotated[str | None, Header(max_length=200)] = None) -> Response:
    """Store a message and start its run; answers before any model is asked. The same `Idempotency-Key` is the same run."""
    return _started(given, await given.runs.start(_send(body, idempotency_key)))


@router.post("/api/chat/interrupt", response_model=schemas.ChatStarted, responses=BUSY)
@declares(SENDS)
async def interrupt(
    given: Given, body: schemas.ChatStart, idempotency_key: Annotated[str | None, Header(max_length=200)] = None
) -> Response:
    """Stop what is live in the session and start this message."""
    return _started(given, await given.runs.interrupt(_send(body, idempotency_key)))


@router.post("/api/chat/steer", response_model=schemas.Steered)
@declares(SENDS)
async def steer(given: Given, body: schemas.ChatSteer) -> Response:
    """Say something to the agent at work. Not accepted is no error: `fallback` says why, and the text is the client's to send later."""
    steered = await given.runs.steer(body.session_id, body.text, body.word or secrets.token_hex(8))
    refused = {"fallback": steered.refused} if steered.refused else {}
    return reply({"accepted": not steered.refused, "stream_id": steered.run, **refused})


def _send(body: schemas.ChatStart, key: str | None) -> Send:
    return Send(
        session=body.session_id,
        text=body.message,
        workspace=body.workspace,
        model=body.model,
        provider=body.model_provider,
        key=key,
        edit=body.edit_message_id,
        revision=body.revision,
    )


def _started(given: Services, accepted: Accepted) -> Response:
    return reply(
        {
            "stream_id": accepted.run,
            "session_id": accepted.session,
            "message_id": accepted.message,
            "turn_id": accepted.run,
            "pending_started_at": accepted.started_at,
            "title": given.masking.text(accepted.title),
        }
    )


@router.get("/api/chat/stream", response_class=Response, responses={200: {"content": {"text/event-stream": {}}}})
@declares(FOLLOWS)
async def stream(given: Given, request: Request, stream_id: StreamId) -> Response:
    """The run's events, `id: <run>:<number>`, from a cursor (`after_seq`, `after_event_id`, `Last-Event-ID`) to the last one."""
    reader = await given.runs.follow(stream_id, cursor(stream_id, request.query_params, request.headers))

    async def details(done: Done) -> dict[str, object]:
        return await given.sessions.bounded_tail(done.session_id, done.end, stream_id)

    return EventStream(run_frames(stream_id, reader, details, given.masking))


@router.get("/api/chat/stream/status", response_model=schemas.StreamStatus)
@declares(READS)
async def stream_status(given: Given, stream_id: StreamId) -> Response:
    """Whether the run is live and whether it can be replayed; both false for one that is not known."""
    run, position = await given.runs.status(stream_id)
    known = {"active": run is not None and run.status == "running", "stream_id": stream_id, "replay_available": position is not None}
    if run is None or position is None:
        return reply(known)
    journal = {"terminal": position.terminal is not None, "terminal_state": _STATES[run.status], "last_seq": position.seq}
    return reply({**known, "journal": journal})


@router.post("/api/chat/cancel", response_model=schemas.Cancelled)
@declares(CHATS)
async def cancel(given: Given, body: schemas.ChatCancel) -> Response:
    """Stop a run. One that has ended, or was never known, is not cancelled, and that is no error."""
    return await _cancel(given, body.stream_id)


@router.get("/api/chat/cancel", response_model=schemas.Cancelled)
@declares(STOPS_BY_GET)
async def cancel_by_get(given: Given, stream_id: StreamId) -> Response:
    """The same for native clients. Refused to foreign pages, because a GET that acts can be sent by any of them."""
    return await _cancel(given, stream_id)


async def _cancel(given: Services, stream_id: str) -> Response:
    return reply({"ok": True, "cancelled": await given.runs.cancel(stream_id), "stream_id": stream_id})
