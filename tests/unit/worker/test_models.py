from __future__ import annotations

from typing import Any

import pytest

from propylon.runtimes.hermes.worker.models import choose

LOCAL = {"model": {"default": "org/own", "provider": "custom", "base_url": "http://localhost:1/v1"}}
ROUTER = {"model": {"default": "anthropic/x", "provider": "openrouter"}}
DIRECT = {"model": {"default": "claude", "provider": "anthropic"}}
CUSTOM = {
    "model": {"default": "claude", "provider": "anthropic"},
    "custom_providers": [
        {"name": "My Box", "base_url": "http://a", "model": "qwen/q3"},
        {"name": "Other", "models": ["m1", {"id": "m2"}]},
        "nonsense",
        {"model": "nameless"},
    ],
    "providers": {
        "Lab": {"base_url": "http://b", "models": {"lab/one": {}}, "default_model": "lab-two"},
        "off": {"base_url": "http://c", "models": ["gone"], "enabled": False},
        "key-only": {"api_key": "x", "models": ["also-gone"]},
    },
}


@pytest.mark.parametrize(
    ("config", "model", "provider", "wanted"),
    [
        (DIRECT, None, None, (None, None)),
        (DIRECT, "  ", None, (None, None)),
        ({}, "gpt", None, ("gpt", None)),
        ({"model": "gpt"}, "gpt", None, ("gpt", None)),
        (DIRECT, "haiku", None, ("haiku", None)),
        # custom providers, exactly
        (CUSTOM, "qwen/q3", None, ("qwen/q3", "custom:my-box")),
        (CUSTOM, "m1", None, ("m1", "custom:other")),
        (CUSTOM, "m2", None, ("m2", "custom:other")),
        (CUSTOM, "lab/one", None, ("lab/one", "custom:lab")),
        (CUSTOM, "lab-two", None, ("lab-two", "custom:lab")),
        (CUSTOM, "gone", None, ("gone", None)),
        (CUSTOM, "also-gone", None, ("also-gone", None)),
        (CUSTOM, "nameless", None, ("nameless", None)),
        # written with its provider
        (DIRECT, "@openrouter:openai/gpt", None, ("openai/gpt", "openrouter")),
        (DIRECT, "@custom:my-box:q:8b", None, ("q:8b", "custom:my-box")),
        (DIRECT, "@custom:q", None, ("q", "custom")),
        (DIRECT, "@nonsense", None, ("@nonsense", None)),
        # written with its maker
        (ROUTER, "openai/gpt", None, ("openai/gpt", "openrouter")),
        (ROUTER, "unheard/of", None, ("unheard/of", "openrouter")),
        (DIRECT, "anthropic/haiku", None, ("haiku", None)),
        (DIRECT, "openai/gpt", None, ("openai/gpt", "openrouter")),
        (DIRECT, "unheard/of", None, ("unheard/of", None)),
        (DIRECT, "openai/", None, ("openai/", None)),
        (LOCAL, "openai/gpt", None, ("gpt", None)),
        (LOCAL, "custom/gpt", None, ("gpt", None)),
        (LOCAL, "org/own", None, ("org/own", None)),
        (LOCAL, "org/other", None, ("org/other", None)),
        # an explicit provider always wins
        (LOCAL, "openai/gpt", "openrouter", ("openai/gpt", "openrouter")),
        (CUSTOM, "m1", "anthropic", ("m1", "anthropic")),
        (DIRECT, "@openrouter:openai/gpt", "nous", ("openai/gpt", "nous")),
        (DIRECT, None, "nous", (None, "nous")),
        # whatever stands in a configuration
        ({"model": None, "custom_providers": {"a": 1}, "providers": ["b"]}, "x/y", None, ("x/y", None)),
    ],
)
def test_b26_what_a_wish_means(
    config: dict[str, Any], model: str | None, provider: str | None, wanted: tuple[str | None, str | None]
) -> None:
    choice = choose(model, provider, config)
    assert (choice.model, choice.provider) == wanted
