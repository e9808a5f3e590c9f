from __future__ import annotations

from typing import Any

import pytest

from propylon.runtimes.hermes.worker.outcome import answered, of_exception, of_result, usage_of


@pytest.mark.parametrize(
    ("result", "wanted"),
    [
        ({"completed": True, "final_response": "HTTP 500 is an error"}, ("completed", "", None)),
        ({"completed": True, "turn_exit_reason": "max_iterations_reached(90/90)"}, ("completed", "", None)),
        ({"interrupted": True, "completed": True, "failed": True}, ("interrupted", "", None)),
        ({"completed": True, "turn_exit_reason": "empty_response_exhausted"}, ("failed", "empty_response_exhausted", None)),
        ({"failed": True, "error": "HTTP 401: bad key"}, ("failed", "error", 401)),
        (
            {"failed": True, "failure_reason": "rate_limit", "error": "API call failed after 3 retries: HTTP 429"},
            ("failed", "rate_limit", 429),
        ),
        ({"failed": True, "error": "content_policy_blocked: no"}, ("failed", "content_policy_blocked", None)),
        ({"failed": True, "partial": True, "compression_exhausted": True}, ("failed", "compression_exhausted", None)),
        ({"partial": True, "error": "Response remained truncated"}, ("failed", "truncated", None)),
        ({"turn_exit_reason": "local_processing_error(x)"}, ("failed", "error", None)),
    ],
)
def test_of_result(result: dict[str, Any], wanted: tuple[str, str, int | None]) -> None:
    outcome = of_result(result)
    assert (outcome.outcome, outcome.kind, outcome.status) == wanted


def test_of_exception() -> None:
    assert of_exception(RuntimeError("no key"), auth=True, constructing=True).status == 401
    assert of_exception(ValueError("too small"), auth=False, constructing=True).kind == "construction"
    assert of_exception(ValueError("too small"), auth=False, constructing=False).kind == "error"


def test_usage_is_the_turns_own() -> None:
    assert usage_of({"input_tokens": 5}, {"input_tokens": 12, "output_tokens": 3}, {"context_length": 9}) == {
        "input_tokens": 7,
        "output_tokens": 3,
        "context_length": 9,
    }


def row(role: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


@pytest.mark.parametrize(
    ("messages", "wanted"),
    [
        ([row("user", "old"), row("assistant", "an old answer"), row("user", "new")], False),
        ([row("user", "old"), row("assistant", "an old answer"), row("user", "new"), row("assistant", "")], False),
        ([row("user", "new"), row("assistant", None, tool_calls=None), row("tool", "x"), row("assistant", "said")], True),
        ([row("user", "new"), row("assistant", "said"), row("user", "[System: go on]")], True),
        ([row("user", "before\n\nnew"), row("assistant", [{"type": "text", "text": "said"}])], True),
        ([row("user", "new"), row("assistant", [{"type": "text"}, "", None])], False),
        ([None, 7, "row", ["role"], {}, {"role": "assistant"}, row("assistant", "said")], True),
        ([], False),
    ],
)
def test_d_s12_only_the_rows_of_this_turn_say_whether_it_was_answered(messages: list[Any], wanted: bool) -> None:
    assert answered(messages, "new") is wanted


def test_b33_a_turn_in_which_nothing_was_said_has_failed() -> None:
    assert of_result({"completed": True, "final_response": " "}, spoke=False).kind == "empty_response_exhausted"
    assert of_result({"completed": True, "final_response": "x"}, spoke=False).outcome == "completed"
    assert of_result({}, spoke=True).outcome == "completed"


@pytest.mark.parametrize("value", [None, 7, "x", [], {}, ["x"]])
def test_d_s29_a_result_may_hold_anything(value: Any) -> None:
    keys = ("turn_exit_reason", "error", "interrupted", "final_response", "compression_exhausted", "failed", "failure_reason", "partial")
    for key in keys:
        assert of_result({key: value}).outcome in ("completed", "interrupted", "failed")
