from __future__ import annotations

from typing import Any

import pytest

from propylon.runtimes.hermes.worker.outcome import of_exception, of_result, usage_of


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
