"""The templates of this server, one a profile in use."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from propylon.runtimes.hermes.configuration import Configurations
from propylon.runtimes.hermes.environment import agent_environment
from propylon.runtimes.hermes.template import Template

DEFAULT = "default"
RETRY_S = 1.0


@dataclass
class _InUse:
    template: Template
    settings: str
    used_at: float


class Templates:
    def __init__(
        self, python: Path, environment: Mapping[str, str], home_of: Callable[[str], Path], output: IO[bytes], idle_s: float
    ) -> None:
        self._python = python
        self._environment = environment
        self._home_of = home_of
        self._output = output
        self._idle_s = idle_s
        self._configurations = Configurations()
        self._held: dict[str, _InUse] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def settings(self, profile: str) -> str:
        """Changes when the agents of the profile would be others."""
        return self._configurations.fingerprint(self._home_of(profile))

    def of(self, profile: str) -> Template:
        """The profile's template; a new one when its configuration changed, the old one died, or some time after it failed to start."""
        settings = self.settings(profile)
        now = asyncio.get_running_loop().time()
        held = self._held.get(profile)
        failed = held is not None and held.template.state == "failed" and (held.template.was_ready or now - held.used_at > RETRY_S)
        if held is None or failed or held.settings != settings:
            if held is not None:
                self._let_go(held.template)
            environment = agent_environment(self._environment, self._home_of(profile))
            held = self._held[profile] = _InUse(Template.start(self._python, environment, self._output), settings, now)
        elif held.template.state != "failed":
            held.used_at = now
        return held.template

    def tidy(self) -> None:
        """Let go of templates that nobody used for long; the default profile's stays."""
        now = asyncio.get_running_loop().time()
        for profile, held in list(self._held.items()):
            if profile != DEFAULT and now - held.used_at > self._idle_s:
                del self._held[profile]
                self._let_go(held.template)

    async def close(self) -> None:
        for held in self._held.values():
            self._let_go(held.template)
        if self._closing:
            await asyncio.wait(self._closing)

    def _let_go(self, template: Template) -> None:
        task = asyncio.create_task(template.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
