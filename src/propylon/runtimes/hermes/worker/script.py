"""One answer of a scripted model, and its pieces on the wire. Pure.

A message that holds `SCRIPT:` and a JSON list says what the model does: one step for each request that follows it (the number of assistant
messages after it chooses; the last step repeats). The keys of a step:

    text, reason    words; streamed one by one
    repeat          how often `text` is said (a long stream, cheaply written)
    tools           [[name, {arguments}], ...]
    wait            seconds before the response begins
    delay, rate     seconds after each piece, or pieces a second (default: as fast as it goes)
    finish          finish_reason
    usage           [prompt tokens, completion tokens]
    empty           true: no content at all
    drop            pieces after which the connection is closed
    error           [HTTP status, error object, headers]
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

MARK = "SCRIPT:"
ARGUMENT_PIECE = 48
"""Characters of a tool's arguments in one delta."""

Message = dict[str, Any]
Delta = dict[str, Any]
_WORDS = re.compile(r"\S+\s*|\s+")


@dataclass(frozen=True)
class Step:
    """What the model does once. `pause` is seconds after each piece."""

    text: str = ""
    reason: str = ""
    repeat: int = 1
    tools: Sequence[tuple[str, dict[str, Any]]] = field(default_factory=tuple)
    wait: float = 0.0
    pause: float = 0.0
    finish: str = ""
    usage: tuple[int, int] = (100, 20)
    empty: bool = False
    drop: int | None = None
    error: tuple[int, dict[str, Any], dict[str, str]] | None = None


def text_of(content: Any) -> str:
    """The text of a message's content, which may be a list of parts."""
    if isinstance(content, list):
        return "\n".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    return str(content or "")


def step_of(raw: dict[str, Any]) -> Step:
    """A step as written. Raises TypeError or ValueError for an unfit one."""
    error = raw.get("error")
    rate = float(raw.get("rate") or 0)
    prompt, completion = raw.get("usage") or (100, 20)
    return Step(
        text=str(raw.get("text") or ""),
        reason=str(raw.get("reason") or ""),
        repeat=int(raw.get("repeat") or 1),
        tools=tuple((str(name), dict(arguments)) for name, arguments in raw.get("tools") or []),
        wait=float(raw.get("wait") or 0),
        pause=1 / rate if rate else float(raw.get("delay") or 0),
        finish=str(raw.get("finish") or ""),
        usage=(int(prompt), int(completion)),
        empty=bool(raw.get("empty")),
        drop=raw.get("drop"),
        error=(int(error[0]), dict(error[1]), dict(error[2]) if len(error) > 2 else {}) if error else None,
    )


def scripted(messages: Sequence[Message]) -> Step | None:
    """The step for this request, or None when no message of the person holds a script."""
    for index in range(len(messages) - 1, -1, -1):
        message = messages[index]
        if message.get("role") != "user":
            continue
        steps = _last_script(text_of(message.get("content")))
        if not steps:
            continue
        done = sum(1 for later in messages[index + 1 :] if later.get("role") == "assistant")
        return step_of(steps[min(done, len(steps) - 1)])
    return None


def _last_script(text: str) -> list[dict[str, Any]]:
    """The last script of a text (the agent joins messages that were never answered); scripts inside scripts do not count."""
    found: list[dict[str, Any]] = []
    start = text.find(MARK)
    while start >= 0:
        begin = start + len(MARK)
        begin += len(text[begin:]) - len(text[begin:].lstrip())
        try:
            steps, end = json.JSONDecoder().raw_decode(text, begin)
        except ValueError:
            # Words cut from a script, as the agent does for a title or a summary.
            break
        found = list(steps)
        start = text.find(MARK, end)
    return found


def words(text: str) -> list[str]:
    """The text in pieces of a word with the space after it."""
    return _WORDS.findall(text)


def calls_of(step: Step, place: int) -> list[dict[str, Any]]:
    """The step's tool calls; `place` makes their ids unique within the conversation."""
    return [
        {"index": i, "id": f"call_{place}_{i}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
        for i, (name, arguments) in enumerate(step.tools)
    ]


def finish_of(step: Step) -> str:
    """The step's finish_reason."""
    return step.finish or ("tool_calls" if step.tools else "stop")


def deltas(step: Step, place: int) -> Iterator[Delta]:
    """The streamed deltas of a step, without the finishing ones."""
    yield {"role": "assistant"}
    for piece in words(step.reason):
        yield {"reasoning_content": piece}
    said = [] if step.empty else words(step.text)
    for _ in range(step.repeat):
        for piece in said:
            yield {"content": piece}
    for call in calls_of(step, place):
        function = call["function"]
        yield {"tool_calls": [{**call, "function": {"name": function["name"], "arguments": ""}}]}
        arguments = function["arguments"]
        for start in range(0, len(arguments), ARGUMENT_PIECE):
            piece = arguments[start : start + ARGUMENT_PIECE]
            yield {"tool_calls": [{"index": call["index"], "function": {"arguments": piece}}]}


def usage_of(step: Step) -> dict[str, Any]:
    """The `usage` object."""
    prompt, completion = step.usage
    details = {"cached_tokens": min(10, prompt)}
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": details,
    }


def completion(step: Step, meta: dict[str, Any], place: int) -> dict[str, Any]:
    """The body of an answer that is not streamed."""
    message: dict[str, Any] = {"role": "assistant", "content": None if step.empty else step.text * step.repeat}
    if step.reason:
        message["reasoning_content"] = step.reason
    if step.tools:
        message["tool_calls"] = calls_of(step, place)
    choice = {"index": 0, "message": message, "finish_reason": finish_of(step)}
    return {**meta, "object": "chat.completion", "usage": usage_of(step), "choices": [choice]}


def chunks(step: Step, meta: dict[str, Any], place: int) -> Iterable[bytes]:
    """The server-sent lines of a streamed answer; the last three finish it."""
    head = json.dumps({**meta, "object": "chat.completion.chunk"})[:-1].encode()
    before, after = head + b', "choices": [{"index": 0, "delta": ', b', "finish_reason": null}]}\n\n'
    for delta in deltas(step, place):
        yield b"data: " + before + json.dumps(delta).encode() + after
    yield b"data: " + before + b'{}, "finish_reason": "' + finish_of(step).encode() + b'"}]}\n\n'
    yield b"data: " + head + b', "choices": [], "usage": ' + json.dumps(usage_of(step)).encode() + b"}\n\n"
    yield b"data: [DONE]\n\n"
