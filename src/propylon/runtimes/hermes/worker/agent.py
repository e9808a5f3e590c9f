"""One session's agent: a thread that constructs it, keeps it warm and runs one turn at a time."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import gate, hermes
from .callbacks import Turn
from .context import Held, user_message
from .demo import Endpoint
from .outcome import Outcome, of_exception, of_result, usage_of
from .spool import Spool

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


@dataclass
class Made:
    """A constructed agent and what it was made for."""

    agent: Any
    wish: tuple[str | None, str | None]
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
        self._ready = self._discovered = False
        self._database: Any = None
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
        return self._live is not None or self._preparing > 0 or hermes.background_work()

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
            self._orders.put(order)
        return ""

    def cancel(self, run: str | None) -> str:
        """Stop the live run (None: whichever it is); "" or why not."""
        with self._lock:
            if self._live is None or (run is not None and run != self._live):
                return "not running"
            self._cancelled = True
            if self._turn is not None and self._made is not None:
                self._made.agent.interrupt()
        return ""

    def abandon(self) -> None:
        """End the live run without the agent, which does not come back."""
        run = self._live
        if run is not None:
            self._spool.add(_end(run, Outcome("interrupted", error="The agent did not stop in time."), None), wait=False)

    # The turn thread.

    def _work(self) -> None:
        try:
            self._get_ready()
        except Exception:
            log.exception("the agent cannot be imported; each run will say so")
        while True:
            order = self._orders.get()
            try:
                if order.run is None:
                    self._prepare(order)
                else:
                    self._run(order, Turn(order.run, self._spool))
            except Exception:
                log.exception("turn thread")
                self.abandon()
                with self._lock:
                    self._live = None
            self.idle_since = time.monotonic()
            self._changed()

    def _prepare(self, order: Order) -> None:
        try:
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
        try:
            if not self._cancelled:
                made = self._agent_for(order.model, order.provider, turn.status)
                agent, before = made.agent, made.counters
            result = self._converse(order, turn, agent)
            outcome = of_result(result)
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
        turn.close_tools()
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
        with self._lock:
            self._turn = None
            self.turns += 1
            self._live = None
            self._spool.add(end, wait=False)

    def _converse(self, order: Order, turn: Turn, agent: Any) -> dict[str, Any]:
        """Run the agent, unless the run was cancelled before it could be asked."""
        with self._lock:
            if agent is None or self._cancelled:
                return {"interrupted": True, "messages": [*self._held.messages, user_message(order.text)]}
            for name, callback in turn.callbacks().items():
                setattr(agent, name, callback)
            agent.ephemeral_system_prompt = order.note or None
            agent.clear_interrupt()
            self._turn = turn
        result = agent.run_conversation(
            order.text,
            conversation_history=list(self._held.messages),
            task_id=self.session,
        )
        return result if isinstance(result, dict) else {}

    def _agent_for(self, model: str | None, provider: str | None, status: Callable[[str, str], None] | None = None) -> Made:
        """The warm agent if it fits, else a new one; a changed configuration is the server's to notice. Raises what the agent raises."""
        self._get_ready()
        if not self._discovered:
            self._discovered = True
            hermes.discover_servers()
        wish = (model or None, provider or None)
        if self._made is not None:
            if self._made.wish == wish:
                return self._made
            self._made.agent.release_clients()
            self._made = None
        if provider == hermes.DEMO and self._demo is None:
            self._demo = Endpoint()
            self._demo.start()
        if self._database is None:
            self._database = hermes.database()
        began = time.monotonic()
        agent = hermes.make(
            model,
            provider,
            session=self.session,
            callbacks={"status_callback": status} if status else {},
            demo_address=self._demo.address if self._demo else "",
            session_db=self._database,
        )
        log.info("agent constructed in %.0f ms: %s %s", (time.monotonic() - began) * 1e3, agent.provider, agent.model)
        self._made = Made(agent, wish, hermes.counters(agent))
        return self._made

    def _get_ready(self) -> None:
        """Import the agent if need be, tie this thread (the environment ties the others) to the session, close the gate. Once."""
        if self._ready:
            return
        self._load()
        from gateway.session_context import set_session_vars

        set_session_vars(platform="webui", session_key=self.session, session_id=self.session, async_delivery=False)
        gate.refuse(self.session, self._tell)
        self._ready = True

    def _tell(self, text: str) -> None:
        turn = self._turn
        if turn is not None:
            turn.note("warn", text)


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
