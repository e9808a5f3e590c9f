"""The agent asks for words. Pure of the agent: it gets one text back, whatever happens."""

from __future__ import annotations

from collections.abc import Sequence

from .questions import Questions

OWN_JUDGEMENT = (
    "The person gave no answer. Use your own judgement: choose the safest sensible option, go on, and say in your answer what you assumed."
)


def ask(questions: Questions, question: str, choices: Sequence[str] | None, limit: float | None) -> str:
    """Wait for the person's words; `limit` in seconds, None for no deadline. Without any the agent is told to judge by itself."""
    asked = questions.clarify(str(question), [str(choice) for choice in choices or []], limit)
    answer = questions.wait(asked, lambda: False, lambda: None)
    return answer.text or OWN_JUDGEMENT


def limit_of(configured: object) -> float | None:
    """The deadline in seconds as `agent.clarify_timeout` states it: 0 or less is none, anything unreadable the agent's default."""
    try:
        seconds = float(configured)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return 3600.0
    return seconds if seconds > 0 else None
