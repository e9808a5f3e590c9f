"""Is it there, is it ready, what is it."""

from __future__ import annotations

import time

from fastapi import APIRouter
from starlette.responses import Response

from propylon.sessions.service import DEMO
from propylon.web import schemas
from propylon.web.deps import Given, reply

router = APIRouter(tags=["system"])


@router.get("/health", response_model=schemas.Health)
async def health(given: Given) -> Response:
    """Answers once the agent is warm or has failed to become so, at most 5 s after the start."""
    await given.settled()
    return reply(
        {
            "status": "ok",
            "sessions": await given.sessions.count(),
            "active_streams": given.live_runs(),
            "uptime_seconds": time.time() - given.started_at,
        }
    )


@router.get("/api/status", response_model=schemas.Status)
async def status(given: Given) -> Response:
    """Version, defaults, and how the agent is."""
    agent = given.agent()
    model, provider = await given.sessions.model_for("default", None, None) if agent.state == "ready" else ("", "")
    return reply(
        {
            "status": "ready",
            "version": given.version,
            "initialized": True,
            "session_sse": True,
            "default_workspace": str(given.sessions.defaults.workspace),
            "default_model": model,
            "default_provider": provider,
            "demo": (model, provider) == DEMO,
            "agent": {"state": agent.state, "version": agent.version, "error": agent.error},
        }
    )
