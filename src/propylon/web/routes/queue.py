"""The messages that wait for a session to be free. They are a person's own words that can still be changed, so they are not masked."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from propylon.runs.queue import Waiting
from propylon.web import schemas
from propylon.web.bodies import JsonRoute
from propylon.web.deps import Given, reply
from propylon.web.errors import BUSY, PROBLEMS
from propylon.web.security.rules import CHATS, READS, SENDS, declares

router = APIRouter(tags=["queue"], route_class=JsonRoute, responses=PROBLEMS)


@router.get("/api/queue", response_model=schemas.Queue)
@declares(READS)
async def waiting(given: Given, session_id: Annotated[str, Query(min_length=1, max_length=64)]) -> Response:
    """In the order in which they will be sent. `paused`: nothing is live, so none will start by itself."""
    return reply((await given.queue.waiting(session_id)).view())


@router.post("/api/queue/add", response_model=schemas.QueueChanged)
@declares(SENDS)
async def add(given: Given, body: schemas.QueueAdd) -> Response:
    """Behind the others, or before them. Sent at once when the session is free; the same `id` again changes nothing."""
    return _changed(await given.queue.add(body.session_id, body.id, body.message, first=body.first))


@router.post("/api/queue/edit", response_model=schemas.QueueChanged)
@declares(SENDS)
async def edit(given: Given, body: schemas.QueueEdit) -> Response:
    return _changed(await given.queue.edit(body.session_id, body.id, body.message))


@router.post("/api/queue/remove", response_model=schemas.QueueChanged)
@declares(CHATS)
async def remove(given: Given, body: schemas.QueueItem) -> Response:
    return _changed(await given.queue.remove(body.session_id, body.id))


@router.post("/api/queue/move", response_model=schemas.QueueChanged)
@declares(CHATS)
async def move(given: Given, body: schemas.QueueMove) -> Response:
    """Before another one; to the end without `before`."""
    return _changed(await given.queue.move(body.session_id, body.id, body.before))


@router.post("/api/queue/send", response_model=schemas.QueueChanged, responses=BUSY)
@declares(CHATS)
async def send(given: Given, body: schemas.OfSession) -> Response:
    """Start the first one now."""
    return _changed(await given.queue.send(body.session_id))


def _changed(now: Waiting) -> Response:
    return reply({"ok": True, **now.view(), "stream_id": now.run})
