"""The facts of a run, as values.

A run is a list of events numbered 1, 2, 3 ... Each class below is one kind of event; its fields are the JSON that is stored in
the run log and sent to viewers (`event: <kind>`, `data: <fields>`), so the log, the wire and the TypeScript types have one
source. The names are those of the existing native clients; docs/events.md explains each and the rules of order:

    (token | reasoning | tool | tool_complete | subagent | approval | clarify | answered | steered | pending_steer_leftover
     | status | context_status | compressed | answer)*                                             then one of
    done, stream_end | cancel | apperror                                          nothing follows
"""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from propylon.holdback import joined_lead

PAYLOAD_LIMIT = 64 * 1024
"""Bytes of UTF-8 of one tool argument or result in a frame or a transcript row; the rest is fetched on demand."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all events. `kind` is the name on the wire and in the log."""

    kind: ClassVar[str] = ""
    terminal: ClassVar[bool] = False


class Token(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A piece of the visible answer. `lead` is what stands before it, where its masks depend on that; it never reaches a viewer."""

    kind: ClassVar[str] = "token"
    text: str
    lead: str = ""


class Reasoning(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A piece of the model's thinking. `lead` as in Token."""

    kind: ClassVar[str] = "reasoning"
    text: str
    lead: str = ""


class ToolStarted(Event, frozen=True, kw_only=True):
    """The agent began to use a tool. `at` is Unix seconds; `args_sizes` holds the full size in bytes of arguments cut for a viewer."""

    kind: ClassVar[str] = "tool"
    tid: str
    name: str
    preview: str = ""
    args: dict[str, Any] = {}
    args_sizes: dict[str, int] = {}
    at: float = 0.0
    event_type: str = "tool.started"


class ToolFinished(Event, frozen=True, kw_only=True):
    """A tool returned. `duration` is seconds; `result_size` is the full size in bytes, also when `result` is cut for a viewer."""

    kind: ClassVar[str] = "tool_complete"
    tid: str
    name: str
    result: str = ""
    result_size: int = 0
    duration: float = 0.0
    is_error: bool = False
    event_type: str = "tool.completed"


class Status(Event, frozen=True, kw_only=True):
    """A notice to the person: a retry, a refused command, an unreadable event. `level` is `info`, `warn` or `error`."""

    kind: ClassVar[str] = "status"
    text: str
    level: str = "info"


class ContextStatus(Event, frozen=True, kw_only=True):
    """What was put before the conversation of this run: how it was found and how much it is, never what it says."""

    kind: ClassVar[str] = "context_status"
    session_id: str
    prefill: dict[str, Any] = {}


class Compressed(Event, frozen=True, kw_only=True):
    """The agent shortened its own context; the transcript keeps every row."""

    kind: ClassVar[str] = "compressed"
    message: str
    count: int = 0


class Answer(Event, frozen=True, kw_only=True):
    """The authoritative text of the last part of the answer, sent only where it differs from what was streamed."""

    kind: ClassVar[str] = "answer"
    text: str


class Approval(Event, frozen=True, kw_only=True):
    """The agent may go on with a flagged command only when a person says so.

    Times are Unix seconds; `expires_at` None means that it waits without end. `choices` are those that make sense here, of `once`,
    `session`, `always`, `deny`. `tid` is the tool call that asks, `subagent` the subagent it belongs to, "" where that is not known.
    `smart_denied`: the profile's smart mode judged the command dangerous; only this one execution can be allowed.
    """

    kind: ClassVar[str] = "approval"
    approval_id: str
    session_id: str
    command: str
    description: str = ""
    pattern_key: str = ""
    pattern_keys: list[str] = []
    choices: list[str] = []
    requested_at: float = 0.0
    expires_at: float | None = None
    timeout_seconds: float = 0.0
    smart_denied: bool = False
    tid: str = ""
    subagent: str = ""


class Clarify(Event, frozen=True, kw_only=True):
    """The agent asks the person something. No `choices_offered` means free text; a text is always welcome. Times as in Approval."""

    kind: ClassVar[str] = "clarify"
    clarify_id: str
    session_id: str
    question: str
    choices_offered: list[str] = []
    question_kind: str = msgspec.field(name="kind", default="clarify")
    requested_at: float = 0.0
    expires_at: float | None = None
    timeout_seconds: float = 0.0


class Answered(Event, frozen=True, kw_only=True):
    """An open question was decided, once. `by` is `person`, `timeout`, `cancel` or `yolo`.

    For an approval `choice` is what was decided and `reason` what the agent is told of a denial; for a clarify `text` is the answer.
    """

    kind: ClassVar[str] = "answered"
    question_id: str
    by: str
    choice: str = ""
    text: str = ""
    reason: str = ""
    at: float = 0.0


class Steered(Event, frozen=True, kw_only=True):
    """The person said something to the agent at work; it hears it with its next tool result."""

    kind: ClassVar[str] = "steered"
    text: str
    at: float = 0.0


class SteerLeftover(Event, frozen=True, kw_only=True):
    """What the person had said to the agent at work and the agent never heard; it is handed back."""

    kind: ClassVar[str] = "pending_steer_leftover"
    text: str


class Subagent(Event, frozen=True, kw_only=True):
    """A step of a subagent, under the tool call `tid` that delegated to it. `step` is `start`, `tool` or `end`.

    `start` has the goal; `tool` the name and preview of what it uses; `end` status, seconds, summary and tokens. `parent` is the subagent
    that delegated further, "" for the agent itself; `index` of `count` counts from 0 among those of one call.
    """

    kind: ClassVar[str] = "subagent"
    tid: str
    id: str
    step: str
    parent: str = ""
    index: int = 0
    count: int = 1
    goal: str = ""
    model: str = ""
    name: str = ""
    preview: str = ""
    status: str = ""
    duration: float = 0.0
    summary: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    at: float = 0.0


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens and cost of one run; context figures are the state of the agent's window after it."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    reasoning_tokens: int = 0
    estimated_cost: float = 0.0
    context_length: int = 0
    threshold_tokens: int = 0
    last_prompt_tokens: int = 0


class Done(Event, frozen=True, kw_only=True):
    """The turn succeeded and its rows are stored. `end` is the absolute index after its last row; viewers get those rows with the frame."""

    kind: ClassVar[str] = "done"
    session_id: str
    end: int
    usage: Usage = Usage()


class StreamEnd(Event, frozen=True, kw_only=True):
    """Last event of a run that succeeded."""

    kind: ClassVar[str] = "stream_end"
    terminal: ClassVar[bool] = True
    session_id: str


class Cancelled(Event, frozen=True, kw_only=True):
    """Last event of a run that was stopped by a person."""

    kind: ClassVar[str] = "cancel"
    terminal: ClassVar[bool] = True
    session_id: str
    message: str = "Stopped"


class Failed(Event, frozen=True, kw_only=True):
    """Last event of a run that failed. `type` is a stable code; `label`, `message` and `hint` are for people."""

    kind: ClassVar[str] = "apperror"
    terminal: ClassVar[bool] = True
    session_id: str
    type: str
    label: str
    message: str
    hint: str = ""
    details: str = ""


EVENT_TYPES: tuple[type[Event], ...] = (
    Token,
    Reasoning,
    ToolStarted,
    ToolFinished,
    Subagent,
    Approval,
    Clarify,
    Answered,
    Steered,
    SteerLeftover,
    Status,
    ContextStatus,
    Compressed,
    Answer,
    Done,
    StreamEnd,
    Cancelled,
    Failed,
)
_DECODERS = {cls.kind: msgspec.json.Decoder(cls) for cls in EVENT_TYPES}
_encode = msgspec.json.Encoder().encode


def encode(event: Event) -> bytes:
    """The event's fields as JSON on one line."""
    return _encode(event)


def decode(kind: str, data: bytes) -> Event:
    """The event that `encode` wrote under `kind`. Raises KeyError for an unknown kind, msgspec.DecodeError for unfit data."""
    return _DECODERS[kind].decode(data)


def joined(events: list[Event]) -> list[Event]:
    """The same run of events with neighbouring pieces of text, and of reasoning, made one."""
    out: list[Event] = []
    pieces: list[str] = []
    lead = ""
    of: type[Token] | type[Reasoning] | None = None
    for event in events:
        cls = type(event)
        if of is not None and cls is not of:
            out.append(of(text="".join(pieces), lead=lead))
            pieces.clear()
            of, lead = None, ""
        if isinstance(event, Token | Reasoning):
            of = type(event)
            if event.lead:
                lead = joined_lead(sum(map(len, pieces)), lead, event.lead)
            pieces.append(event.text)
        else:
            out.append(event)
    if of is not None:
        out.append(of(text="".join(pieces), lead=lead))
    return out


def for_viewer(event: Event) -> Event:
    """The event with every tool argument and result cut to `PAYLOAD_LIMIT` bytes, its full size stated."""
    if isinstance(event, ToolStarted):
        args, sizes = bounded_args(event.args)
        return msgspec.structs.replace(event, args=args, args_sizes=sizes) if sizes else event
    if isinstance(event, ToolFinished):
        result, size = bounded_text(event.result)
        return msgspec.structs.replace(event, result=result, result_size=size)
    return event


def bounded_text(text: str) -> tuple[str, int]:
    """The text cut to `PAYLOAD_LIMIT` bytes at a character, and its full size in bytes."""
    if len(text) * 4 <= PAYLOAD_LIMIT:
        return text, len(text.encode())
    raw = text.encode()
    if len(raw) <= PAYLOAD_LIMIT:
        return text, len(raw)
    return raw[:PAYLOAD_LIMIT].decode(errors="ignore"), len(raw)


def bounded_args(args: dict[str, Any]) -> tuple[dict[str, Any], dict[str, int]]:
    """The arguments, each cut to `PAYLOAD_LIMIT` bytes, and the full sizes of those that were cut."""
    cut: dict[str, Any] = {}
    sizes: dict[str, int] = {}
    for name, value in args.items():
        text = value if isinstance(value, str) else _encode(value).decode()
        short, size = bounded_text(text)
        if size > PAYLOAD_LIMIT:
            cut[name], sizes[name] = short, size
        else:
            cut[name] = value
    return cut, sizes
