"""What is asked of an agent that is already made, and told to it."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from typing import Any

log = logging.getLogger(__name__)


def tell_retries(agent: Any, tell: Callable[[str], None]) -> None:
    """Have the lines told at once that the agent holds back while it tries again."""
    hold = getattr(agent, "_buffer_status", None)
    if hold is None:
        log.warning("this version of Hermes does not hold back what it says about retries")
        return

    def hold_and_tell(message: str) -> None:
        tell(message)
        hold(message)

    agent._buffer_status = hold_and_tell


def forget_interrupts(agent: Any) -> None:
    """Forget what stopped an earlier turn, also one of another agent on this thread, too late for that turn to see."""
    from tools.interrupt import set_interrupt

    agent.clear_interrupt()
    set_interrupt(False)


def unheard(agent: Any) -> str:
    """Steering that the agent has not heard; it holds none afterwards."""
    drain = getattr(agent, "_drain_pending_steer", None)
    return str(drain() or "") if drain is not None else ""


def set_effort(agent: Any, effort: str, config: dict[str, Any]) -> bool:
    """Set how hard the model thinks, "" as configured; whether the word is known."""
    from hermes_constants import parse_reasoning_effort, resolve_reasoning_config

    wanted = parse_reasoning_effort(effort) if effort else None
    agent.reasoning_config = wanted or resolve_reasoning_config(config, agent.model)
    return wanted is not None or not effort


def title(agent: Any, user: str, answer: str, seconds: float) -> str:
    """A title by the agent's own generator, "" when it is switched off or fails."""
    from agent.title_generator import generate_title

    return str(generate_title(user, answer, timeout=seconds, main_runtime=agent._current_main_runtime()) or "")


def subagent_at(turn: str) -> str:
    """The id of the subagent that this thread works for, or "". `turn` is the agent's own id of the turn (an approval knows it)."""
    delegate = sys.modules.get("tools.delegate_tool")
    here = threading.get_ident()
    with delegate._active_subagents_lock if delegate else threading.Lock():
        records = list(delegate._active_subagents.items()) if delegate else []
    for id, record in records:
        agent = record.get("agent")
        threads = {getattr(agent, "_execution_thread_id", None), *getattr(agent, "_tool_worker_threads", ())}
        if here in threads or (turn and turn == getattr(agent, "_current_turn_id", None)):
            return str(id)
    return ""
