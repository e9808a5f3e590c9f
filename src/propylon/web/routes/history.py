"""The past of a session: cut, undone, branched, taken up again; and its title and settings."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from propylon.sessions.service import NewSettings
from propylon.store.branches import PREVIEW
from propylon.web import schemas
from propylon.web.bodies import JsonRoute
from propylon.web.deps import Given, reply
from propylon.web.errors import CONFLICT, PROBLEMS
from propylon.web.security.rules import CHATS, READS, declares

router = APIRouter(tags=["history"], route_class=JsonRoute, responses={**PROBLEMS, **CONFLICT})


@router.post("/api/session/truncate", response_model=schemas.ChangedSession)
@declares(CHATS)
async def truncate(given: Given, body: schemas.Truncate) -> Response:
    """Keep the first rows, or those before a row; the others stay in the branch that is left."""
    detail = await given.history.truncate(body.session_id, body.revision, keep=body.keep_count, before=body.message_id)
    return reply(given.masking.value({"ok": True, "session": detail}))


@router.post("/api/session/undo", response_model=schemas.Undone)
@declares(CHATS)
async def undo(given: Given, body: schemas.SessionChange) -> Response:
    """Take back the last message of a person and all after it."""
    removed = await given.history.drop_last(body.session_id, body.revision, reason="undo")
    return reply({"ok": True, "removed_count": removed.count, "removed_preview": given.masking.text(removed.text)[:PREVIEW]})


@router.post("/api/session/retry", response_model=schemas.ToRetry)
@declares(CHATS)
async def retry(given: Given, body: schemas.SessionChange) -> Response:
    """Take back the last exchange and hand out its message, to be sent again."""
    removed = await given.history.drop_last(body.session_id, body.revision, reason="retry")
    # To be sent again, so it is what was said.
    return reply({"ok": True, "last_user_text": removed.text, "removed_count": removed.count})


@router.post("/api/session/clear", response_model=schemas.ChangedSession)
@declares(CHATS)
async def clear(given: Given, body: schemas.SessionChange) -> Response:
    """Begin anew in the same session."""
    return reply(given.masking.value({"ok": True, "session": await given.history.clear(body.session_id, body.revision)}))


@router.post("/api/session/branch", response_model=schemas.BranchedOff)
@declares(CHATS)
async def branch(given: Given, body: schemas.BranchOff) -> Response:
    """A new session with the first rows of this one, or those up to a row and with it, or all."""
    title = (body.title or "").strip() or None
    detail = await given.history.branch(body.session_id, body.revision, keep=body.keep_count, upto=body.message_id, title=title)
    return reply(given.masking.value({"ok": True, **{name: detail[name] for name in ("session_id", "title", "parent_session_id")}}))


@router.post("/api/session/duplicate", response_model=schemas.ChangedSession)
@declares(CHATS)
async def duplicate(given: Given, body: schemas.SessionChange) -> Response:
    """An independent copy of the session."""
    return reply(given.masking.value({"ok": True, "session": await given.history.duplicate(body.session_id, body.revision)}))


@router.get("/api/session/branches", response_model=schemas.Branches)
@declares(READS)
async def branches(given: Given, session_id: Annotated[str, Query(min_length=1, max_length=64)]) -> Response:
    """All the ways the conversation went, oldest first."""
    return reply(given.masking.value(await given.history.branches(session_id)))


@router.post("/api/session/restore", response_model=schemas.ChangedSession)
@declares(CHATS)
async def restore(given: Given, body: schemas.Restore) -> Response:
    """Take up a branch as it was left; the one that is left now can be taken up again in the same way."""
    return reply(given.masking.value({"ok": True, "session": await given.history.restore(body.session_id, body.revision, body.branch)}))


@router.post("/api/session/rename", response_model=schemas.RenamedSession)
@declares(CHATS)
async def rename(given: Given, body: schemas.Rename) -> Response:
    """A title that only a person replaces. Also while a run is live."""
    return reply(given.masking.value({"ok": True, "session": await given.sessions.rename(body.session_id, body.title, body.revision)}))


@router.post("/api/session/update", response_model=schemas.ChangedSession)
@declares(CHATS)
async def update(given: Given, body: schemas.Update) -> Response:
    """Settings of the runs to come. Also while a run is live."""
    wanted = NewSettings(
        workspace=body.workspace,
        model=body.model,
        provider=body.model_provider,
        personality=body.personality,
        reasoning_effort=body.reasoning_effort,
    )
    return reply(given.masking.value({"ok": True, "session": await given.sessions.update(body.session_id, wanted, body.revision)}))
