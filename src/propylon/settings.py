"""Settings: frozen, resolved once, the only reader of the environment. Names are those that users of the existing web UI have.

Every field here stands in docs/settings.md; a test holds the two together.
"""

from __future__ import annotations

import importlib.util
import ipaddress
import sys
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from propylon.errors import Unusable


class Settings(BaseSettings):
    """Validation aliases are the names in the environment, descriptions the help texts."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    home: Annotated[Path, NoDecode] = Field(
        Path("~/.hermes"), validation_alias="HERMES_HOME", description="Home of Hermes Agent: its configuration, keys and profiles."
    )
    host: str = Field("127.0.0.1", validation_alias="HERMES_WEBUI_HOST", description="Address to listen on. Only this machine by default.")
    port: int = Field(8787, ge=0, le=65535, validation_alias="HERMES_WEBUI_PORT", description="Port to listen on; 0 takes a free one.")
    state_dir: Path | None = Field(
        None,
        validation_alias="HERMES_WEBUI_STATE_DIR",
        description="Directory for everything that is kept; ours is the folder `propylon` in it. Default: `webui` in HERMES_HOME.",
    )
    default_workspace: Path | None = Field(
        None,
        validation_alias="HERMES_WEBUI_DEFAULT_WORKSPACE",
        description="Where the agent of a new session works. Default: the directory the server was started in, or your home if that is /.",
    )
    default_model: str | None = Field(
        None,
        validation_alias="HERMES_WEBUI_DEFAULT_MODEL",
        description="Model of a new session. Default: what Hermes Agent is configured for; the built-in demo where it is not.",
    )
    python: Path | None = Field(
        None,
        validation_alias="HERMES_WEBUI_PYTHON",
        description="Interpreter that Hermes Agent is installed in. Default: the server's own, else the agent's official install location.",
    )
    password: str | None = Field(
        None,
        validation_alias="HERMES_WEBUI_PASSWORD",
        repr=False,
        description="Password of the page. It beats one that was set in the page; it is never written down and never logged.",
    )
    allowed_hosts: str = Field(
        "",
        validation_alias="HERMES_WEBUI_ALLOWED_HOSTS",
        description="Names, separated by commas, that this server is reached by besides localhost: chat.example.com, box.lan:8787.",
    )
    trusted_proxies: str = Field(
        "",
        validation_alias="HERMES_WEBUI_TRUSTED_PROXIES",
        description="Addresses or networks of reverse proxies, separated by commas, whose X-Forwarded-* headers are believed.",
    )
    insecure_no_password: bool = Field(
        False,
        validation_alias="HERMES_WEBUI_INSECURE_NO_PASSWORD",
        description="Let everybody who reaches the server run commands on this machine, without a password.",
    )
    api_redact_enabled: bool = Field(
        True,
        validation_alias="HERMES_WEBUI_API_REDACT",
        description="Mask secrets in everything that leaves the server. What is stored stays as it was said.",
    )

    chat_backend: str | None = Field(
        None,
        validation_alias="HERMES_WEBUI_CHAT_BACKEND",
        description="`gateway`: turns go to a Hermes Gateway. Any other word: to agents of our own. "
        "Default: `webui_chat_backend` of the profile's configuration.",
    )
    gateway_base_url: str | None = Field(
        None,
        validation_alias="HERMES_WEBUI_GATEWAY_BASE_URL",
        description="Address of the gateway's API server. Default: `webui_gateway_base_url` of the profile's configuration, "
        "else http://127.0.0.1:8642.",
    )
    gateway_api_key: str | None = Field(
        None,
        validation_alias="HERMES_WEBUI_GATEWAY_API_KEY",
        repr=False,
        description="Key of the gateway's API server. Default: API_SERVER_KEY.",
    )
    api_server_key: str | None = Field(
        None, validation_alias="API_SERVER_KEY", repr=False, description="The gateway's own name for its key; used where ours is not set."
    )
    gateway_use_runs_api: bool | None = Field(
        None,
        validation_alias="HERMES_WEBUI_GATEWAY_USE_RUNS_API",
        description="Always or never use the gateway's Runs API. Default: where the gateway offers it; chat completions elsewhere.",
    )
    gateway_allow_plain_http: bool = Field(
        False,
        validation_alias="HERMES_WEBUI_GATEWAY_ALLOW_PLAIN_HTTP",
        description="Send key and conversations to a gateway on another machine without encryption.",
    )
    prefill_script: str | None = Field(
        None,
        validation_alias="HERMES_WEBUI_PREFILL_MESSAGES_SCRIPT",
        description="Command that prints context for every turn through a gateway.",
    )
    prefill_script_timeout: float | None = Field(
        None,
        validation_alias="HERMES_WEBUI_PREFILL_MESSAGES_SCRIPT_TIMEOUT",
        description="Seconds that it may take, 0.1 to 30. Default: 5.",
    )
    prefill_file: str | None = Field(
        None,
        validation_alias="HERMES_PREFILL_MESSAGES_FILE",
        description="JSON file of messages for every turn through a gateway, and for when the script fails.",
    )
    prefill_compact_file: str | None = Field(
        None,
        validation_alias="HERMES_WEBUI_PREFILL_COMPACT_FILE",
        description="Shorter file that is used when the context is over its budget.",
    )
    prefill_max_chars: int | None = Field(
        None,
        validation_alias="HERMES_WEBUI_PREFILL_CONTEXT_MAX_CHARS",
        description="Characters of context for a turn through a gateway, 0 for none. Default: 12000; at most 262144.",
    )

    @classmethod
    def load(cls, **options: Any) -> Settings:
        """From the environment, with `options` (by field name, those that are not None) before it. Raises Unusable with a sentence."""
        # Only by alias: by field name, the environment's own HOME, HOST or PORT would be taken for ours.
        given = {str(cls.model_fields[name].validation_alias): value for name, value in options.items() if value is not None}
        try:
            return cls(**given)
        except ValidationError as error:
            found = error.errors()[0]
            raise Unusable(f"{'.'.join(str(part) for part in found['loc'])}: {found['msg']}") from error

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the address that is listened on."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def hermes_home(self) -> Path:
        return self.home.expanduser().absolute()

    @property
    def state(self) -> Path:
        """Our own folder in the state directory."""
        return (self.state_dir.expanduser().absolute() if self.state_dir else self.hermes_home / "webui") / "propylon"

    @property
    def workspace(self) -> Path:
        if self.default_workspace is not None:
            return self.default_workspace.expanduser().absolute()
        here = Path.cwd()
        return here if here != here.parent else Path.home()

    @property
    def agent_python(self) -> Path:
        """The interpreter of the agent, whether or not the agent is really there."""
        if self.python is not None:
            return self.python.expanduser().absolute()
        official = Path("~/.hermes/hermes-agent/venv/bin/python").expanduser()
        if importlib.util.find_spec("run_agent") is None and official.exists():
            return official
        return Path(sys.executable)

    @property
    def gateway_key(self) -> str:
        return (self.gateway_api_key or self.api_server_key or "").strip()

    def profile_home(self, profile: str) -> Path:
        return self.hermes_home if profile == "default" else self.hermes_home / "profiles" / profile
