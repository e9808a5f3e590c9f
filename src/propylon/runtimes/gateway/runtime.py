"""A Hermes Gateway as a Runtime: the turn goes to its API server over HTTP, and what it streams becomes the run's events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from propylon.events import ContextStatus, Event, Status
from propylon.runtimes.base import Batch, Batches, Capabilities, Controls, RunInput
from propylon.runtimes.failures import RuntimeFailure, failure
from propylon.runtimes.gateway import attachments, chat, choice, faults, history, prefill, runs, surroundings
from propylon.runtimes.gateway.capabilities import ALL, Offers
from propylon.runtimes.gateway.chat import ChatTurn
from propylon.runtimes.gateway.client import Client, Endpoint
from propylon.runtimes.gateway.configuration import Configurations
from propylon.runtimes.gateway.notes import Notes, RunNote, SessionNote
from propylon.runtimes.gateway.prefill import Prefill
from propylon.runtimes.gateway.runs import NotOffered, RunsTurn
from propylon.runtimes.gateway.translate import silence

SILENCES_S = (15.0, 60.0)
"""When a person is told that nothing comes."""

LEAVE_S = 2.0
LONG_S = 3600.0
DEMO = "demo"
"""The provider of a session for which nothing is configured here; a gateway has its own."""

PLAIN_HTTP = "HERMES_WEBUI_GATEWAY_ALLOW_PLAIN_HTTP"
UNFIT_KEY = "The gateway's key holds characters that cannot be sent: it must be plain letters, digits and signs."
OWN_WAYS = "The gateway answers with its own personality and reasoning effort; those of this session are not sent."

Turn = ChatTurn | RunsTurn


@dataclass(frozen=True, kw_only=True)
class Given:
    """What the server was set to; None where a profile's configuration decides. `prefill` as for `prefill.sources`."""

    backend: str | None = None
    base_url: str | None = None
    key: str = field(default="", repr=False)
    use_runs: bool | None = None
    allow_plain_http: bool = False
    prefill: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    attachments: tuple[Path, ...] = ()


