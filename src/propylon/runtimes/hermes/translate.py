"""Frames of a worker become events of a run."""

from __future__ import annotations

from collections.abc import Iterable

from propylon import events
from propylon.events import Event, Usage
from propylon.runtimes.base import Batch, ContextChange, RunEnd
from propylon.runtimes.failures import classify, failure
from propylon.runtimes.hermes import frames
from propylon.runtimes.hermes.frames import Numbered


def batch(session: str, numbered: Iterable[Numbered]) -> Batch:
    """One batch of neighbouring frames of a run of the session, marked with the number of the last one that is an event.

    The end has no part in the mark: it is stored after the events, and a server that dies between must be told it again.
    """
    out: list[Event] = []
    mark, end = 0, None
    for frame in numbered:
        if isinstance(frame, frames.End):
            end = run_end(frame)
        else:
            mark = frame.n
            out.append(event(session, frame))
    return Batch(events=out, mark=mark, end=end)


def event(session: str, frame: Numbered) -> Event:
    """The event that a frame stands for; `end` is none and has a function of its own."""
    match frame:
        case frames.Text(t=text, lead=lead):
            return events.Token(text=text, lead=lead)
        case frames.Reason(t=text, lead=lead):
            return events.Reasoning(text=text, lead=lead)
        case frames.Tool():
            return events.ToolStarted(tid=frame.tid, name=frame.name, args=frame.args, preview=frame.preview, at=frame.at)
        case frames.Result():
            return events.ToolFinished(
                tid=frame.tid,
                name=frame.name,
                result=frame.r,
                result_size=len(frame.r.encode()),
                duration=frame.s,
                is_error=frame.error,
            )
        case frames.Sub():
            return subagent(frame)
        case frames.Approval():
            return approval(session, frame)
        case frames.Clarify():
            return clarify(session, frame)
        case frames.Answered():
            return events.Answered(question_id=frame.q, by=frame.by, choice=frame.choice, text=frame.text, reason=frame.reason, at=frame.at)
        case frames.Steered(t=text, at=at):
            return events.Steered(text=text, at=at)
        case frames.Leftover(t=text):
            return events.SteerLeftover(text=text)
        case frames.Note(t=text, level=level):
            return events.Status(text=text, level=level)
        case frames.Compressed(t=text, count=count):
            return events.Compressed(message=text, count=count)
        case frames.Answer(t=text):
            return events.Answer(text=text)
        case frames.Unreadable(why=why):
            return events.Status(text=f"A message of the agent could not be read and is missing here ({why}).", level="error")
        case frames.End():
            raise ValueError("an end frame is no event")


def subagent(frame: frames.Sub) -> events.Subagent:
    return events.Subagent(
        tid=frame.tid,
        id=frame.id,
        step=frame.step,
        parent=frame.parent,
        index=frame.index,
        count=frame.count,
        goal=frame.goal,
        model=frame.model,
        name=frame.name,
        preview=frame.preview,
        status=frame.status,
        duration=frame.s,
        summary=frame.summary,
        input_tokens=frame.tokens_in,
        output_tokens=frame.tokens_out,
        at=frame.at,
    )


def approval(session: str, frame: frames.Approval) -> events.Approval:
    return events.Approval(
        approval_id=frame.q,
        session_id=session,
        command=frame.command,
        description=frame.why,
        pattern_key=frame.keys[0] if frame.keys else "",
        pattern_keys=frame.keys,
        choices=frame.choices,
        requested_at=frame.at,
        expires_at=frame.until,
        timeout_seconds=frame.limit,
        smart_denied=frame.denied,
        tid=frame.tid,
        subagent=frame.sub,
    )


def clarify(session: str, frame: frames.Clarify) -> events.Clarify:
    return events.Clarify(
        clarify_id=frame.q,
        session_id=session,
        question=frame.question,
        choices_offered=frame.choices,
        requested_at=frame.at,
        expires_at=frame.until,
        timeout_seconds=frame.limit,
    )


def run_end(frame: frames.End) -> RunEnd:
    """How the agent says the run went. A run that it calls interrupted, and nobody stopped, was interrupted from outside."""
    outcome, found = "completed", None
    if frame.outcome == "interrupted":
        outcome, found = "interrupted", failure("interrupted", details=frame.error)
    elif frame.outcome != "completed":
        outcome, found = "failed", classify(frame.kind, frame.status, frame.error)
    return RunEnd(
        outcome=outcome,  # type: ignore[arg-type]
        failure=found,
        usage=usage(frame.usage),
        context=ContextChange(keep=frame.context.keep, rows=frame.context.rows) if frame.context else None,
        model=frame.model,
        provider=frame.provider,
    )


def usage(raw: dict[str, float | int | None]) -> Usage:
    """Figures that are missing or no numbers count as 0: usage never fails a turn."""
    known = {name: raw.get(name) or 0 for name in Usage.__struct_fields__}
    cost = float(known.pop("estimated_cost"))
    return Usage(**{name: int(value) for name, value in known.items()}, estimated_cost=cost)
