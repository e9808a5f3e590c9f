"""What the gateway's agent is told of where this conversation takes place: one message of the system. Pure, but for one small file read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from propylon.runtimes.base import RunInput
from propylon.runtimes.gateway.values import Object, first_text, mapping, parsed

STATE = "gateway_state.json"
"""In a profile's home: what the gateway of that profile says of itself."""

STATE_BYTES = 256 * 1024
CONNECTED = frozenset({"connected", "running", "ready"})


def read_state(home: Path) -> Object:
    """Empty when there is no gateway of this home on this machine."""
    try:
        with (home / STATE).open("rb") as file:
            return mapping(parsed(file.read(STATE_BYTES)))
    except OSError:
        return {}


def told(run: RunInput, config: Mapping[str, Any], state: Object) -> str:
    """Source, profile, workspace, connected platforms, their home channels, and where an answer can be delivered."""
    platforms = sorted(name for name, found in mapping(state.get("platforms")).items() if mapping(found).get("state") in CONNECTED)
    homes = home_channels(config)
    lines = [
        "Current session context:",
        "- Source: WebUI. The person reads the answer on a web page; Markdown is shown as such.",
        f"- Profile: {run.profile}",
        f"- The person's workspace is {run.workspace} on the machine of the web page. Commands do not start there by themselves.",
        f"- Connected platforms: {', '.join(platforms) or 'none known'}",
    ]
    lines += [f"- Home channel of {name}: {channel}" for name, channel in homes]
    deliver = ["this conversation", *(f"{name} ({channel})" for name, channel in homes if name in platforms)]
    lines.append(f"- An answer can be delivered to: {', '.join(deliver)}")
    return "\n".join(lines)


def home_channels(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Platform and channel, out of `platforms.<name>.home_channel` of the configuration."""
    found = []
    for name, settings in mapping(config.get("platforms")).items():
        channel = mapping(settings).get("home_channel")
        shown = channel if isinstance(channel, str) else first_text(mapping(channel), "name", "chat_id", "id")
        if shown:
            found.append((str(name), shown))
    return sorted(found)
