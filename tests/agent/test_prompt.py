"""What a turn tells the model beside the conversation, and what else a worker is asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from agent_rig import Demo, Template, alive, script, template_of, wait_until

PERSONS = ', personalities: {pirate: "Talk like a pirate-3391.", calm: {prompt: Be calm., tone: low, style: short}}'


def asked(demo: Demo, words: str) -> dict[str, Any]:
    """The body of the last request that holds these words."""
    found: dict[str, Any] = [request["body"] for request in demo.requests() if words in json.dumps(request["body"])][-1]
    return found


def test_b32_personality_and_effort_belong_to_one_turn(place: Path, demo: Demo) -> None:
    with template_of(place, "persons", demo, settings={"agent": PERSONS + ", reasoning_effort: low"}) as template:
        assert template.ready["personalities"] == [
            {"name": "pirate", "description": "Talk like a pirate-3391."},
            {"name": "calm", "description": "Be calm.\nTone: low\nStyle: short"},
        ]
        server = template.fork().attach()
        server.turn("r1", script({"text": "turn-one-71"}), note="A note.", personality="pirate", effort="high")
        first = asked(demo, "turn-one-71")
        assert first["messages"][0]["content"].rstrip().endswith("A note.\n\nTalk like a pirate-3391.")
        server.turn("r2", script({"text": "turn-two-71"}), base="r1", personality="calm")
        second = asked(demo, "turn-two-71")
        assert second["messages"][0]["content"].rstrip().endswith("Be calm.\nTone: low\nStyle: short")
        assert "3391" not in json.dumps(second)
        server.turn("r3", script({"text": "turn-three-71"}), base="r2", personality="nobody", effort="enormous")
        warnings = [frame["t"] for frame in server.of("r3", "note") if frame["level"] == "warn"]
        assert len(warnings) == 2 and "nobody" in warnings[0] and "enormous" in warnings[1]
        third = asked(demo, "turn-three-71")
        assert "Be calm" not in third["messages"][0]["content"]
        efforts = [effort_of(body) for body in (first, second, third)]
        assert efforts == ["high", "low", "low"]
        config = template.home / "config.yaml"
        config.write_text(config.read_text().replace("pirate-3391", "sailor-3392"))
        server.turn("r4", script({"text": "turn-four-71"}), base="r3", personality="PIRATE")
        assert "sailor-3392" in asked(demo, "turn-four-71")["messages"][0]["content"]


def effort_of(body: dict[str, Any]) -> str:
    return str(body.get("reasoning_effort") or (body.get("reasoning") or {}).get("effort") or "")


def test_a_title_is_made_while_the_next_turn_runs(template: Template) -> None:
    server = template.fork().attach()
    assert server.ask(c="title", user="x", answer="y")["value"] == "", "there is no agent yet"
    server.turn("r1", script({"text": "one"}))
    server.send(c="title", id="t", user="how do I bake bread without yeast", answer="With baking powder.")
    assert server.start("r2", script({"text": "word " * 20, "rate": 40}), base="r1")["ok"]
    server.end("r2")
    while not (found := [reply for reply in server.replies if reply["id"] == "t"]):
        server.take()
    assert found[0]["ok"] and found[0]["value"].lower().startswith("how do i bake")


def test_titles_may_be_switched_off(place: Path, demo: Demo) -> None:
    settings = {"more": "auxiliary: {title_generation: {enabled: false}}"}
    with template_of(place, "untitled", demo, settings=settings) as template:
        server = template.fork().attach()
        server.turn("r1", script({"text": "one"}))
        assert server.ask(c="title", user="a question", answer="an answer")["value"] == ""


def test_a_worker_stays_for_its_title(template: Template) -> None:
    worker = template.fork(idle_s=3)
    server = worker.attach()
    server.turn("r1", script({"text": "one"}))
    assert server.ask(c="title", user=script({"text": "A slow title", "wait": 5}), answer="x")["value"] == "A slow title"
    wait_until(lambda: not alive(worker.pid), 10)
