"""Words of a person in a running turn: answers to the agent's questions, and steering."""

from __future__ import annotations

import json
from typing import Any

from agent_rig import Connection, Demo, Message, Template, script, template_of

from propylon.runtimes.hermes.worker.clarify import OWN_JUDGEMENT

ASK: list[Any] = ["clarify", {"question": "Which colour?", "choices": ["Amber", "Teal"]}]
SLEEP: list[Any] = ["terminal", {"command": "sleep 0.7"}]


def told_the_model(demo: Demo, words: str) -> bool:
    return any(words in json.dumps(request["body"]) for request in demo.requests() if request["body"])


def result_of(server: Connection, run: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(server.of(run, "result")[0]["r"])
    return found


def test_b15_b16_a_question_waits_for_its_answer(template: Template) -> None:
    server = template.fork().attach()
    assert server.start("r1", script({"tools": [ASK]}, {"text": "done"}))["ok"]
    question = server.asked()
    assert (question["question"], question["choices"]) == ("Which colour?", ["Amber", "Teal"])
    assert question["limit"] == 3600 and question["until"] > question["at"] + 3590
    assert server.ask(c="answer", q="nonsuch", text="x")["error"] == "gone"
    assert server.ask(c="answer", q=question["q"], text="  something else \n")["ok"]
    assert server.end("r1")["outcome"] == "completed"
    assert result_of(server, "r1")["user_response"] == "something else"
    (told,) = server.of("r1", "answered")
    assert (told["q"], told["by"], told["text"]) == (question["q"], "person", "something else")
    assert server.ask(c="answer", q=question["q"], text="again")["error"] == "gone"


def test_b16_an_empty_answer_leaves_it_to_the_agent(template: Template) -> None:
    server = template.fork().attach()
    assert server.start("r1", script({"tools": [["clarify", {"question": "What now?"}]]}, {"text": "done"}))["ok"]
    question = server.asked()
    assert question["choices"] == [] and server.ask(c="answer", q=question["q"], text="  ")["ok"]
    server.end("r1")
    assert result_of(server, "r1")["user_response"] == OWN_JUDGEMENT


def test_b16_a_cancel_is_noticed_at_once(template: Template) -> None:
    server = template.fork().attach()
    assert server.start("r1", script({"tools": [ASK]}, {"text": "late"}))["ok"]
    question = server.asked()
    assert server.ask(c="cancel", run="r1")["ok"]
    assert server.end("r1", 5)["outcome"] == "interrupted"
    frames = server.of("r1", "answered", "end")
    assert [(frame["k"], frame.get("q"), frame.get("by")) for frame in frames] == [
        ("answered", question["q"], "cancel"),
        ("end", None, None),
    ]


def test_b16_the_deadline_is_the_profiles_when_it_is_asked(place: Any, demo: Demo) -> None:
    with template_of(place, "hasty", demo, settings={"agent": ", clarify_timeout: 1"}) as template:
        server = template.fork().attach()
        server.turn("r1", script({"tools": [ASK]}, {"text": "done"}))
        assert server.of("r1", "clarify")[0]["limit"] == 1 and server.of("r1", "answered")[0]["by"] == "timeout"
        assert result_of(server, "r1")["user_response"] == OWN_JUDGEMENT
        config = template.home / "config.yaml"
        config.write_text(config.read_text().replace("clarify_timeout: 1", "clarify_timeout: -1"))
        assert server.start("r2", script({"tools": [ASK]}, {"text": "done"}), base="r1")["ok"]
        question = server.asked()
        assert (question["limit"], question["until"]) == (0, None)
        assert server.ask(c="answer", q=question["q"], text="Teal")["ok"]
        server.end("r2")


def steer(server: Connection, run: str, text: str, word: str) -> Message:
    return server.ask(c="steer", run=run, text=text, word=word)


def test_steering_is_heard_with_the_next_result(template: Template, demo: Demo) -> None:
    server = template.fork().attach()
    assert steer(server, "r1", "early", "w0")["error"] == "not running"
    assert server.start("r1", script({"tools": [SLEEP]}, {"text": "done"}))["ok"]
    server.until(lambda frame: frame["k"] == "tool")
    assert steer(server, "r1", "mind the gap-8812", "w1")["ok"]
    assert steer(server, "r1", "mind the gap-8812", "w1")["ok"], "the same word changes nothing"
    assert steer(server, "r1", "  ", "w2")["error"] == "refused"
    assert steer(server, "other", "words", "w3")["error"] == "not running"
    server.end("r1")
    assert [frame["t"] for frame in server.of("r1", "steered")] == ["mind the gap-8812"] and not server.of("r1", "leftover")
    asked = [request["body"]["messages"] for request in demo.requests() if "mind the gap-8812" in json.dumps(request["body"])]
    assert len(asked) == 1 and json.dumps(asked[0]).count("mind the gap-8812") == 1
    assert steer(server, "r1", "mind the gap-8812", "w1")["ok"], "also after the run"


def test_steering_that_was_not_heard_comes_back(template: Template, demo: Demo) -> None:
    server = template.fork().attach()
    assert server.start("r1", script({"text": "word " * 60, "rate": 60}))["ok"]
    server.until(lambda frame: frame["k"] == "text")
    assert steer(server, "r1", "too late-4471", "w1")["ok"] and steer(server, "r1", "and more", "w2")["ok"]
    server.end("r1")
    kinds = [frame["k"] for frame in server.of("r1", "steered", "leftover", "end")]
    assert kinds == ["steered", "steered", "leftover", "end"]
    assert server.of("r1", "leftover")[0]["t"] == "too late-4471\nand more"
    server.turn("r2", script({"tools": [["terminal", {"command": "true"}]]}, {"text": "next"}), base="r1")
    assert not told_the_model(demo, "too late-4471") and not server.of("r2", "leftover")


def test_steering_comes_back_also_from_a_stop(template: Template, demo: Demo) -> None:
    server = template.fork().attach()
    assert server.start("r1", script({"text": "word ", "repeat": 3000, "rate": 50}))["ok"]
    server.until(lambda frame: frame["k"] == "text")
    assert steer(server, "r1", "never heard-9302", "w1")["ok"]
    assert server.ask(c="cancel", run="r1")["ok"] and steer(server, "r1", "x", "w2")["error"] in ("refused", "not running")
    assert server.end("r1")["outcome"] == "interrupted"
    assert [frame["t"] for frame in server.of("r1", "leftover")] == ["never heard-9302"]
    server.turn("r2", script({"tools": [["terminal", {"command": "true"}]]}, {"text": "next"}), base="r1")
    assert not told_the_model(demo, "never heard-9302")


def test_steering_comes_back_also_from_a_failure(template: Template) -> None:
    server = template.fork().attach()
    server.turn("r0", script({"text": "warm"}))
    assert server.start("r1", script({"wait": 1, "error": [401, {"message": "bad key"}]}), base="r0")["ok"]
    while (reply := steer(server, "r1", "unheard", "w1")).get("error") == "refused":
        pass
    assert reply["ok"] and server.end("r1")["outcome"] == "failed"
    assert [frame["t"] for frame in server.of("r1", "leftover")] == ["unheard"]
