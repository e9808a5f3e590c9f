"""The agent: importing it, finding its credentials, making it."""

from __future__ import annotations

import atexit
import contextlib
import importlib
import importlib.metadata
import logging
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import clarify, gate, models

DEMO = "demo"
"""The provider that is this worker's own scripted model."""
NO_KEY = "no-key-required"
_MODULES = (
    "run_agent",
    "hermes_state",
    "hermes_logging",
    "hermes_constants",
    "hermes_cli.config",
    "hermes_cli.runtime_provider",
    "hermes_cli.tools_config",
    "hermes_cli.fallback_config",
    "gateway.session_context",
    "tools.approval",
    "tools.process_registry",
    "tools.delegate_tool",
    "agent.agent_init",
    "agent.conversation_loop",
    "agent.tool_executor",
)
_OWN = ("HERMES_SESSION_KEY", "TERMINAL_CWD")
_CLOUDS = ("openrouter.ai", "anthropic.com", "openai.com")

log = logging.getLogger(__name__)


def load() -> str:
    """Import all that a turn needs, with the gate closed; the agent's version. Raises ImportError, or RuntimeError for an unfit version."""
    os.environ["HERMES_DISABLE_LAZY_INSTALLS"] = "1"
    with _own_environment():
        for name in _MODULES:
            importlib.import_module(name)
    gate.close()
    _read_environment_once()
    _forget_demo_windows()
    try:
        return importlib.metadata.version("hermes-agent")
    except importlib.metadata.PackageNotFoundError:
        return ""


@contextlib.contextmanager
def _own_environment() -> Iterator[None]:
    """Keep what this worker has set where the agent reads the profile's `.env`, which overrides the process environment."""
    own = {name: os.environ[name] for name in _OWN if name in os.environ}
    gate.set_environment()
    try:
        yield
    finally:
        os.environ.update(own)
        gate.set_environment()


def _read_environment_once() -> None:
    """Keep the agent from reading the profile's `.env` again: it overrides what this worker has set, on whatever thread, in mid run. A file
    that has changed is a matter for another worker."""
    from hermes_cli import env_loader

    env_loader.load_hermes_dotenv = lambda **_: []


def _forget_demo_windows() -> None:
    """Keep the demo model, whose port is another each time, out of the file in which the agent remembers context lengths."""
    from agent import model_metadata

    remember = model_metadata.save_context_length

    def save(model: str, base_url: str, length: int) -> None:
        if model != DEMO:
            remember(model, base_url, length)

    model_metadata.save_context_length = save


def configuration() -> dict[str, Any]:
    """The profile's configuration with the agent's defaults."""
    from hermes_cli.config import load_config

    found = load_config()
    return found if isinstance(found, dict) else {}


def default_model(config: dict[str, Any]) -> str:
    """The configured model's name, or ""."""
    model = config.get("model")
    if isinstance(model, dict):
        return str(model.get("default") or model.get("model") or "")
    return str(model or "")


def _self_hosted(config: dict[str, Any]) -> bool:
    model = config.get("model")
    address = str(model.get("base_url") or "") if isinstance(model, dict) else ""
    host = address.split("//")[-1].split("/")[0].rsplit("@", 1)[-1].split(":")[0].lower()
    return bool(host) and not any(host == cloud or host.endswith("." + cloud) for cloud in _CLOUDS)


def credentials(model: str | None, provider: str | None, config: dict[str, Any]) -> dict[str, Any]:
    """What the agent's own resolver gives for this choice (None: the configured one). Raises its AuthError, ValueError, ..."""
    from hermes_cli.runtime_provider import resolve_runtime_provider

    found = dict(resolve_runtime_provider(requested=provider or None, target_model=model or None))
    if not found.get("api_key") and not provider and _self_hosted(config):
        found["api_key"] = NO_KEY
    return found


@dataclass(frozen=True)
class Provider:
    """What the person has configured. `reason` says what is missing."""

    configured: bool
    model: str = ""
    provider: str = ""
    reason: str = ""


def provider() -> Provider:
    """Whether the configured model can be asked, by the agent's own resolver."""
    config = configuration()
    model = default_model(config)
    try:
        found = credentials(None, None, config)
    except Exception as error:  # noqa: BLE001 any of the agent's resolvers' own
        log.info("no provider: %s", error)
        return Provider(False, model, "", str(error))
    model = str(found.get("model") or model)
    name = str(found.get("requested_provider") or found.get("provider") or "")
    if name == "auto":
        name = str(found.get("provider") or "")
    if not found.get("api_key") and not found.get("command"):
        return Provider(False, model, name, f"No API key for {name}. Run `hermes model` to choose a provider and model.")
    if not model:
        return Provider(False, "", name, "No model is chosen. Run `hermes model` to choose one.")
    return Provider(True, model, name)


def is_auth_error(error: BaseException) -> bool:
    """Whether the agent says that credentials are missing or refused."""
    from hermes_cli.auth import AuthError

    return isinstance(error, AuthError)


