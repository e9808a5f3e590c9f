"""Model context from the transcript, for the turns whose agent could not hand over its own."""

from __future__ import annotations

from typing import Any

from propylon.runs.fold import Row

INTERRUPTED = "[This call was interrupted; its effects are unknown.]"
NOT_FINISHED = "[The person saw the answer end here: the run was stopped or interrupted.]"


def from_rows(text: str, rows: list[Row]) -> list[dict[str, Any]]:
    """The person's message and what was shown of the answer, as messages a provider accepts: every call has its result, in order."""
    context: list[dict[str, Any]] = [{"role": "user", "content": text}]
    for row in rows:
        if row.get("_error"):
            continue
        if row["role"] == "tool":
            result = INTERRUPTED if row.get("interrupted") else row["content"]
            context.append({"role": "tool", "tool_call_id": row["tool_call_id"], "name": row["name"], "content": result})
        elif row.get("tool_calls"):
            context.append({"role": "assistant", "content": row["content"], "tool_calls": row["tool_calls"]})
        elif row["content"]:
            context.append({"role": "assistant", "content": row["content"]})
    if context[-1]["role"] != "assistant":
        context.append({"role": "assistant", "content": NOT_FINISHED})
    return context
