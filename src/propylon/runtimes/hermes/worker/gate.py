"""Permission for what the agent flags: asked for on the page, closed where nobody can be asked.

Every question of the agent (commands, scripts, plugins' rules, requests of MCP servers) goes through one function of `tools.approval`.
It is replaced here, in this process only, by a wait of our own, because the agent's matches answers to questions by order and
ours by id. Its ways around the question are closed too: they depend on process environment (`HERMES_INTERACTIVE`, `HERMES_CRON_SESSION`),
which a profile's `.env` can bring in at any time. `HERMES_YOLO_MODE` is not heeded: it may be inherited from whatever started the server.
What stands in the profile's configuration is the person's own word and stays in force: `approvals.mode`, `command_allowlist`,
`approvals.deny`; so do the agent's hard refusals.
"""

from __future__ import annotations

import functools
import inspect
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .frames import shortened
from .questions import Answer, Questions

COMMAND_LIMIT = 64 * 1024
"""Bytes of a command that a question shows."""

NOBODY = "Nobody can be asked here, so this is refused."

_ENVIRONMENT = {
    "HERMES_EXEC_ASK": True,
    "HERMES_GATEWAY_SESSION": True,
    "HERMES_INTERACTIVE": False,
    "HERMES_CRON_SESSION": False,
    "HERMES_YOLO_MODE": False,
}
"""What the agent's decisions see of these switches, whatever the process environment holds."""

_FUNCTIONS: dict[str, tuple[str, ...]] = {
    "_await_gateway_decision": ("session_key", "notify_cb", "approval_data", "surface"),
    "_get_approval_mode": (),
    "_get_approval_timeout": (),
    "_smart_approve": ("command", "description"),
    "_is_gateway_approval_context": (),
    "_is_interactive_cli": (),
    "_fire_approval_hook": ("hook_name", "kwargs"),
    "register_gateway_notify": ("session_key", "cb"),
    "resolve_gateway_approval": ("session_key", "choice", "resolve_all", "reason"),
    "load_permanent_allowlist": (),
    "enable_session_yolo": ("session_key",),
    "disable_session_yolo": ("session_key",),
    "is_interrupted": (),
}
"""Functions of `tools.approval` that we replace or call, with their parameters."""

_VALUES = (
    "_YOLO_MODE_FROZEN",
    "_session_approved",
    "_permanent_approved",
    "_lock",
    "_approval_tool_call_id",
    "_approval_turn_id",
    "env_var_enabled",
)
_ASKING = ("check_all_command_guards", "check_execute_code_guard", "_run_approval_gate", "request_elicitation_consent")
"""The agent's functions that decide; each must ask through the one that we replace."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Desk:
    """Where questions go. `tell` gets a sentence for the person and raises when it cannot be told; `place` maps the agent's ids of call and
    turn to ours: the call's id and the subagent's, "" each when unknown."""

    questions: Questions
    tell: Callable[[str], None]
    place: Callable[[str, str], tuple[str, str]]


_desk: Desk | None = None


def set_environment() -> None:
    """Process environment that makes every thread of the agent ask, subagents' too. Before and after the agent's import (its `.env`)."""
    for name, on in _ENVIRONMENT.items():
        if on:
            os.environ[name] = "1"
        else:
            os.environ.pop(name, None)


def unfit(approval: Any) -> list[str]:
    """What this version of `tools.approval` has not, or has otherwise than we know it."""
    wrong = [name for name in _VALUES if not hasattr(approval, name)]
    for name, wanted in _FUNCTIONS.items():
        function = getattr(approval, name, None)
        if not callable(function) or tuple(inspect.signature(function).parameters) != wanted:
            wrong.append(name)
    for name in _ASKING:
        code = getattr(getattr(approval, name, None), "__code__", None)
        if code is None or "_await_gateway_decision" not in code.co_names:
            wrong.append(name)
    return wrong


def close() -> None:
    """Make asking the only way. Raises RuntimeError when this version of the agent decides by other functions."""
    from tools import approval

    wrong = unfit(approval)
    if wrong:
        raise RuntimeError(f"this version of Hermes decides about commands in an unknown way ({', '.join(wrong)})")
    enabled, smart = approval.env_var_enabled, approval._smart_approve

    @functools.wraps(enabled)
    def env_var_enabled(name: str, *args: Any, **more: Any) -> bool:
        return _ENVIRONMENT[name] if name in _ENVIRONMENT else bool(enabled(name, *args, **more))

    approval.env_var_enabled = env_var_enabled
    approval._await_gateway_decision = _decide
    approval._smart_approve = lambda command, description: _told(smart(command, description), command, description)
    approval._is_gateway_approval_context = lambda: True
    approval._is_interactive_cli = lambda: False
    approval._YOLO_MODE_FROZEN = False


def open_desk(session: str, desk: Desk) -> None:
    """From now on the questions of this process go to `desk`, whatever session key their thread goes by."""
    global _desk
    from tools.approval import register_gateway_notify, resolve_gateway_approval

    def refuse(key: str) -> Callable[[dict[str, object]], None]:
        # The agent wants somebody to notify before it asks. Ours is asked elsewhere; should anything use this, it is refused.
        def notify(request: dict[str, object]) -> None:
            log.error("refused, because it was asked in an unknown way: %s", str(request.get("command") or "")[:200])
            resolve_gateway_approval(key, "deny", reason=NOBODY)

        return notify

    for key in (session, "", "default"):
        register_gateway_notify(key, refuse(key))
    _desk = desk


def grant(session: str, keys: Sequence[str]) -> None:
    """Allow exactly these patterns for the session, and for ever exactly those of the profile's configuration as it is now."""
    from tools import approval

    with approval._lock:
        approval._session_approved.clear()
        approval._session_approved[session] = set(keys)
        approval._permanent_approved.clear()
    approval.load_permanent_allowlist()