def make(
    model: str | None,
    provider: str | None,
    *,
    session: str,
    callbacks: dict[str, Callable[..., Any]],
    demo_address: str = "",
    **more: Any,
) -> Any:
    """A new agent for this choice of model. `demo_address` is the base URL for provider `demo`. Raises what the agent raises."""
    from hermes_cli.fallback_config import get_fallback_chain
    from hermes_cli.tools_config import _get_platform_tools
    from hermes_constants import resolve_reasoning_config
    from run_agent import AIAgent

    config = configuration()
    settings: dict[str, Any] = {}
    if provider == DEMO:
        chosen = DEMO
        settings |= {"provider": "custom", "base_url": demo_address, "api_key": DEMO, "api_mode": "chat_completions"}
    else:
        wish = models.choose(model, provider, config)
        found = credentials(wish.model, wish.provider, config)
        chosen = wish.model or str(found.get("model") or "") or default_model(config)
        if not chosen:
            raise ValueError("No model is chosen. Run `hermes model` to choose one.")
        settings |= {key: found.get(key) for key in ("provider", "base_url", "api_key", "api_mode", "command", "credential_pool")}
        settings["args"] = list(found.get("args") or [])
        settings["max_tokens"] = _output_limit(config, found)
        settings["fallback_model"] = get_fallback_chain(config) or None
    platform = "webui" if (config.get("platform_toolsets") or {}).get("webui") else "cli"
    agent_settings = config.get("agent") or {}
    settings |= {
        "model": chosen,
        "max_iterations": int(os.environ.get("HERMES_MAX_ITERATIONS") or agent_settings.get("max_turns") or 90),
        "reasoning_config": resolve_reasoning_config(config, chosen),
        "enabled_toolsets": sorted(_get_platform_tools(config, platform)),
        "disabled_toolsets": list(agent_settings.get("disabled_toolsets") or []) or None,
        "platform": "webui",
        "session_id": session,
        "quiet_mode": True,
        "tool_delay": 0,
    }
    return AIAgent(**(settings | callbacks | more))


def _output_limit(config: dict[str, Any], found: dict[str, Any]) -> int | None:
    model = config.get("model")
    candidates = (
        os.environ.get("HERMES_MAX_TOKENS"),
        model.get("max_tokens") if isinstance(model, dict) else None,
        found.get("max_output_tokens"),
    )
    for value in candidates:
        if value and str(value).isdigit():
            return int(value)
    return None


def connect_servers() -> None:
    """Connect the configured MCP servers; returns when each has come or failed."""
    from tools.mcp_tool import discover_mcp_tools

    discover_mcp_tools()


def servers() -> list[dict[str, Any]]:
    """The configured MCP servers and how they are, in the agent's words."""
    if not configuration().get("mcp_servers"):
        return []
    from tools.mcp_tool import get_mcp_status

    return [server for server in get_mcp_status() if isinstance(server, dict)]


def clarify_limit() -> float | None:
    """Seconds that a question of the agent waits for an answer, None for ever."""
    return clarify.limit_of((configuration().get("agent") or {}).get("clarify_timeout"))


def database() -> Any:
    """The agent's own session store; never before a fork."""
    from hermes_state import SessionDB

    return SessionDB()


def counters(agent: Any) -> dict[str, float]:
    """The agent's cumulative counters by the names of `usage`."""
    return {
        "input_tokens": int(agent.session_input_tokens or 0),
        "output_tokens": int(agent.session_output_tokens or 0),
        "cache_read_tokens": int(agent.session_cache_read_tokens or 0),
        "reasoning_tokens": int(agent.session_reasoning_tokens or 0),
        "estimated_cost": float(agent.session_estimated_cost_usd or 0.0),
    }


def window(agent: Any) -> dict[str, int]:
    """The state of the agent's context window, in tokens."""
    compressor = getattr(agent, "context_compressor", None)
    return {name: int(getattr(compressor, name, 0) or 0) for name in ("context_length", "threshold_tokens", "last_prompt_tokens")}


def background_work() -> bool:
    """Whether the agent has processes of its own still running."""
    registry = sys.modules.get("tools.process_registry")
    return bool(registry is not None and registry.process_registry.has_any_active())


def stop_background_work() -> None:
    """End the agent's own processes, and what else it does at a normal exit: shells' files, browsers, its log."""
    registry = sys.modules.get("tools.process_registry")
    if registry is not None:
        registry.process_registry.kill_all()
    atexit._run_exitfuncs()


def pause_log() -> None:
    """Write out and stop the agent's log thread, so that the process may fork."""
    listener = getattr(sys.modules.get("hermes_logging"), "_queue_listener", None)
    if listener is not None and getattr(listener, "_thread", None) is not None:
        listener.stop()


def resume_log() -> None:
    """Start the agent's log thread in a fork."""
    listener = getattr(sys.modules.get("hermes_logging"), "_queue_listener", None)
    if listener is not None:
        listener.start()


def home() -> Path:
    """The profile's directory."""
    from hermes_constants import get_hermes_home

    return Path(get_hermes_home())


def redact(text: str) -> str:
    """The text as the agent keeps it: it masks secrets in what the model says."""
    from agent.redact import redact_sensitive_text

    return str(redact_sensitive_text(text))
