from __future__ import annotations

import json
import re
from typing import Any

import pytest

from propylon.runtimes.hermes.worker.replies import reply
from propylon.runtimes.hermes.worker.script import Step, chunks, completion, scripted, words

TOOLS = [{"type": "function", "function": {"name": name}} for name in ("terminal", "read_file", "write_file", "search_files", "clarify")]


def asked(text: str, *results: dict[str, Any]) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = [{"role": "system", "content": "x" * 9000}, {"role": "user", "content": text}]
    for result in results:
        messages += [{"role": "assistant", "content": ""}, {"role": "tool", "content": json.dumps(result)}]
    return messages


@pytest.mark.parametrize(
    ("text", "tool", "arguments"),
    [
        ("list the files here", "terminal", {"command": "ls -1Ap"}),
        ("What files are in this folder?", "terminal", {"command": "ls -1Ap"}),
        ("read notes.txt please", "read_file", {"path": "notes.txt"}),
        ("Write a haiku to poem.txt", "write_file", None),
        ("run `ls -la`", "terminal", {"command": "ls -la"}),
        ("run: echo hi", "terminal", {"command": "echo hi"}),
        ("ask for permission", "terminal", {"command": "rm -rf ./propylon-demo-scratch"}),
        ("ask me a question", "clarify", None),
    ],
)
def test_plain_words_use_real_tools(text: str, tool: str, arguments: dict[str, Any] | None) -> None:
    ((name, given),) = reply(asked(text), TOOLS).tools
    assert name == tool and (arguments is None or given == arguments)


def test_only_tools_that_are_offered() -> None:
    only_search = [tool for tool in TOOLS if tool["function"]["name"] == "search_files"]  # type: ignore[index]
    assert reply(asked("list the files here"), only_search).tools[0][0] == "search_files"
    step = reply(asked("read a.txt"), only_search)
    assert not step.tools and "not switched on" in step.text


def test_answers_name_what_the_tool_found() -> None:
    step = reply(asked("list the files here", {"output": "a.txt\nb/\n", "exit_code": 0}), TOOLS)
    assert "`a.txt`" in step.text and "2 here" in step.text and not step.tools
    assert "refused" in reply(asked("run `rm -rf x`", {"status": "blocked", "error": "no"}), TOOLS).text
    assert "teal" in reply(asked("ask me a question", {"user_response": "teal"}), TOOLS).text


def test_it_says_what_it_is_and_how_to_do_better() -> None:
    for text in ("what can you do?", "tell me about the sea", "hello"):
        step = reply(asked(text), TOOLS)
        assert "no intelligence" in step.text and "`hermes model`" in step.text
    assert reply(asked("think aloud"), TOOLS).reason
    markdown = reply(asked("show me markdown"), TOOLS).text
    assert all(mark in markdown for mark in ("# ", "```python", "|---", "- [x]", "> "))


def test_side_questions_get_short_answers() -> None:
    title = [
        {"role": "system", "content": "Generate a short, descriptive title"},
        {"role": "user", "content": "User: list my files\n\nAssistant: ok"},
    ]
    assert reply(title, []).text == "list my files"
    assert len(reply([{"role": "user", "content": "Summarize this conversation"}], []).text) < 200


def test_a_script_is_played_step_by_step() -> None:
    message = {
        "role": "user",
        "content": 'go SCRIPT: [{"text": "a"}, {"tools": [["t", {"x": 1}]], "rate": 50}, {"error": [429, {"m": 1}, {"R": "1"}]}]',
    }
    answer = {"role": "assistant", "content": ""}
    steps = [scripted([message, *[answer] * n]) for n in range(5)]
    assert steps[0] == Step(text="a") and steps[1] is not None and steps[1].pause == 0.02 and steps[1].tools == (("t", {"x": 1}),)
    assert steps[2] == steps[3] == steps[4] == Step(error=(429, {"m": 1}, {"R": "1"}))
    assert scripted([{"role": "user", "content": "hi"}]) is None
    assert scripted([{"role": "user", "content": 'SCRIPT: [{"text": "old"}]\n\nSCRIPT: [{"text": "new"}]'}]) == Step(text="new")
    nested = json.dumps([{"tools": [["delegate", {"goal": 'SCRIPT: [{"text": "inner"}]'}]]}])
    assert scripted([{"role": "user", "content": f"SCRIPT: {nested}"}]).tools[0][0] == "delegate"  # type: ignore[union-attr]


def test_streamed_and_whole_answers_say_the_same() -> None:
    step = Step(text="some words\n here", reason="hm", repeat=2, tools=[("t", {"x": "y" * 100})], usage=(7, 3))
    lines = [line for line in b"".join(chunks(step, {"id": "i", "model": "m"}, 4)).decode().split("\n\n") if line]
    assert lines[-1] == "data: [DONE]"
    bodies = [json.loads(re.sub("^data: ", "", line)) for line in lines[:-1]]
    whole = completion(step, {"id": "i", "model": "m"}, 4)["choices"][0]["message"]
    deltas = [body["choices"][0]["delta"] for body in bodies if body["choices"]]
    assert "".join(delta.get("content", "") for delta in deltas) == whole["content"] == "some words\n here" * 2
    arguments = "".join(call["function"]["arguments"] for delta in deltas for call in delta.get("tool_calls", []))
    assert arguments == whole["tool_calls"][0]["function"]["arguments"]
    assert bodies[-1]["usage"]["total_tokens"] == 10 and bodies[-2]["choices"][0]["finish_reason"] == "tool_calls"


def test_words() -> None:
    assert words(" a  b\nc") == [" ", "a  ", "b\n", "c"] and words("") == []
