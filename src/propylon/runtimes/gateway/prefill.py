"""Context that the person's configuration puts before every message of a gateway run: from a script or a file, within a budget.

It is never required: whatever goes wrong here is told in the public status, and the turn goes on with less. The status never holds the
messages themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shlex
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from propylon.redaction import shortened
from propylon.runtimes.gateway.values import items, mapping, number, text, valid

log = logging.getLogger(__name__)

TIMEOUT_S = 5.0
TIMEOUT_MOST_S = 30.0
TIMEOUT_LEAST_S = 0.1
OUTPUT_BYTES = 262_144
BUDGET = 12_000
"""Characters of all messages together; 0 turns prefill off."""

BUDGET_MOST = 262_144
ERROR = 300

RETRIEVAL = (
    "More context was prepared for this conversation than fits here. Look up what you need about earlier work, notes and decisions with "
    "your own tools before you answer questions about them."
)

ROLES = ("system", "user", "assistant")

Message = dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Where prefill comes from, out of environment and configuration. `base` resolves relative paths, `environment` is the script's."""

    script: str = ""
    file: str = ""
    compact_file: str = ""
    timeout_s: float = TIMEOUT_S
    budget: int = BUDGET
    base: Path = Path()
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Status:
    """What anybody may see. `source` is `script`, `file` or "".

    `status` is `none`, `disabled`, `loaded`, `file_fallback` (the script failed), `budget_compacted` or `error`.
    """

    status: str = "none"
    source: str = ""
    label: str = ""
    message_count: int = 0
    error: str = ""
    compacted: bool = False
    original_chars: int = 0
    budget_chars: int = BUDGET


@dataclass(frozen=True, kw_only=True)
class Prefill:
    messages: tuple[Message, ...] = ()
    status: Status = Status()


class _Bad(Exception):
    """A source that gives nothing, with a sentence that holds none of its content."""


def sources(given: Mapping[str, Any], config: Mapping[str, Any], base: Path, environment: Mapping[str, str]) -> Sources:
    """What the server was given (script, file, compact_file, timeout_s, budget; None: nothing) before what the configuration says."""

    def chosen(name: str, *keys: str) -> Any:
        value = given.get(name)
        return value if value not in (None, "") else next((config[key] for key in keys if config.get(key) not in (None, "")), None)

    timeout = chosen("timeout_s", "webui_prefill_messages_script_timeout")
    budget = chosen("budget", "webui_prefill_context_max_chars")
    return Sources(
        script=text(chosen("script", "webui_prefill_messages_script")).strip(),
        file=text(chosen("file", "prefill_messages_file")).strip(),
        compact_file=text(chosen("compact_file", "webui_prefill_compact_file")).strip(),
        timeout_s=min(max(number(timeout), TIMEOUT_LEAST_S), TIMEOUT_MOST_S) if timeout is not None else TIMEOUT_S,
        budget=min(max(int(number(budget)), 0), BUDGET_MOST) if budget is not None else BUDGET,
        base=base,
        environment=environment,
    )


async def build(wanted: Sources) -> Prefill:
    """Never raises: a failure means no prefill and says so."""
    if not wanted.script and not wanted.file:
        return Prefill(status=Status(budget_chars=wanted.budget))
    if wanted.budget == 0:
        return Prefill(status=Status(status="disabled", budget_chars=0))
    try:
        return _within(await _load(wanted), wanted)
    except _Bad as error:
        return _failed(wanted, str(error))
    except Exception as error:
        log.exception("what goes before the conversation could not be made; the turn goes on without it")
        return _failed(wanted, f"{type(error).__name__}: {error}")


