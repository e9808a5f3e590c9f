"""The composition root: the only file that names concrete classes. Builds objects, connects them, starts and stops them in order."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from propylon.accounts.service import PASSWORD, Accounts
from propylon.errors import Unusable
from propylon.runs import history as run_history
from propylon.runs.claim import ChooseRuntime
from propylon.runs.permissions import PermissionService
from propylon.runs.questions import Questions
from propylon.runs.queue import Queue
from propylon.runs.service import Runs
from propylon.runs.supervisor import Supervisor
from propylon.runs.titles import Titles
from propylon.runtimes.base import Runtime
from propylon.runtimes.gateway.choice import Status as GatewayStatus
from propylon.runtimes.gateway.runtime import GatewayRuntime, Given
from propylon.runtimes.hermes.environment import agent_environment
from propylon.runtimes.hermes.pool import Limits, Pool
from propylon.runtimes.hermes.runtime import HermesRuntime
from propylon.runtimes.hermes.template import TemplateFailed
from propylon.runtimes.scripted import Script, ScriptedRuntime
from propylon.sessions.changes import Changes
from propylon.sessions.history import History
from propylon.sessions.service import DefaultModel, Defaults, ModelChoice, Sessions
from propylon.settings import Settings
from propylon.state import State
from propylon.store import settings as stored_settings
from propylon.store.records import Session
from propylon.web import errors, middleware, static
from propylon.web.deps import Services
from propylon.web.guard import Guard, Policy
from propylon.web.masking import KnownSecrets, Masking
from propylon.web.routes import agent, auth, chat, history, questions, sessions, system
from propylon.web.routes import queue as queue_routes
from propylon.web.security import hosts, proxies
from propylon.web.security.rules import Rules
from propylon.web.security.streams import Streams
from propylon.web.security.wire import Doorway

SETTLE_S = 5.0

NO_GATEWAY = GatewayStatus(enabled=False, backend="legacy", base_url_configured=False, api_key_configured=False)

__version__ = version("propylon")


@dataclass(frozen=True)
class AgentFacts:
    state: str
    version: str = ""
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class Backend:
    """The runtimes by name, which one runs of a profile use now, and what else the product asks of the agent behind them."""

    runtimes: Mapping[str, Runtime]
    choose: ChooseRuntime
    gateway: Callable[[], GatewayStatus]
    default_model: DefaultModel
    agent: Callable[[], AgentFacts]
    settled: Callable[[], Awaitable[None]]
    prepare: Callable[[Session], None]
    personalities: Callable[[str], Awaitable[list[dict[str, str]]]]
    servers: Callable[[str], Awaitable[list[dict[str, Any]]]]
    adopt: Callable[[], Awaitable[None]]
    close: Callable[[], Awaitable[None]]


Backends = Callable[[Settings, State], Backend]


def create_app(settings: Settings, state: State, backends: Backends | None = None) -> FastAPI:
    """The ASGI application over an open state; closing its lifespan closes the state."""
    build = backends or hermes
    policy = policy_of(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        app.state.rules = Rules(app.routes)
        backend = build(settings, state)
        accounts = await Accounts.open(state.database, settings.password)
        accounts.logins.ended.append(app.state.streams.end)
        accounts.logins.in_use = app.state.streams.owners
        changes = Changes()
        supervisor = Supervisor(state.database, state.runlog, backend.runtimes, changes)
        defaults = Defaults(workspace=settings.workspace, model=settings.default_model)
        of_sessions = Sessions(state.database, changes, backend.default_model, defaults, supervisor.waiting)
        runs = Runs(state.database, state.runlog, supervisor, of_sessions, changes, backend.choose)
        queue = Queue(state.database, runs, changes)
        titles = Titles(state.database, backend.runtimes, of_sessions)
        supervisor.finished += [queue.finished, titles.finished]
        app.state.services = Services(
            accounts=accounts,
            masking=app.state.masking,
            unprotected=lambda: policy.literals and not accounts.enabled,
            sessions=of_sessions,
            history=History(state.database, changes, run_history.from_rows),
            runs=runs,
            questions=Questions(supervisor, of_sessions),
            permissions=PermissionService(state.database, supervisor, of_sessions, changes),
            queue=queue,
            changes=changes,
            agent=backend.agent,
            gateway=backend.gateway,
            settled=backend.settled,
            prepare=backend.prepare,
            personalities=backend.personalities,
            servers=backend.servers,
            live_runs=lambda: supervisor.count,
            started_at=time.time(),
            version=__version__,
        )
        await supervisor.recover()
        await backend.adopt()
        await queue.recover()
        try:
            yield
        finally:
            await queue.close()
            await titles.close()
            await supervisor.drain()
            await backend.close()
            await accounts.close()
            await state.close()

    app = FastAPI(title="Propylon", version=__version__, lifespan=lifespan, openapi_url=None, redirect_slashes=False)
    app.state.streams = Streams()
    app.state.masking = masking_of(settings)
    app.state.doorway = Doorway(trusted=policy.trusted)
    errors.install(app)
    # Routes are looked through in this order for each request: what every turn needs stands first.
    for router in (
        chat.router,
        sessions.router,
        questions.router,
        queue_routes.router,
        history.router,
        system.router,
        auth.router,
        agent.router,
    ):
        app.include_router(router)
    static.install(app, static.find_page(Path(__file__).parent))
    app.add_middleware(Guard, policy=policy)
    app.add_middleware(errors.Mistakes)
    app.add_middleware(middleware.Headers)
    return app


def policy_of(settings: Settings) -> Policy:
    """Who is let in by what the settings say. Raises Unusable where they make no sense or would leave a door open."""
    try:
        trusted = proxies.networks(settings.trusted_proxies)
    except ValueError as error:
        raise Unusable(f"HERMES_WEBUI_TRUSTED_PROXIES: {error}") from error
    names = [name.strip() for name in settings.allowed_hosts.split(",") if name.strip()]
    allowed = [host for name in names if (host := hosts.parse(name)) is not None]
    if len(allowed) < len(names):
        raise Unusable(f"{hosts.SETTING}: these must be names, with or without a port: {settings.allowed_hosts}")
    protected = settings.password is not None or stored_settings.has(settings.state / "app.db", PASSWORD)
    if not (settings.is_local or protected or settings.insecure_no_password):
        raise Unusable(
            f"{settings.host or 'Every address'} is not this machine alone, and no password is set. "
            "Set HERMES_WEBUI_PASSWORD, or listen on 127.0.0.1 (--insecure-no-password lets in everybody who reaches it)."
        )
    return Policy(allowed=frozenset(allowed), trusted=trusted, literals=not settings.is_local)


def masking_of(settings: Settings) -> Masking:
    """What is masked in all that leaves; of known values our own and those in the `.env` of every profile."""
    profiles = settings.hermes_home / "profiles"
    own = (settings.password or "", settings.gateway_key)
    return Masking(settings.api_redact_enabled, KnownSecrets(own, lambda: [settings.hermes_home, *profiles.glob("*/")]))


def hermes(settings: Settings, state: State) -> Backend:
    """The real agent: in worker processes, or behind a gateway where a profile says so."""
    gateway = GatewayRuntime(gateway_given(settings), state.gateway, settings.profile_home)
    pool = Pool(
        state.workers,
        python=settings.agent_python,
        environment=dict(os.environ),
        home_of=settings.profile_home,
        epoch=state.epoch,
        output=state.agent_output,
        limits=Limits(),
    )
    runtime = HermesRuntime(pool)
    settling = asyncio.create_task(_settled(pool, gateway))
    settle_by = asyncio.get_running_loop().time() + SETTLE_S
    agent = AgentFacts("starting")

    async def settled() -> None:
        await asyncio.wait({settling}, timeout=max(0.0, settle_by - asyncio.get_running_loop().time()))

    def facts() -> AgentFacts:
        return settling.result() if settling.done() else agent

    def choose(profile: str) -> str:
        return "gateway" if gateway.chosen(profile) else "hermes"

    async def default_model(profile: str) -> ModelChoice | None:
        # A gateway has a model of its own; what is configured here says nothing of it.
        return await runtime.default_model(profile) if choose(profile) == "hermes" else None

    def prepare(session: Session) -> None:
        if choose(session.profile) != "hermes":
            return
        runtime.prepare(session.id, session.profile, Path(session.workspace), session.model, session.provider)

    async def close() -> None:
        settling.cancel()
        await gateway.close()
        await pool.close()

    return Backend(
        runtimes={"hermes": runtime, "gateway": gateway},
        choose=choose,
        gateway=lambda: gateway.status("default"),
        default_model=default_model,
        agent=facts,
        settled=settled,
        prepare=prepare,
        personalities=runtime.personalities,
        servers=runtime.servers,
        adopt=pool.adopt,
        close=close,
    )


def gateway_given(settings: Settings) -> Given:
    """What the settings say of the gateway; a script for prefill gets what the agent gets, which is no secret of ours."""
    return Given(
        backend=settings.chat_backend,
        base_url=settings.gateway_base_url,
        key=settings.gateway_key,
        use_runs=settings.gateway_use_runs_api,
        allow_plain_http=settings.gateway_allow_plain_http,
        prefill={
            "script": settings.prefill_script,
            "timeout_s": settings.prefill_script_timeout,
            "file": settings.prefill_file,
            "compact_file": settings.prefill_compact_file,
            "budget": settings.prefill_max_chars,
        },
        environment=agent_environment(os.environ, settings.hermes_home),
    )


async def _settled(pool: Pool, gateway: GatewayRuntime) -> AgentFacts:
    if gateway.chosen("default"):
        return AgentFacts("ready")  # it is elsewhere; an agent here is made ready when somebody asks for one
    try:
        ready = await pool.ready("default")
    except TemplateFailed as error:
        return AgentFacts("failed", error=str(error))
    return AgentFacts("ready", ready.version)


def scripted(script: Script) -> Backends:
    """A runtime that plays a list of events: tests and measurements of everything around the agent."""

    async def nothing() -> None:
        return None

    async def none(of: str) -> list[dict[str, Any]]:
        return []

    async def default_model(profile: str) -> ModelChoice | None:
        return _Scripted()

    def build(settings: Settings, state: State) -> Backend:
        return Backend(
            runtimes={"scripted": ScriptedRuntime(script)},
            choose=lambda profile: "scripted",
            gateway=lambda: NO_GATEWAY,
            default_model=default_model,
            agent=lambda: AgentFacts("ready", "scripted"),
            settled=nothing,
            prepare=lambda session: None,
            personalities=none,
            servers=none,
            adopt=nothing,
            close=nothing,
        )

    return build


@dataclass(frozen=True)
class _Scripted:
    model: str = "scripted"
    provider: str = "scripted"
    demo: bool = False
