"""What routes are given: services, never globals."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Protocol, cast

import msgspec
from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from propylon.accounts.service import Accounts
from propylon.runs.permissions import PermissionService
from propylon.runs.questions import Questions
from propylon.runs.queue import Queue
from propylon.runs.service import Runs
from propylon.sessions.changes import Changes
from propylon.sessions.history import History
from propylon.sessions.service import Sessions
from propylon.store.records import Session
from propylon.web.masking import Masking
from propylon.web.security.caller import Caller, caller_of


class AgentState(Protocol):
    """What the page says of the default profile's agent. `state` is starting, ready or failed."""

    @property
    def state(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def error(self) -> str: ...


class GatewayState(Protocol):
    """Whether turns go through a gateway, and what is set for that: presences only."""

    @property
    def enabled(self) -> bool: ...
    @property
    def backend(self) -> str: ...
    @property
    def base_url_configured(self) -> bool: ...
    @property
    def api_key_configured(self) -> bool: ...


@dataclass(frozen=True, kw_only=True)
class Services:
    """`unprotected`: everybody on the network is let in, because a person said so at the start."""

    accounts: Accounts
    masking: Masking
    unprotected: Callable[[], bool]
    sessions: Sessions
    history: History
    runs: Runs
    questions: Questions
    permissions: PermissionService
    queue: Queue
    changes: Changes
    agent: Callable[[], AgentState]
    gateway: Callable[[], GatewayState]
    settled: Callable[[], Awaitable[None]]
    prepare: Callable[[Session], None]
    personalities: Callable[[str], Awaitable[list[dict[str, str]]]]
    servers: Callable[[str], Awaitable[list[dict[str, Any]]]]
    live_runs: Callable[[], int]
    started_at: float
    version: str


async def _services(request: Request) -> Services:
    # Asynchronous so that it runs on the loop: a plain function would be handed to a thread for every request.
    return cast(Services, request.app.state.services)


Given = Annotated[Services, Depends(_services)]


async def _caller(request: Request) -> Caller:
    return caller_of(request.scope)


Who = Annotated[Caller, Depends(_caller)]

_encode = msgspec.json.Encoder().encode


def reply(value: Any, status: int = 200) -> Response:
    """JSON that was made by us: its shape is declared on the route and held by tests, so it is not validated again."""
    return Response(_encode(value), status, media_type="application/json", headers={"Cache-Control": "no-store"})
