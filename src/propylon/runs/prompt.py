"""What the model is told beside the conversation. Never stored and never part of the person's text."""

from __future__ import annotations

from pathlib import Path


def workspace_note(workspace: Path) -> str:
    """Where the agent works in this turn; authoritative, because a system prompt made earlier may name another directory."""
    return (
        f"The workspace of this conversation is {workspace}. Relative paths and commands start there. "
        "If an earlier message names another workspace, this one is right."
    )