def set_asking_off(session: str, on: bool) -> None:
    """Whether the agent skips its questions (`on`). The desk's questions are the caller's to switch."""
    from tools import approval

    (approval.enable_session_yolo if on else approval.disable_session_yolo)(session)


def choices_of(request: dict[str, Any], surface: str) -> tuple[str, ...]:
    """What a person may answer to a request of the agent."""
    if request.get("smart_denied") or is_elicitation(request, surface):
        return ("once", "deny")
    if request.get("allow_permanent", True) is False:
        return ("once", "session", "deny")
    return ("once", "session", "always", "deny")


def is_elicitation(request: dict[str, Any], surface: str) -> bool:
    """Whether an MCP server asks, not the agent; that is never skipped."""
    return surface == "mcp-elicitation" or request.get("pattern_key") == "mcp_elicitation"


def decision_of(answer: Answer) -> dict[str, Any]:
    """The answer in the agent's terms. Only words of a person or their switch allow anything."""
    if answer.by == "timeout":
        return {"resolved": False, "choice": None, "reason": None}
    choice = answer.choice if answer.by in ("person", "yolo") and answer.choice else "deny"
    return {"resolved": True, "choice": choice, "reason": answer.reason or None}


def _told(verdict: str, command: str, description: str) -> str:
    """The verdict of smart mode; what it allows is shown, and what cannot be shown is asked."""
    if verdict == "approve":
        try:
            if _desk is None:
                raise RuntimeError(NOBODY)
            _desk.tell(f"Smart mode allowed without asking: {shortened(command, COMMAND_LIMIT)} — flagged: {description}.")
        except Exception:
            log.exception("an approval of smart mode cannot be shown, so the person is asked")
            return "escalate"
    return verdict


def _decide(session_key: str, notify_cb: object, approval_data: dict[str, Any], *, surface: str = "gateway") -> dict[str, Any]:
    """In place of the agent's own wait, on the thread that wants to act."""
    from tools import approval

    keys = [str(key) for key in approval_data.get("pattern_keys") or [approval_data.get("pattern_key") or ""]]
    about = {
        "command": approval_data.get("command", ""),
        "description": approval_data.get("description", ""),
        "pattern_key": approval_data.get("pattern_key", ""),
        "pattern_keys": keys,
        "session_key": session_key,
        "surface": surface,
    }
    approval._fire_approval_hook("pre_approval_request", **about)
    try:
        answer = _ask(approval_data, keys, surface)
    except Exception:
        log.exception("a question could not be asked, so it is refused")
        return {"resolved": False, "choice": None, "notify_failed": True}
    decision = decision_of(answer)
    approval._fire_approval_hook("post_approval_response", **about, choice=decision["choice"] or "timeout")
    return decision


def _ask(request: dict[str, Any], keys: list[str], surface: str) -> Answer:
    from tools import approval
    from tools.environments.base import touch_activity_if_due

    if _desk is None:
        raise RuntimeError(NOBODY)
    try:
        tid, sub = _desk.place(approval._approval_tool_call_id.get(), approval._approval_turn_id.get())
    except Exception:
        log.exception("where a question comes from is not known")
        tid = sub = ""
    question = _desk.questions.approve(
        {
            "command": shortened(str(request.get("command") or ""), COMMAND_LIMIT),
            "why": str(request.get("description") or ""),
            "keys": keys,
            "denied": bool(request.get("smart_denied")),
            "tid": tid,
            "sub": sub,
        },
        choices_of(request, surface),
        float(approval._get_approval_timeout()),
        free=not is_elicitation(request, surface),
    )
    now = time.monotonic()
    state = {"last_touch": now, "start": now}
    log.info("asked on %s: %s", threading.current_thread().name, ", ".join(keys))
    return _desk.questions.wait(
        question, approval.is_interrupted, lambda: touch_activity_if_due(state, "waiting for a person's permission")
    )
