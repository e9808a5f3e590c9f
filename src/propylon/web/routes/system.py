"""Is it there, is it ready, what is it."""

from __future__ import annotations

import time

from fastapi import APIRouter
from starlette.responses import Response

from propylon.web import schemas
from propylon.web.deps import Given, Services, reply
from propylon.web.security.rules import PUBLIC, READS, declares

router = APIRouter(tags=["system"])


@router.get("/health", response_model=schemas.Health)
@declares(PUBLIC)
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


@router.get("/api/health/agent", response_model=schemas.AgentHealth)
@declares(READS)
async def agent_health(given: Given) -> Response:
    """How the agent is, and whether turns go through a gateway: whether its address and key are set, never what they are."""
    agent = given.agent()
    return reply(
        {
            "agent": {"state": agent.state, "version": agent.version, "error": given.masking.text(agent.error)},
            "gateway_chat": _gateway(given),
        }
    )


@router.get("/api/status", response_model=schemas.Status)
@declares(READS)
async def status(given: Given) -> Response:
    """Version, defaults, and how the agent is."""
    agent = given.agent()
    choice = await given.sessions.default_model("default") if agent.state == "ready" else None
    return reply(
        {
            "status": "ready",
            "version": given.version,
            "initialized": True,
            "session_sse": True,
            "default_workspace": str(given.sessions.defaults.workspace),
            "default_model": given.sessions.defaults.model or (choice.model if choice else ""),
            "default_provider": choice.provider if choice else "",
            "demo": choice is not None and choice.demo and given.sessions.defaults.model is None,
            "unprotected": given.unprotected(),
            "gateway_chat": _gateway(given),
            "agent": {"state": agent.state, "version": agent.version, "error": given.masking.text(agent.error)},
        }
    )


def _gateway(given: Services) -> dict[str, object]:
    gateway = given.gateway()
    return {
        "enabled": gateway.enabled,
        "backend": gateway.backend,
        "base_url_configured": gateway.base_url_configured,
        "api_key_configured": gateway.api_key_configured,
    }
