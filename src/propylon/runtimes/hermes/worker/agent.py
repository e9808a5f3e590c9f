"""One session's agent: a thread that constructs it, keeps it warm and runs one turn at a time."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import clarify, gate, hermes, living, prompt
from .callbacks import Turn
from .context import Held, user_message
from .demo import Endpoint
from .memory import give_back
from .outcome import Outcome, answered, of_exception, of_result, usage_of
from .questions import Questions
from .servers import Servers
from .spool import Spool
from .titles import WAIT_S as TITLE_S
from .titles import Titles

INSIST_S = 1.0
"""Seconds after which a cancelled run that goes on is interrupted again: a command that was just allowed forgets the first time."""
QUIET_S = 0.5
"""Seconds without work after which memory is given back."""
SERVERS_S = 4.0
"""Seconds that runs, all together, wait for MCP servers that are still connecting."""
WORDS = 256
"""Words of steering whose ids are remembered."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Order:
    """What the turn thread is asked: to construct (`run` is None) or to run."""

    model: str | None
    provider: str | None
    run: str | None = None
    text: str = ""
    base: str | None = None
    history: list[dict[str, Any]] | None = None
    note: str = ""
    personality: str = ""
    effort: str = ""
    yolo: bool = False
    granted: tuple[str, ...] = ()


@dataclass
class Made:
    """A constructed agent, what it was made for and the MCP servers it knows."""

    agent: Any
    wish: tuple[str | None, str | None]
    servers: frozenset[str]
    counters: dict[str, float]


