"""Settings: frozen, resolved once, the only reader of the environment. Names are those that users of the existing web UI have.

Every field here stands in docs/settings.md; a test holds the two together.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from propylon.errors import Unusable

LOOPBACK = ("localhost", "::1")


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
        description="Not supported yet: this version has no login, so a set password refuses the start instead of serving unprotected.",
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

    def profile_home(self, profile: str) -> Path:
        return self.hermes_home if profile == "default" else self.hermes_home / "profiles" / profile

    def check(self) -> None:
        """Never serve open what was meant to be closed. Raises Unusable."""
        if self.password is not None:
            raise Unusable(
                "HERMES_WEBUI_PASSWORD is set, but this version has no login yet. "
                "Unset it to serve without a password on this machine only."
            )
        if not (self.host in LOOPBACK or self.host.startswith("127.")):
            raise Unusable(
                f"{self.host or 'every address'} is not this machine alone, and this version has no login yet. "
                "Listen on 127.0.0.1 and reach it through an SSH tunnel."
            )
