"""What the agent asks the person: permission and questions, and what it may do without asking."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from propylon.runs.fold import Row
from propylon.sessions.changes import Changes
from propylon.web import schemas
from propylon.web.bodies import JsonRoute
from propylon.web.deps import Given, Services, Who, reply
from propylon.web.errors import PROBLEMS, STALE
from propylon.web.security.rules import ANSWERS, FOLLOWS, READS, declares
from propylon.web.sse import HEARTBEAT, SILENCE_S, EventStream, json_frame

router = APIRouter(tags=["questions"], route_class=JsonRoute, responses=PROBLEMS)

SessionId = Annotated[str, Query(min_length=1, max_length=64)]
EVENTS: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {}}}}


@router.get("/api/approval/pending", response_model=schemas.Pending)
@declares(READS)
async def pending_approval(given: Given, session_id: SessionId) -> Response:
    """The oldest open approval of the session, how many there are, and all of them."""
    return reply(given.masking.value(approvals(session_id, await given.questions.open(session_id, "approval"))))


@router.get("/api/approval/stream", response_class=Response, responses=EVENTS)
@declares(FOLLOWS)
async def approval_stream(given: Given, session_id: SessionId) -> Response:
    """The same as `initial`, then as `approval` whenever it changes."""
    await given.sessions.get(session_id)

    async def now() -> Any:
        return given.masking.value(approvals(session_id, await given.questions.open(session_id, "approval")))

    return EventStream(_changes(given.changes, session_id, "approval", now))


@router.post("/api/approval/respond", response_model=schemas.ApprovalAnswered, responses=STALE)
@declares(ANSWERS)
async def respond_to_approval(given: Given, who: Who, body: schemas.ApprovalResponse) -> Response:
    """Decide an approval by its id. The first decision counts; a later one is 409 with `stale` and how it was decided."""
    await given.questions.approve(body.session_id, body.choice, body.approval_id, body.reason or "")
    await given.accounts.audit.note("approval_answered", who, session=body.session_id, approval=body.approval_id, choice=body.choice)
    return reply({"ok": True, "choice": body.choice, "stale_cleared": False})


@router.post("/api/approval/revoke", response_model=schemas.Granted)
@declares(ANSWERS)
async def revoke(given: Given, who: Who, body: schemas.Revoke) -> Response:
    """Ask again for what was allowed for the session; from the next run on."""
    granted = await given.permissions.revoke(body.session_id, body.pattern_key)
    await given.accounts.audit.note("grant_revoked", who, session=body.session_id)
    return reply({"ok": True, "granted": granted})


@router.get("/api/clarify/pending", response_model=schemas.Pending)
@declares(READS)
async def pending_clarify(given: Given, session_id: SessionId) -> Response:
    """The oldest open question of the session, how many there are, and all of them."""
    return reply(given.masking.value(clarifies(session_id, await given.questions.open(session_id, "clarify"))))


@router.get("/api/clarify/stream", response_class=Response, responses=EVENTS)
@declares(FOLLOWS)
async def clarify_stream(given: Given, session_id: SessionId) -> Response:
    """The same as `initial`, then as `clarify` whenever it changes."""
    await given.sessions.get(session_id)

    async def now() -> Any:
        return given.masking.value(clarifies(session_id, await given.questions.open(session_id, "clarify")))

    return EventStream(_changes(given.changes, session_id, "clarify", now))


@router.post("/api/clarify/respond", response_model=schemas.ClarifyAnswered, responses=STALE)
@declares(ANSWERS)
async def respond_to_clarify(given: Given, who: Who, body: schemas.ClarifyResponse) -> Response:
    """Answer a question by its id; the text may be called `response`, `answer` or `choice`."""
    text = next((text for text in (body.response, body.answer, body.choice) if text is not None), "")
    await given.questions.clarify(body.session_id, await _meant(given, body, text), body.clarify_id)
    await given.accounts.audit.note("clarify_answered", who, session=body.session_id, clarify=body.clarify_id)
    return reply({"ok": True, "response": given.masking.text(text.strip())})


async def _meant(given: Services, body: schemas.ClarifyResponse, text: str) -> str:
    """The choice that was offered under this text, if it was masked."""
    if given.masking.text(text) != text or ("***" not in text and "..." not in text):
        return text
    waiting = await given.questions.open(body.session_id, "clarify")
    offered = {choice for asked in waiting if body.clarify_id in (None, asked["id"]) for choice in asked["choices"]}
    meant = [choice for choice in offered if given.masking.text(choice) == text]
    return meant[0] if len(meant) == 1 else text


@router.get("/api/session/yolo", response_model=schemas.Yolo)
@declares(READS)
async def yolo(given: Given, session_id: SessionId) -> Response:
    """Whether the agent may do everything in this session without asking."""
    return reply({"yolo_enabled": await given.permissions.yolo(session_id)})


@router.post("/api/session/yolo", response_model=schemas.Yolo)
@declares(ANSWERS)
async def set_yolo(given: Given, who: Who, body: schemas.SetYolo) -> Response:
    """Allow everything in this session, what waits now too, or ask again."""
    enabled = await given.permissions.set_yolo(body.session_id, body.enabled)
    await given.accounts.audit.note("yolo_set", who, session=body.session_id, enabled=enabled)
    return reply({"ok": True, "yolo_enabled": enabled})


def approvals(session: str, waiting: list[Row]) -> dict[str, Any]:
    return _pending([_approval(session, question) for question in waiting])


def clarifies(session: str, waiting: list[Row]) -> dict[str, Any]:
    return _pending([_clarify(session, question) for question in waiting])


def _pending(found: list[dict[str, Any]]) -> dict[str, Any]:
    return {"pending": found[0] if found else None, "pending_count": len(found), "all": found}


def _approval(session: str, question: Row) -> dict[str, Any]:
    keys = question["pattern_keys"]
    return {
        "approval_id": question["id"],
        "session_id": session,
        "command": question["command"],
        "description": question["description"],
        "pattern_key": keys[0] if keys else "",
        "pattern_keys": keys,
        "choices": question["choices"],
        "requested_at": question["requested_at"],
        "expires_at": question["expires_at"],
        "smart_denied": question["smart_denied"],
    }


def _clarify(session: str, question: Row) -> dict[str, Any]:
    expires, asked = question["expires_at"], question["requested_at"]
    return {
        "clarify_id": question["id"],
        "session_id": session,
        "kind": "clarify",
        "question": question["question"],
        "choices_offered": question["choices"],
        "requested_at": asked,
        "expires_at": expires,
        "timeout_seconds": 0 if expires is None else round(expires - asked),
    }


async def _changes(changes: Changes, session: str, event: str, now: Callable[[], Awaitable[dict[str, Any]]]) -> AsyncGenerator[bytes]:
    version, last = changes.version, await now()
    yield json_frame("initial", last)
    while True:
        found = await changes.next(version, SILENCE_S)
        version = found[-1].version if found else version
        if not found:
            yield HEARTBEAT
        elif any(change.session_id == session for change in found) and (present := await now()) != last:
            last = present
            yield json_frame(event, last)
