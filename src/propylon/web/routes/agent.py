"""What the agent of a profile or a session has to offer."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from propylon.web import schemas
from propylon.web.bodies import JsonRoute
from propylon.web.deps import Given, reply
from propylon.web.errors import PROBLEMS
from propylon.web.security.rules import READS, declares

router = APIRouter(tags=["agent"], route_class=JsonRoute, responses=PROBLEMS)

OptionalSession = Annotated[str | None, Query(min_length=1, max_length=64)]


@router.get("/api/personalities", response_model=schemas.Personalities)
@declares(READS)
async def personalities(given: Given, session_id: OptionalSession = None) -> Response:
    """Those of the session's profile, of the default one without a session."""
    profile = (await given.sessions.get(session_id)).profile if session_id else "default"
    return reply({"personalities": await given.personalities(profile)})


@router.get("/api/mcp/servers", response_model=schemas.Servers)
@declares(READS)
async def servers(given: Given, session_id: Annotated[str, Query(min_length=1, max_length=64)]) -> Response:
    """The MCP servers of the session's agent and how they are; none while it has no agent."""
    await given.sessions.get(session_id)
    return reply(given.masking.value({"servers": await given.servers(session_id)}))
