"""Permission for flagged commands: closed. There is no page to ask on yet, so each is refused at once, and the person is told.

The agent decides by module functions of `tools.approval`. They are replaced here, in this process only, because its ways around the
question depend on process environment (`HERMES_INTERACTIVE`, `HERMES_CRON_SESSION`, which a profile's `.env` can bring in at any time) and
on `approvals.mode: smart`, by which another model's word runs a flagged command unasked. `HERMES_YOLO_MODE` is not heeded either: it may be
inherited from whatever started the server. `approvals.mode: off` and `command_allowlist`
are the person's own words in their configuration and stay in force; so do the agent's hard refusals.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable

REFUSAL = (
    "Propylon cannot ask the person for permission yet, so every flagged command is refused. "
    "Do without it, or tell the person what to run themselves."
)

_REPLACED = ("_get_approval_mode", "_smart_approve", "_is_gateway_approval_context", "_is_interactive_cli")
log = logging.getLogger(__name__)


def set_environment() -> None:
    """Process environment that makes every thread of the agent ask, subagents' too. Before and after the agent's import (its `.env`)."""
    os.environ["HERMES_EXEC_ASK"] = "1"
    os.environ["HERMES_GATEWAY_SESSION"] = "1"
    for name in ("HERMES_INTERACTIVE", "HERMES_CRON_SESSION", "HERMES_YOLO_MODE"):
        os.environ.pop(name, None)


def close() -> None:
    """Make asking the only way. Raises RuntimeError when this version of the agent decides by other functions."""
    from tools import approval

    missing = [name for name in (*_REPLACED, "_YOLO_MODE_FROZEN", "register_gateway_notify") if not hasattr(approval, name)]
    if missing:
        raise RuntimeError(f"this version of Hermes decides about commands in an unknown way (no {', '.join(missing)})")
    configured_mode = approval._get_approval_mode

    def mode() -> str:
        return "off" if configured_mode() == "off" else "manual"

    def escalate(command: str, description: str) -> str:
        return "escalate"

    approval._get_approval_mode = mode
    approval._smart_approve = escalate
    approval._is_gateway_approval_context = lambda: True
    approval._is_interactive_cli = lambda: False
    approval._YOLO_MODE_FROZEN = False


def refuse(session: str, tell: Callable[[str], None]) -> None:
    """Refuse every flagged command of this process, whatever session key its thread goes by; `tell` gets a sentence for the person."""
    from tools.approval import register_gateway_notify, resolve_gateway_approval

    def answer(key: str) -> Callable[[dict[str, object]], None]:
        def notify(request: dict[str, object]) -> None:
            resolve_gateway_approval(key, "deny", reason=REFUSAL)
            command, why = str(request.get("command") or ""), str(request.get("description") or "")
            log.warning("refused: %s (%s)", command[:200], why)
            tell(f"Refused: {command} — flagged: {why}. Permission cannot be asked for here yet.")

        return notify

    for key in (session, "", "default"):
        register_gateway_notify(key, answer(key))