class GatewayRuntime:
    capabilities = Capabilities(survives_restart=True, approvals=True)

    def __init__(self, given: Given, notes: Path, home_of: Callable[[str], Path], silences: tuple[float, ...] = SILENCES_S) -> None:
        self._given = given
        self._home_of = home_of
        self._silences = silences
        self._configurations = Configurations(home_of)
        self._notes = Notes(notes)
        self._client = Client()
        self._offers = Offers(self._client, given.use_runs)
        self._background: set[asyncio.Task[Any]] = set()

    def chosen(self, profile: str) -> bool:
        """Whether the profile's runs go through a gateway now. May be asked from any thread."""
        return choice.backend(self._given.backend, self._configurations.of(profile)) == "gateway"

    def status(self, profile: str) -> choice.Status:
        given = self._given
        return choice.status(given.backend, given.base_url, given.key, self._configurations.of(profile))

    async def title(self, session: str, said: str, answer: str) -> str:
        """None: a title is not worth a turn of the gateway's agent."""
        return ""

    async def close(self) -> None:
        """What was begun in the background, a stop for example, has a moment to end."""
        if self._background:
            await asyncio.wait(self._background, timeout=LEAVE_S)
        for task in list(self._background):
            task.cancel()
        await self._client.close()

    async def run(self, run: RunInput, controls: Controls) -> Batches:
        config = self._configurations.of(run.profile)
        prepared = await self._prefill(run, config)
        opening: list[Event] = [ContextStatus(session_id=run.session, prefill=asdict(prepared.status))]
        if run.personality or run.effort:
            opening.append(Status(text=OWN_WAYS))
        # The first event leaves while the gateway is asked.
        beginning = asyncio.create_task(self._begun(run, config, prepared))
        turn: Turn | None = None
        try:
            yield Batch(events=opening)
            turn = await asyncio.shield(beginning)
            try:
                async with aclosing(self._followed(turn, controls)) as batches:
                    async for batch in batches:
                        yield batch
            except NotOffered:
                self._offers.forget(self._endpoint(config))
                turn = await self._chat(run, config, prepared, self._endpoint(config))
                async with aclosing(self._followed(turn, controls)) as batches:
                    async for batch in batches:
                        yield batch
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise RuntimeFailure(faults.of_error(error, self._given.key)) from error
        finally:
            if turn is None:
                self._give_up(beginning, controls)

    def resume(self, run: str, session: str, mark: int, controls: Controls) -> Batches | None:
        """The rest of a run that the gateway may still hold; None for one that ended with the connection."""
        note = self._notes.run(run)
        return None if note is None else self._resumed(note, session, mark, controls)

    async def _resumed(self, note: RunNote, session: str, mark: int, controls: Controls) -> Batches:
        turn = RunsTurn(self._client, self._checked(note.base), ALL, note.run, session, self._notes, note, mark=mark)
        turn.begin()
        async with aclosing(self._followed(turn, controls)) as batches:
            async for batch in batches:
                yield batch

    async def _followed(self, turn: Turn, controls: Controls) -> Batches:
        """Batches of a turn that has begun. When the caller leaves, it is stopped, or left to live on where it can."""
        controls.listen(turn.obey)
        ended = False
        try:
            silent = 0
            while (events := await turn.feed.take(self._patience(silent))) != []:
                if events is None:
                    if silent < len(self._silences) and not turn.working:
                        yield Batch(events=[silence(self._silences[silent])])
                    silent += 1
                    continue
                silent = 0
                yield Batch(events=events, mark=turn.feed.mark)
            ended = True
            yield Batch(events=[], end=turn.end())
        finally:
            leaving = asyncio.create_task(turn.leave(ended=ended, cancelled=controls.cancelled.is_set()))
            self._background.add(leaving)
            leaving.add_done_callback(self._background.discard)
            if not controls.cancelled.is_set():
                await asyncio.shield(leaving)

    def _patience(self, silent: int) -> float:
        """Seconds until the next word about silence."""
        if silent >= len(self._silences):
            return LONG_S
        return self._silences[silent] - (self._silences[silent - 1] if silent else 0.0)

    def _give_up(self, beginning: asyncio.Task[Turn], controls: Controls) -> None:
        """The caller left before the turn was handed over."""
        if beginning.done() and not beginning.cancelled() and beginning.exception() is None:
            leaving = asyncio.create_task(beginning.result().leave(ended=False, cancelled=controls.cancelled.is_set()))
            self._background.add(leaving)
            leaving.add_done_callback(self._background.discard)
        else:
            beginning.cancel()

    async def _begun(self, run: RunInput, config: Mapping[str, Any], prepared: Prefill) -> Turn:
        """The turn on its way. Raises RuntimeFailure and httpx2.HTTPError before anything was sent."""
        endpoint = self._endpoint(config)
        offer = await self._offers.of(endpoint)
        if not offer.runs:
            return await self._chat(run, config, prepared, endpoint)
        request = await self._runs_request(run, config, prepared)
        turn = RunsTurn(self._client, endpoint, offer, run.run, run.session, self._notes, request, permissions=run.permissions)
        if not offer.approvals:
            turn.feed.put([Status(text=chat.NO_APPROVALS)])
        self._mark_used(run)
        turn.begin()
        return turn

    async def _runs_request(self, run: RunInput, config: Mapping[str, Any], prepared: Prefill) -> runs.Request:
        told = [message["content"] for message in prepared.messages if message["role"] == "system"]
        before = [dict(message) for message in prepared.messages if message["role"] != "system"]
        return runs.Request(
            session=run.branch,
            owner=run.session,
            model=_model(run),
            instructions="\n\n".join([*told, self._surroundings(run, config)]),
            history=[*before, *history.messages(await run.context.load())],
            content=await self._content(run, run.text, config),
        )

    async def _chat(self, run: RunInput, config: Mapping[str, Any], prepared: Prefill, endpoint: Endpoint) -> Turn:
        note = self._notes.session(run.branch)
        holds = note is not None and note.run == run.context.base
        if holds and note is not None:
            session, said = note.session, run.text
        else:
            session = run.branch if note is None else f"{run.branch}.{run.run}"
            said = history.told_once(await run.context.load(), run.text)
        system = [{"role": "system", "content": self._surroundings(run, config)}]
        request = chat.Request(
            session=session,
            owner=run.session,
            model=_model(run),
            provider="" if run.provider == DEMO else run.provider,
            messages=[*map(_as_system, prepared.messages), *system, {"role": "user", "content": await self._content(run, said, config)}],
        )
        held = SessionNote(session=session, run=run.run)
        turn = ChatTurn(self._client, endpoint, run.run, request, lambda: self._notes.keep_session(run.branch, held))
        turn.feed.put([Status(text=chat.NO_APPROVALS)])
        turn.begin()
        return turn

    def _mark_used(self, run: RunInput) -> None:
        """The branch's session exists at the gateway, and is no context to go on from: a run takes along what it needs."""
        known = self._notes.session(run.branch)
        if known is None or known.run:
            self._notes.keep_session(run.branch, SessionNote(session=known.session if known else run.branch))

    async def _content(self, run: RunInput, said: str, config: Mapping[str, Any]) -> attachments.Content:
        if not run.attachments:
            return said
        roots = (run.workspace, *self._given.attachments)
        return await asyncio.to_thread(attachments.content, said, run.attachments, roots, config)

    def _surroundings(self, run: RunInput, config: Mapping[str, Any]) -> str:
        return surroundings.told(run, config, surroundings.read_state(self._home_of(run.profile)))

    async def _prefill(self, run: RunInput, config: Mapping[str, Any]) -> Prefill:
        home = self._home_of(run.profile)
        return await prefill.build(prefill.sources(self._given.prefill, config, home, self._given.environment))

    def _endpoint(self, config: Mapping[str, Any]) -> Endpoint:
        return self._checked(choice.base_url(self._given.base_url, config))

    def _checked(self, base: str) -> Endpoint:
        """Raises RuntimeFailure for an address that nothing may be sent to, and a key that no header can hold."""
        if not (self._given.key.isascii() and self._given.key.isprintable()):
            raise RuntimeFailure(failure("gateway_auth_error", message=UNFIT_KEY, hint=f"Check {faults.KEY}."))
        try:
            return Endpoint(choice.checked(base, allow_plain_http=self._given.allow_plain_http), self._given.key)
        except choice.BadAddress as error:
            hint = f"Use https, an SSH tunnel to this machine, or set {PLAIN_HTTP}=1 if the way there is safe."
            raise RuntimeFailure(failure("gateway_error", message=str(error), hint=hint)) from error


def _model(run: RunInput) -> str:
    return "" if run.provider == DEMO else run.model


def _as_system(message: prefill.Message) -> history.Message:
    """Prefill as a message of the system: a gateway drops what a person or an agent said beside the last message."""
    if message["role"] == "system":
        return dict(message)
    return {"role": "system", "content": f"Context prepared for this conversation ({message['role']}):\n{message['content']}"}
