"""What the model is told beside the conversation, and how hard it thinks. Pure: the configuration in, words out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DESCRIPTION_LIMIT = 120
"""Characters of a personality's description."""


def configured(config: Mapping[str, Any]) -> dict[str, Any]:
    """The personalities of a configuration, as they are written."""
    agent = config.get("agent")
    found = agent.get("personalities") if isinstance(agent, Mapping) else None
    return {str(name): value for name, value in found.items()} if isinstance(found, Mapping) else {}


def personality(value: Any) -> str:
    """The prompt of one personality as it is written: words, or a mapping with `system_prompt` (or `prompt`), `tone` and `style`."""
    if not isinstance(value, Mapping):
        return str(value or "").strip()
    lines = [str(value.get("system_prompt") or value.get("prompt") or "").strip()]
    lines += [f"{key.capitalize()}: {value[key]}" for key in ("tone", "style") if value.get(key)]
    return "\n".join(line for line in lines if line)


def named(name: str, config: Mapping[str, Any]) -> str:
    """The prompt of the personality of this name (capitals do not matter), or "" when there is none."""
    found = configured(config)
    for known, value in found.items():
        if known.lower() == name.strip().lower():
            return personality(value)
    return ""


def offered(config: Mapping[str, Any]) -> list[dict[str, str]]:
    """Name and description of each personality."""
    return [{"name": name, "description": personality(value)[:DESCRIPTION_LIMIT]} for name, value in configured(config).items()]


def joined(*parts: str) -> str | None:
    """The ephemeral system prompt of these parts, or None when all are empty."""
    return "\n\n".join(part.strip() for part in parts if part.strip()) or None
