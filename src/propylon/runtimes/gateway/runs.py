"""A turn over the gateway's Runs API: it outlives our connection and this process, asks for permission, and can be stopped."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import Any

import httpx2

from propylon.events import Event, Status
from propylon.runtimes.base import NOT_LISTENING, AnswerApproval, Command, Permissions, RunEnd, SetYolo
from propylon.runtimes.failures import RuntimeFailure, failure
from propylon.runtimes.gateway import faults, reconcile
from propylon.runtimes.gateway.asking import Asking
from propylon.runtimes.gateway.asking import Request as Question
from propylon.runtimes.gateway.attachments import check_body
from propylon.runtimes.gateway.capabilities import Offer
from propylon.runtimes.gateway.client import QUICK_S, Client, Endpoint, Reply, body_of
from propylon.runtimes.gateway.feed import Feed
from propylon.runtimes.gateway.history import Message
from propylon.runtimes.gateway.notes import Notes, RunNote
from propylon.runtimes.gateway.sse import Decoder, TooLong
from propylon.runtimes.gateway.translate import Progress, Run, completed, failed, stopped, usage
from propylon.runtimes.gateway.values import Object, first_text, mapping, text

PATH = "/v1/runs"

LOST_S = 5.0
"""A gateway that cannot be reached for so long is gone, and the run with it."""

FIRST_LOOK_S, LAST_LOOK_S = 0.1, 1.0
STOP_TRIES = 3
LEAVE_S = 2.0

UNSUPPORTED = "The gateway cannot be told this while it works"
GONE = "gone"
AWAY = "This server was away. The gateway went on with the run; what it said meanwhile is shown when it ends."
BROKE = "The connection to the gateway broke. Its run goes on; what it says meanwhile is shown when it ends."
UNKNOWN = "The gateway does not know this run any more; it was probably started anew."

log = logging.getLogger(__name__)


class NotOffered(Exception):
    """The gateway has no Runs API after all."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """`session` tags the run at the gateway, `owner` is the session here. `content` is a text or a list of parts."""

    session: str
    owner: str
    model: str
    instructions: str
    history: list[Message]
    content: str | list[dict[str, Any]]

    def value(self) -> dict[str, Any]:
        said = self.content if isinstance(self.content, str) else [{"role": "user", "content": self.content}]
        fields: dict[str, Any] = {"input": said, "session_id": self.session, "conversation_history": self.history}
        if self.instructions:
            fields["instructions"] = self.instructions
        if self.model:
            fields["model"] = self.model
        return fields


class RunsTurn:
    """Of a new run (`what` is its request) or of one that an earlier process started (`what` is its note, `mark` how far it was shown).

    The note of a new run is kept as soon as the gateway has taken it, before anything of it is heard, until the run has ended.
    """

    def __init__(
        self,
        client: Client,
        endpoint: Endpoint,
        offer: Offer,
        run: str,
        session: str,
        notes: Notes,
        what: Request | RunNote,
        *,
        permissions: Permissions | None = None,
        mark: int = 0,
    ) -> None:
        progress = Progress.of(mark)
        self._client = client
        self._endpoint = endpoint
        self._offer = offer
        self._run = run
        self._notes = notes
        self._what = what
        self._resumed = isinstance(what, RunNote)
        self._asking = Asking(run, session, permissions or Permissions(), asked=progress.asked, answered=progress.answered)
        self._translator = Run(run, self._asking, endpoint.key, progress)
        self._deciding = False
        self._granting: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[None] | None = None
        self._failed: BaseException | None = None
        self._at_gateway = ""
        self._remote: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.feed = Feed()
        self.feed.mark = mark

    @property
    def working(self) -> bool:
        return self._translator.working

    def end(self) -> RunEnd:
        """Once the feed is closed. Raises RuntimeFailure, and NotOffered when nothing was started."""
        if self._failed is not None:
            raise self._failed
        assert self._translator.end is not None
        return self._translator.end

    @property
    def _shown(self) -> str | None:
        """What was shown of the text after the last tool call, None where that is not known."""
        return None if self._resumed else self._translator.segment

    def begin(self) -> None:
        """Start the run or take it up, and hear it to its end in the background."""
        self._reading = asyncio.create_task(self._heard())

    async def leave(self, *, ended: bool, cancelled: bool) -> None:
        """Stop the run at the gateway, or leave it there to be found again; one that has ended needs neither."""
        if ended or cancelled:
            if not ended:
                await self._stop()
            self._notes.forget_run(self._run)
        else:
            # A run that is just being started must be known by its note before we go.
            await asyncio.wait({self._remote}, timeout=LEAVE_S)
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait({self._reading})

    async def obey(self, command: Command) -> str:
        """Pass a command on; "" when the gateway took it."""
        match command:
            case AnswerApproval(question=question, choice=choice):
                return await self._decide(question, choice, "person")
            case SetYolo(on=on):
                self._put(self._asking.permit(on))
                if on and self._asking.shown:
                    await self._decide(self._asking.shown, "once", "yolo")
                self._grant()
                return ""
            case _:
                return UNSUPPORTED

    async def _stop(self) -> None:
        """Tell the gateway to stop the run, as soon as it is known there."""
        await asyncio.wait({self._remote}, timeout=QUICK_S)
        if not self._remote.done() or self._remote.exception() is not None:
            return
        remote = self._remote.result()
        for attempt in range(STOP_TRIES):
            try:
                reply = await self._client.ask(self._endpoint, "POST", f"{PATH}/{remote}/stop", {})
            except httpx2.HTTPError as error:
                log.info("a run could not be stopped at the gateway: %s", type(error).__name__)
            else:
                # A run that was taken but not begun is not known to be stopped yet.
                if reply.status != 404 or attempt == STOP_TRIES - 1:
                    return
            await asyncio.sleep(0.2 * (attempt + 1))

    async def _heard(self) -> None:
        """Raises nothing but CancelledError: what went wrong is told by `end`."""
        try:
            if isinstance(self._what, RunNote):
                await self._take_up(self._what)
            else:
                await self._start(self._what)
        except (RuntimeFailure, NotOffered) as error:
            self._failed = error
        except (httpx2.HTTPError, httpx2.InvalidURL, TooLong, OSError) as error:
            self._failed = RuntimeFailure(faults.of_error(error, self._endpoint.key))
        finally:
            if not self._remote.done():
                self._remote.set_exception(RuntimeFailure(failure("gateway_error")))
                self._remote.exception()
            if self._granting is not None:
                self._granting.cancel()
            self.feed.close()

    async def _take_up(self, note: RunNote) -> None:
        self._at_gateway = note.session
        self._remote.set_result(note.remote)
        if self._asking.asked > self._asking.answered:
            self._asking.restored(Question(command="", description="", keys=(), choices=(), at=time.time()))
        self._put([Status(text=AWAY)])
        await self._reconcile()

    async def _start(self, request: Request) -> None:
        value = request.value()
        check_body(body_of(value))
        self._at_gateway = request.session
        reply = await self._client.ask(self._endpoint, "POST", PATH, value, owner=request.owner)
        remote = first_text(mapping(reply.value), "run_id", "id")
        if reply.status in (404, 405):
            raise NotOffered
        if not 200 <= reply.status < 300:
            raise RuntimeFailure(faults.of_status(reply.status, reply.body, self._endpoint.key))
        if not remote:
            raise RuntimeFailure(failure("gateway_error", message="The gateway started a run and did not say which."))
        self._notes.keep_run(RunNote(run=self._run, remote=remote, base=self._endpoint.base, session=request.session))
        self._remote.set_result(remote)
        try:
            await self._follow(remote)
        except (httpx2.HTTPError, RuntimeFailure, TooLong) as error:
            log.info("the events of a run broke off: %s", type(error).__name__)
        if self._translator.end is None:
            await self._reconcile()

    async def _follow(self, remote: str) -> None:
        decoder = Decoder()
        async with self._client.stream(self._endpoint, "GET", f"{PATH}/{remote}/events", self._endpoint.headers()) as answer:
            async for data in answer.aiter_raw():
                self._put(self._translator.feed(decoder.feed(data)))
                if self._asking:
                    self._grant()
                if self._translator.end is None:
                    await self.feed.room()

    async def _reconcile(self) -> None:
        """The rest of a run whose events nobody hears: from its status and what the gateway stored."""
        said = await self._outcome()
        output, used = text(said.get("output")), usage(mapping(said.get("usage")))
        parts = reconcile.turn(await self._messages())
        self._put(self._asking.passed(time.time()))
        self._put(reconcile.missed(self._run, parts, output, self._translator.progress, self._shown))
        match said.get("status"):
            case "completed":
                spoke = reconcile.spoke(parts, output) or self._translator.spoke
                self._translator.end = completed(used, spoke=spoke)
            case "failed":
                self._translator.end = failed(text(said.get("error")), self._endpoint.key, used)
            case _:
                self._translator.end = stopped()

    async def _outcome(self) -> Object:
        """The run's status once it has ended. Raises RuntimeFailure when nobody can tell it any more."""
        remote = await self._remote
        pause, told, heard = FIRST_LOOK_S, self._resumed, time.monotonic()
        while True:
            try:
                reply = await self._client.ask(self._endpoint, "GET", f"{PATH}/{remote}")
                if reply.status < 500:
                    heard = time.monotonic()
                    said = self._status(reply)
                    if said.get("status") in ("completed", "failed", "cancelled"):
                        return said
                    await self._look_for_questions(text(said.get("status")))
                    if not told:
                        told = True
                        self._put([Status(text=BROKE, level="warn")])
                elif time.monotonic() - heard > LOST_S:
                    raise RuntimeFailure(faults.of_status(reply.status, reply.body, self._endpoint.key))
            except httpx2.HTTPError as error:
                if time.monotonic() - heard > LOST_S:
                    raise RuntimeFailure(faults.of_error(error, self._endpoint.key)) from error
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, LAST_LOOK_S)

    def _status(self, reply: Reply) -> Object:
        if reply.status == 404:
            raise RuntimeFailure(failure("interrupted", message=UNKNOWN))
        if reply.status != 200:
            raise RuntimeFailure(faults.of_status(reply.status, reply.body, self._endpoint.key))
        return mapping(reply.value)

    async def _look_for_questions(self, status: str) -> None:
        """Without events a question is known only from the run's status."""
        now = time.time()
        if status != "waiting_for_approval":
            if not self._deciding:
                self._put(self._asking.passed(now))
            return
        if self._asking:
            self._grant()
            return
        parts = reconcile.turn(await self._messages())
        found = reconcile.missed(self._run, parts, "", self._translator.progress, self._shown)
        self._translator.caught_up(*reconcile.counts(parts))
        self._put(found)
        self._put(self._asking.requested(reconcile.waiting(self._run, parts, now)))
        self._grant()

    async def _messages(self) -> Any:
        """The gateway's own messages of the session; None where it does not tell them."""
        if not self._offer.messages:
            return None
        try:
            reply = await self._client.ask(self._endpoint, "GET", f"/api/sessions/{self._at_gateway}/messages")
        except httpx2.HTTPError as error:
            log.info("the messages of a session could not be read: %s", type(error).__name__)
            return None
        return reply.value if reply.status == 200 else None

    async def _decide(self, question: str, choice: str, by: str) -> str:
        if not question or question != self._asking.shown:
            return GONE
        self._deciding = True
        try:
            refused = await self._tell(choice)
            if not refused:
                self._put(self._asking.decided(question, choice, by, time.time()))
            elif refused == GONE:
                self._put(self._asking.passed(time.time()))
            return refused
        finally:
            self._deciding = False

    def _grant(self) -> None:
        """Answer what a person has allowed beforehand, one after the other."""
        if self._asking.allowed is not None and (self._granting is None or self._granting.done()):
            self._granting = asyncio.create_task(self._granted())

    async def _granted(self) -> None:
        while (wanted := self._asking.allowed) is not None:
            if await self._tell("once"):
                self._put(self._asking.ask_again())
                return
            self._put(self._asking.granted(wanted, time.time()))

    async def _tell(self, choice: str) -> str:
        """Give the gateway the answer to its oldest question; "" when it took it."""
        remote = await self._remote
        try:
            reply = await self._client.ask(self._endpoint, "POST", f"{PATH}/{remote}/approval", {"choice": choice})
        except httpx2.HTTPError as error:
            log.info("an answer may not have reached the gateway: %s", type(error).__name__)
            return NOT_LISTENING
        if reply.status == 200:
            return ""
        if reply.status in (404, 409):
            return GONE
        return f"The gateway refused the answer (HTTP {reply.status})"

    def _put(self, events: list[Event]) -> None:
        self.feed.put(events, self._translator.progress.mark)