class Session:
    """Controls come on the socket thread and return at once; `changed` is called when a run has ended."""

    def __init__(self, session: str, spool: Spool, changed: Callable[[], None], load: Callable[[], object] = lambda: None) -> None:
        self.session = session
        self.turns = 0
        self.idle_since = time.monotonic()
        self._spool = spool
        self._changed = changed
        self._load = load
        self._lock = threading.Lock()
        self._orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
        self._runs: set[str] = set()
        self._live: str | None = None
        self._preparing = 0
        self._cancelled = False
        self._turn: Turn | None = None
        self._held = Held()
        self._made: Made | None = None
        self._ready = False
        self._yolo = False
        self._words: deque[str] = deque(maxlen=WORDS)
        self._unheard: list[str] = []
        self._questions = Questions(lambda frame: spool.add(frame, wait=False))
        self._servers = Servers(hermes.connect_servers, hermes.servers)
        self._patience = SERVERS_S
        self._titles = Titles()
        self._database: Any = None
        self._untold = ""
        self._demo: Endpoint | None = None

    # Controls, on the socket thread.

    def start(self) -> None:
        """Start the turn thread."""
        threading.Thread(target=self._work, name="turns", daemon=True).start()

    @property
    def live(self) -> str | None:
        """The run that has not ended."""
        return self._live

    @property
    def context(self) -> str | None:
        """The run whose model context is held."""
        return self._held.name

    def busy(self) -> bool:
        """Whether the worker may not leave."""
        return self._live is not None or self._preparing > 0 or self._titles.busy > 0 or hermes.background_work()

    def prepare(self, model: str | None, provider: str | None) -> None:
        """Construct the agent before it is needed."""
        with self._lock:
            if self._live is None and self._preparing == 0:
                self._preparing = 1
                self._orders.put(Order(model, provider))

    def run(self, order: Order) -> str:
        """Begin a turn; "" or why not: `again`, `busy`, `history`."""
        if not order.run:
            return "a run needs an id"
        with self._lock:
            if order.run in self._runs:
                return "again"
            if self._live is not None:
                return "busy"
            if order.history is None and order.base != self._held.name:
                return "history"
            self._runs.add(order.run)
            self._live = order.run
            self._cancelled = False
            self._yolo = order.yolo
            self._orders.put(order)
        return ""

    def cancel(self, run: str | None) -> str:
        """Stop the live run (None: whichever it is); "" or why not."""
        with self._lock:
            if self._live is None or (run is not None and run != self._live):
                return "not running"
            self._cancelled = True
            self._interrupt()
            self._questions.close()
            self._insist(self._live)
        return ""

    def answer(self, question: str, *, choice: str, text: str, reason: str) -> str:
        """A person's answer to a question; "" or why not: `gone`, `choice`."""
        return self._questions.answer(question, choice=choice, text=text, reason=reason)

    def steer(self, run: str, text: str, word: str) -> str:
        """Hand words to the agent while it works; "" or why not: `not running`, `refused`. A word with a known id changes nothing."""
        with self._lock:
            if word and word in self._words:
                return ""
            if self._live is None or run != self._live:
                return "not running"
            if self._turn is None or self._made is None or self._cancelled or not self._made.agent.steer(text):
                return "refused"
            self._words.append(word)
            self._turn.say("steered", wait=False, t=text, at=round(time.time(), 3))
        return ""

    def yolo(self, on: bool) -> None:
        """Switch asking for permission off (`on`) or on again; it holds until a run says otherwise."""
        with self._lock:
            self._yolo = on
            self._apply_yolo()

    def title(self, user: str, answer: str, reply: Callable[[str], None]) -> None:
        """Have a title made; `reply` is called on another thread."""
        with self._lock:
            made = self._made
        if made is None or made.wish[1] == hermes.DEMO:
            reply("")
            return
        self._titles.make(lambda: living.title(made.agent, user, answer, TITLE_S), lambda value: self._titled(value, reply))

    def servers(self) -> list[dict[str, Any]]:
        """The MCP servers of this worker, as the protocol states them."""
        return self._servers.status() if self._ready else []

    def abandon(self) -> None:
        """End the live run without the agent, which does not come back."""
        run = self._live
        if run is not None:
            self._questions.close()
            self._spool.add(_end(run, Outcome("interrupted", error="The agent did not stop in time."), None), wait=False)

    def _titled(self, value: str, reply: Callable[[str], None]) -> None:
        self.idle_since = time.monotonic()
        reply(value)
        self._changed()

    # Under the lock.

    def _interrupt(self) -> None:
        if self._turn is not None and self._made is not None:
            # An interrupt makes the agent forget the steering that it has not heard.
            self._unheard.append(living.unheard(self._made.agent))
            self._made.agent.interrupt()

    def _insist(self, run: str) -> None:
        def again() -> None:
            with self._lock:
                if self._live == run and self._cancelled:
                    self._interrupt()
                    self._insist(run)

        timer = threading.Timer(INSIST_S, again)
        timer.daemon = True
        timer.start()

    def _apply_yolo(self) -> None:
        if self._ready:
            gate.set_asking_off(self.session, self._yolo)
        self._questions.allow(self._yolo)

    # The turn thread.

    def _work(self) -> None:
        try:
            self._get_ready()
            if hermes.servers():
                self._servers.start()
        except Exception:
            log.exception("the agent cannot be imported; each run will say so")
        used = False
        while True:
            try:
                order = self._orders.get(timeout=QUIET_S if used else None)
            except queue.Empty:
                used = False
                give_back()
                continue
            used = True
            try:
                if order.run is None:
                    self._prepare(order)
                else:
                    self._run(order, Turn(order.run, self._spool, self._clarify, hermes.redact))
            except Exception:
                log.exception("turn thread")
                self.abandon()
                with self._lock:
                    self._live = None
            self.idle_since = time.monotonic()
            self._changed()

    def _prepare(self, order: Order) -> None:
        try:
            self._get_ready()
            self._servers.wait(SERVERS_S, log.info, lambda: not self._orders.empty())
            if self._orders.empty():
                self._agent_for(order.model, order.provider)
        except Exception:
            log.exception("preparing the agent")
        finally:
            with self._lock:
                self._preparing = 0

    def _run(self, order: Order, turn: Turn) -> None:
        run = turn.run
        if order.history is not None:
            self._held.load(order.base, order.history)
        agent: Any = None
        before: dict[str, float] = {}
        with self._lock:
            self._unheard.clear()
            if not self._cancelled:
                self._questions.begin(run)
        try:
            if not self._cancelled:
                made = self._agent_for(order.model, order.provider, turn)
                agent, before = made.agent, made.counters
            result = self._converse(order, turn, agent)
            found = result.get("messages")
            outcome = of_result(result, spoke=turn.spoke or (isinstance(found, list) and answered(found, order.text)))
        except Exception as error:
            log.exception("run %s", run)
            result = {"messages": [*self._held.messages, user_message(order.text)]}
            outcome = of_exception(error, auth=hermes.is_auth_error(error), constructing=agent is None)
            if self._cancelled:
                outcome = Outcome("interrupted")
        if outcome.outcome == "completed":
            previewed = bool(result.get("response_previewed")) or result.get("turn_exit_reason") == "fallback_prior_turn_content"
            turn.finish(str(result.get("final_response") or ""), str(result.get("last_reasoning") or ""), previewed=previewed)
            if str(result.get("turn_exit_reason") or "").startswith("max_iterations_reached"):
                turn.note("warn", "The agent reached its limit of steps for one turn.")
        elif outcome.kind == "truncated":
            log.info("run %s: %s", run, outcome.error)
        messages = result.get("messages")
        keep, rows = self._held.advance(run, messages if isinstance(messages, list) else [*self._held.messages, user_message(order.text)])
        end = _end(run, outcome, {"keep": keep, "rows": rows})
        end["exit"] = str(result.get("turn_exit_reason") or "")
        if agent is not None:
            after = hermes.counters(agent)
            end["usage"] = usage_of(before, after, hermes.window(agent))
            if self._made is not None and self._made.agent is agent:
                self._made.counters = after
            demo = order.provider == hermes.DEMO
            end["model"] = hermes.DEMO if demo else str(result.get("model") or agent.model or "")
            end["provider"] = hermes.DEMO if demo else str(result.get("provider") or agent.provider or "")
        self._questions.close()
        turn.close_tools()
        with self._lock:
            pending = [*self._unheard, str(result.get("pending_steer") or ""), living.unheard(agent) if agent is not None else ""]
            if any(pending):
                turn.say("leftover", wait=False, t="\n".join(words for words in pending if words))
            self._turn = None
            self.turns += 1
            self._live = None
            self._spool.add(end, wait=False)

    def _converse(self, order: Order, turn: Turn, agent: Any) -> dict[str, Any]:
        """Run the agent, unless the run was cancelled before it could be asked."""
        if agent is not None:
            self._instruct(order, turn, agent)
        with self._lock:
            if agent is None or self._cancelled:
                return {"interrupted": True, "messages": [*self._held.messages, user_message(order.text)]}
            for name, callback in turn.callbacks().items():
                setattr(agent, name, callback)
            gate.grant(self.session, order.granted)
            self._apply_yolo()
            living.forget_interrupts(agent)
            self._turn = turn
        result = agent.run_conversation(
            order.text,
            conversation_history=list(self._held.messages),
            task_id=self.session,
        )
        return result if isinstance(result, dict) else {}

    def _instruct(self, order: Order, turn: Turn, agent: Any) -> None:
        """Tell the agent what this turn wants of it, by the configuration as it is now."""
        if self._untold:
            turn.note("warn", self._untold)
            self._untold = ""
        config = hermes.configuration()
        personality = prompt.named(order.personality, config) if order.personality else ""
        if order.personality and not personality:
            turn.note("warn", f"There is no personality {order.personality!r} in this profile, so the agent goes on without one.")
        agent.ephemeral_system_prompt = prompt.joined(order.note, personality)
        if not living.set_effort(agent, order.effort, config):
            turn.note("warn", f"The agent knows no effort {order.effort!r}, so the profile's own is used.")

    def _agent_for(self, model: str | None, provider: str | None, turn: Turn | None = None) -> Made:
        """The warm agent if it fits, else a new one; a changed configuration is the server's to notice. Raises what the agent raises."""
        self._get_ready()
        if turn is not None:
            self._await_servers(turn)
        wish = (model or None, provider or None)
        servers = self._servers.arrived()
        if self._made is not None:
            if self._made.wish == wish and self._made.servers >= servers:
                return self._made
            self._made.agent.release_clients()
            self._made = None
        if provider == hermes.DEMO and self._demo is None:
            self._demo = Endpoint()
            self._demo.start()
        database = self._agents_store()
        began = time.monotonic()
        agent = hermes.make(
            model,
            provider,
            session=self.session,
            callbacks={"status_callback": turn.status} if turn else {},
            demo_address=self._demo.address if self._demo else "",
            session_db=database,
        )
        living.tell_retries(agent, self._tell_retry)
        log.info("agent constructed in %.0f ms: %s %s", (time.monotonic() - began) * 1e3, agent.provider, agent.model)
        self._made = Made(agent, wish, servers, hermes.counters(agent))
        return self._made

    def _agents_store(self) -> Any:
        """The agent's own store of sessions; None, and the next turn says so, where it cannot be opened: the agent can do without."""
        if self._database is None:
            try:
                self._database = hermes.database()
            except Exception as error:
                log.exception("the agent's session store")
                self._untold = f"The agent's own session store cannot be opened, so the agent goes on without it: {error}"
        return self._database

    def _await_servers(self, turn: Turn) -> None:
        self._patience -= self._servers.wait(self._patience, lambda text: turn.note("info", text), lambda: self._cancelled)
        for server in self._servers.failed():
            turn.note("warn", f"The MCP server {server['name']} could not be connected: {server['error']}")

    def _get_ready(self) -> None:
        """Import the agent if need be, tie this thread (the environment ties the others) to the session, open the desk. Once."""
        if self._ready:
            return
        self._load()
        from gateway.session_context import set_session_vars

        set_session_vars(platform="webui", session_key=self.session, session_id=self.session, async_delivery=False)
        gate.open_desk(self.session, gate.Desk(self._questions, self._warn, self._place))
        self._ready = True

    # On any of the agent's threads.

    def _clarify(self, question: str, choices: list[str] | None) -> str:
        return clarify.ask(self._questions, question, choices, hermes.clarify_limit())

    def _warn(self, text: str) -> None:
        turn = self._turn
        if turn is None:
            raise RuntimeError("no run that this could be told in")
        turn.note("warn", text)

    def _tell_retry(self, text: str) -> None:
        turn = self._turn
        if turn is not None:
            turn.retrying(text)

    def _place(self, call: str, agents_turn: str) -> tuple[str, str]:
        turn = self._turn
        subagent = living.subagent_at(agents_turn)
        return (turn.place(call, subagent) if turn is not None else ""), subagent


def _end(run: str, outcome: Outcome, context: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "k": "end",
        "run": run,
        "outcome": outcome.outcome,
        "kind": outcome.kind,
        "status": outcome.status,
        "error": outcome.error,
        "exit": "",
        "model": "",
        "provider": "",
        "usage": {},
        "context": context,
    }