def messages_of(data: bytes, *, plain: bool) -> tuple[Message, ...]:
    """A JSON list of messages, `{messages: [...]}` or, where `plain`, text that becomes one message of the user. Raises _Bad."""
    words = valid(data.decode(errors="replace")).strip()
    if not words:
        return ()
    try:
        found = msgspec.json.decode(words)
    except (msgspec.DecodeError, RecursionError):
        if plain:
            return ({"role": "user", "content": words},)
        raise _Bad("it is no JSON") from None
    listed = items(found) or items(mapping(found).get("messages"))
    out = tuple(
        {"role": said["role"], "content": said["content"]}
        for said in map(mapping, listed)
        if said.get("role") in ROLES and isinstance(said.get("content"), str) and said["content"].strip()
    )
    if not out and plain and not isinstance(found, list | dict):
        return ({"role": "user", "content": words},)
    if listed and not out:
        raise _Bad("none of its messages has a role and a text")
    return out


async def _load(wanted: Sources) -> Prefill:
    if not wanted.script:
        return await _from_file(wanted)
    label = Path(wanted.script.split()[0]).name
    try:
        found = messages_of(await _run(wanted), plain=True)
        return _loaded(found, "script", label, wanted)
    except (_Bad, OSError, ValueError) as error:
        if not wanted.file:
            raise _Bad(f"the script failed: {error}") from error
        fallback = await _from_file(wanted)
        status = replace(fallback.status, status="file_fallback", error=shortened(f"the script failed: {error}", ERROR))
        return replace(fallback, status=status)


async def _from_file(wanted: Sources) -> Prefill:
    data = await asyncio.to_thread(_read, _path(wanted.file, wanted.base))
    return _loaded(messages_of(data, plain=False), "file", Path(wanted.file).name, wanted)


def _loaded(found: tuple[Message, ...], source: str, label: str, wanted: Sources) -> Prefill:
    status = Status(
        status="loaded" if found else "none",
        source=source,
        label=label,
        message_count=len(found),
        original_chars=_length(found),
        budget_chars=wanted.budget,
    )
    return Prefill(messages=found, status=status)


def _within(found: Prefill, wanted: Sources) -> Prefill:
    """What is over budget is replaced as a whole: by the compact file if that fits, else by a hint to look things up."""
    if _length(found.messages) <= wanted.budget:
        return found
    compact: tuple[Message, ...] = ()
    if wanted.compact_file:
        with contextlib.suppress(_Bad, OSError):
            compact = messages_of(_read(_path(wanted.compact_file, wanted.base)), plain=True)
    if not compact or _length(compact) > wanted.budget:
        compact = ({"role": "system", "content": RETRIEVAL[: wanted.budget]},)
    status = replace(found.status, status="budget_compacted", compacted=True, message_count=len(compact))
    return Prefill(messages=compact, status=status)


def _failed(wanted: Sources, why: str) -> Prefill:
    source = "script" if wanted.script else "file"
    return Prefill(status=Status(status="error", source=source, error=shortened(why, ERROR), budget_chars=wanted.budget))


async def _run(wanted: Sources) -> bytes:
    """The script's output. Raises _Bad, OSError and ValueError; nothing it started is left behind."""
    command, *arguments = shlex.split(wanted.script)
    process = await asyncio.create_subprocess_exec(
        str(_path(command, wanted.base)) if "/" in command or command.startswith("~") else command,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=wanted.base,
        env=dict(wanted.environment),
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(wanted.timeout_s):
            assert process.stdout is not None
            pieces, length = [], 0
            while piece := await process.stdout.read(1 << 16):
                pieces.append(piece)
                length += len(piece)
                if length > OUTPUT_BYTES:
                    raise _Bad(f"it wrote more than {OUTPUT_BYTES} bytes")
            code = await process.wait()
    except TimeoutError:
        raise _Bad(f"it took longer than {wanted.timeout_s:g} s") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    if code != 0:
        raise _Bad(f"it ended with code {code}")
    return b"".join(pieces)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(OUTPUT_BYTES + 1)
    if len(data) > OUTPUT_BYTES:
        raise _Bad(f"it is larger than {OUTPUT_BYTES} bytes")
    return data


def _path(name: str, base: Path) -> Path:
    return base / Path(name).expanduser()


def _length(messages: tuple[Message, ...]) -> int:
    return sum(len(message["content"]) for message in messages)
