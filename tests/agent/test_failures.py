"""Every way in which a provider fails, as the page will name it; and nothing of it happens in silence."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from agent_rig import Demo, Template, script, template_of

from propylon.runtimes.failures import classify

DEAD = 'custom_providers: [{name: Dead End, base_url: "http://127.0.0.1:9/v1", api_key: x, model: gone}]'
OVERFLOW = {
    "message": "This model's maximum context length is 131072 tokens. However, your messages resulted in 900000 tokens.",
    "type": "invalid_request_error",
    "code": "context_length_exceeded",
}


@pytest.fixture(scope="module")
def hasty(place: Path, demo: Demo) -> Iterator[Template]:
    """A profile whose agent tries twice only, because its waits between two tries grow."""
    with template_of(place, "hasty-retries", demo, settings={"agent": ", api_max_retries: 2", "more": DEAD}) as template:
        yield template


@pytest.mark.parametrize(
    ("step", "kind", "status"),
    [
        ({"error": [401, {"message": "bad key"}]}, "auth", 401),
        ({"error": [402, {"message": "no credit"}]}, "payment", 402),
        ({"error": [404, {"message": "no such model"}]}, "not_found", 404),
        ({"error": [429, {"message": "slow down"}, {"Retry-After": "1"}]}, "rate_limit", 429),
        ({"error": [500, {"message": "broken"}]}, "server_error", 500),
        ({"empty": True}, "no_response", None),
        ({"text": "some words", "finish": "length"}, "truncated", None),
        ({"text": "some more words than were sent", "drop": 4}, "truncated", None),
        ({"text": "", "empty": True, "finish": "content_filter"}, "content_policy", None),
        ({"error": [400, OVERFLOW]}, "context_overflow", None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_failure_is_classified(hasty: Template, step: dict[str, Any], kind: str, status: int | None) -> None:
    server = hasty.fork().attach()
    server.turn("r0", script({"text": "401 429 HTTP 500 unauthorized"}))
    assert server.of("r0", "end")[0]["outcome"] == "completed", "words of an answer decide nothing"
    end = server.turn("r1", script(step), base="r0")
    assert end["outcome"] == "failed" and classify(end["kind"], end["status"], end["error"]).kind == kind, end
    assert status is None or end["status"] == status
    assert end["error"] and end["context"]["keep"] == 2
    fine = server.turn("r2", script({"text": "fine"}), base="r1")
    assert fine["outcome"] == "completed" and server.text("r2").strip() == "fine"


def test_nobody_answers_at_the_address(hasty: Template) -> None:
    server = hasty.fork().attach()
    end = server.turn("r1", "hello", model="gone")
    assert end["outcome"] == "failed" and classify(end["kind"], end["status"], end["error"]).kind == "connection", end
    assert end["model"] == "gone" and server.of("r1", "note")


@pytest.mark.parametrize("step", [{"error": [429, {"message": "slow"}, {"Retry-After": "1"}]}, {"error": [500, {"message": "broken"}]}])
def test_retries_are_told_while_they_go_on_and_once(hasty: Template, step: dict[str, Any]) -> None:
    server = hasty.fork().attach()
    assert server.start("r1", script(step))["ok"]
    server.until(lambda frame: frame["k"] == "note" and "s (attempt" in frame["t"])
    began = time.monotonic()
    server.end("r1")
    assert time.monotonic() - began > 0.7, "told while the agent waits"
    told = [frame["t"] for frame in server.of("r1", "note")]
    assert len(told) == len(set(told))
    server.turn("r2", script(step), base="r1")
    assert any("s (attempt" in frame["t"] for frame in server.of("r2", "note")), "and again in the next run"
