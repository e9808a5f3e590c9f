"""The environment of the agent's processes: an argument of a child, never a change to our own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

GATE = {"HERMES_EXEC_ASK": "1", "HERMES_GATEWAY_SESSION": "1", "HERMES_DISABLE_LAZY_INSTALLS": "1"}
"""Dangerous commands ask only where this stands in the environment before the agent is imported; subagents read nothing else."""

_OURS = ("HERMES_WEBUI_", "PROPYLON_")
_NOT_THEIRS = frozenset(
    {"API_SERVER_KEY", "HERMES_HOME", "HERMES_INTERACTIVE", "HERMES_SESSION_ID", "HERMES_SESSION_KEY", "HERMES_YOLO_MODE", "TERMINAL_CWD"}
    | {"PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "VIRTUAL_ENV"}
)


def agent_environment(server: Mapping[str, str], home: Path) -> dict[str, str]:
    """What the agent of the profile at `home` gets: the server's environment without its own settings and secrets, and the gate closed."""
    kept = {name: value for name, value in server.items() if name not in _NOT_THEIRS and not name.startswith(_OURS)}
    return {**kept, **GATE, "HERMES_HOME": str(home), "PYTHONUNBUFFERED": "1"}
