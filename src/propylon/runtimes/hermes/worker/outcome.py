"""How a turn went, read from the agent's result. Pure; decided by codes and structured prefixes, never by words of an answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_HTTP = re.compile(r"\bHTTP (\d{3})\b")
_BROKEN_EXITS = ("local_processing_error", "error_near_max_iterations", "all_retries_exhausted_no_response")


@dataclass(frozen=True)
class Outcome:
    """`outcome` is completed, interrupted or failed; `kind` the agent's code; `status` the provider's HTTP status."""

    outcome: str
    kind: str = ""
    status: int | None = None
    error: str = ""


def http_status(error: str) -> int | None:
    """The provider's status in the agent's own error text (`HTTP 429: ...`, also after its `API call failed after ...:`)."""
    found = _HTTP.search(error[:200])
    return int(found.group(1)) if found else None


def answered(messages: Sequence[Any], text: str) -> bool:
    """Whether the model said anything in the turn that began with `text`. `messages` may hold whatever a result brings."""
    rows = [row for row in messages if isinstance(row, dict)]
    asked = [i for i, row in enumerate(rows) if row.get("role") == "user"]
    own = [i for i in asked if text in str(rows[i].get("content") or "")]
    start = (own or asked or [-1])[-1]
    return any(row.get("role") == "assistant" and _says(row.get("content")) for row in rows[start + 1 :])


def _says(content: Any) -> bool:
    parts = content if isinstance(content, list) else [content]
    return any(str((part.get("text") or "") if isinstance(part, dict) else part or "").strip() for part in parts)


def of_result(result: dict[str, Any], *, spoke: bool = True) -> Outcome:
    """The outcome of a returned turn. `spoke`: the model said something in it."""
    exit_reason = str(result.get("turn_exit_reason") or "")
    error = str(result.get("error") or "")
    if result.get("interrupted"):
        return Outcome("interrupted")
    said = error or str(result.get("final_response") or "")
    if result.get("compression_exhausted"):
        return Outcome("failed", "compression_exhausted", http_status(error), said)
    if exit_reason == "empty_response_exhausted":
        return Outcome("failed", exit_reason, None, said)
    if result.get("failed"):
        kind = str(result.get("failure_reason") or "")
        if not kind and error.startswith("content_policy_blocked"):
            kind = "content_policy_blocked"
        return Outcome("failed", kind or "error", http_status(error), said)
    if result.get("partial"):
        return Outcome("failed", "truncated", None, said)
    if exit_reason == "partial_stream_recovery":
        return Outcome("failed", "truncated", None, said)
    if exit_reason.startswith(_BROKEN_EXITS):
        return Outcome("failed", "error", http_status(said), said)
    if not spoke and not str(result.get("final_response") or "").strip():
        return Outcome("failed", "empty_response_exhausted")
    return Outcome("completed")


def of_exception(error: BaseException, *, auth: bool, constructing: bool) -> Outcome:
    """The outcome of a turn whose agent could not be made, or which raised."""
    said = str(error) or type(error).__name__
    if auth:
        return Outcome("failed", "auth", 401, said)
    return Outcome("failed", "construction" if constructing else "error", None, f"{type(error).__name__}: {said}")


def usage_of(before: dict[str, float], after: dict[str, float], window: dict[str, int]) -> dict[str, float]:
    """The turn's own share of cumulative counters, and the state of the context window."""
    spent = {key: max(0, after[key] - before.get(key, 0)) for key in after}
    if "estimated_cost" in spent:
        spent["estimated_cost"] = round(spent["estimated_cost"], 8)
    return {**spent, **window}
