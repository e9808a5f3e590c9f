"""Which model and provider a wish means. Pure; credentials are the agent's own resolver's to find."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

OPENROUTER = "openrouter"
VENDORS = frozenset(
    {"ai21", "alibaba", "amazon", "anthropic", "arcee-ai", "baidu", "bytedance", "cohere", "deepseek", "google", "inception"}
    | {"kimi", "meta-llama", "microsoft", "minimax", "mistralai", "moonshotai", "nousresearch", "nvidia", "openai", "perplexity"}
    | {"qwen", "stepfun", "tencent", "x-ai", "xai", "xiaomi", "z-ai", "zai"}
)
"""Prefixes by which OpenRouter names the makers of models."""


@dataclass(frozen=True)
class Choice:
    """A model and a provider; None each where the configuration decides."""

    model: str | None
    provider: str | None


def slug(name: str) -> str:
    """A custom provider's name as the agent's resolver knows it."""
    return "custom:" + name.strip().lower().replace(" ", "-")


def choose(model: str | None, provider: str | None, config: Mapping[str, Any]) -> Choice:
    """What a wish means under this configuration. An explicit provider always wins."""
    wish = (model or "").strip()
    named, bare = _addressed(wish)
    if provider:
        return Choice((bare if named else wish) or None, provider)
    if not wish:
        return Choice(None, None)
    custom = _custom(wish, config)
    if custom:
        return Choice(wish, custom)
    if named:
        return Choice(bare, named)
    settings = config.get("model")
    own = settings if isinstance(settings, Mapping) else {"default": settings}
    ours = str(own.get("provider") or "").strip().lower()
    prefix, slash, rest = wish.partition("/")
    if not slash or not rest or wish == own.get("default"):
        return Choice(wish, None)
    if ours == OPENROUTER:
        return Choice(wish, OPENROUTER)
    if prefix.lower() == ours:
        return Choice(rest, None)
    known = prefix.lower() in VENDORS
    if own.get("base_url"):
        # An unknown prefix is part of the name: servers of one's own name models so.
        return Choice(rest if known else wish, None)
    return Choice(wish, OPENROUTER if known else None)


def _addressed(wish: str) -> tuple[str, str]:
    """Provider and model of `@provider:model`; provider "" when the wish is not written so."""
    if not wish.startswith("@"):
        return "", wish
    provider, colon, model = wish[1:].partition(":")
    if provider == "custom" and ":" in model:
        name, _, model = model.partition(":")
        provider = f"custom:{name}"
    return (provider, model) if colon and provider and model else ("", wish)


def _custom(wish: str, config: Mapping[str, Any]) -> str:
    """The custom provider that names exactly this model, or ""."""
    listed = config.get("custom_providers")
    for entry in listed if isinstance(listed, Sequence) and not isinstance(listed, str) else []:
        if isinstance(entry, Mapping) and entry.get("name") and wish in _models(entry):
            return slug(str(entry["name"]))
    mapped = config.get("providers")
    for name, entry in mapped.items() if isinstance(mapped, Mapping) else []:
        address = isinstance(entry, Mapping) and (entry.get("base_url") or entry.get("url") or entry.get("api"))
        if address and entry.get("enabled", True) is not False and wish in _models(entry):
            return slug(str(name))
    return ""


def _models(entry: Mapping[str, Any]) -> set[str]:
    found = {str(entry[key]) for key in ("model", "default_model") if entry.get(key)}
    listed = entry.get("models")
    if isinstance(listed, Mapping):
        return found | {str(name) for name in listed}
    if isinstance(listed, Sequence) and not isinstance(listed, str):
        names = (item.get("id") or item.get("name") if isinstance(item, Mapping) else item for item in listed)
        return found | {str(name) for name in names if name}
    return found
