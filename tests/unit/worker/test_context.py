from __future__ import annotations

import copy
import json
import time
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from propylon.runtimes.hermes.worker.context import KEYS, NO_RESULT, Held, clean, difference, repaired, same


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def assistant(text: str, *calls: str) -> dict[str, Any]:
    made = [{"id": call, "type": "function", "function": {"name": "terminal", "arguments": "{}"}} for call in calls]
    return {"role": "assistant", "content": text, **({"tool_calls": made} if made else {})}


def tool(call: str, text: str = "ok") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call, "name": "terminal", "content": text}


def test_only_known_keys_survive_and_nothing_is_shared() -> None:
    message = assistant("x", "c1") | {"_db_persisted": True, "id": 3, "reasoning": None, "weird": object()}
    cleaned = clean(message)
    assert set(cleaned) == {"role", "content", "tool_calls"} and same(cleaned, message)
    message["tool_calls"][0]["id"] = "changed"
    assert cleaned["tool_calls"][0]["id"] == "c1" and not same(cleaned, message)


def test_same_sees_what_is_added_and_removed() -> None:
    cleaned = clean(assistant("x"))
    assert same(cleaned, assistant("x") | {"_private": 1, "reasoning": None})
    assert not same(cleaned, assistant("x") | {"reasoning": "r"})
    assert not same(clean(assistant("x") | {"reasoning": "r"}), assistant("x"))


def test_difference_is_the_common_prefix_and_the_rest() -> None:
    before = [clean(message) for message in (user("a"), assistant("b"))]
    assert difference(before, [user("a"), assistant("b"), user("c")]) == (2, [user("c")])
    assert difference(before, [user("summary"), user("c")]) == (0, [user("summary"), user("c")])
    assert difference(before, [user("a")]) == (1, [])


def test_repair() -> None:
    broken = [
        {"role": "system", "content": "s"},
        tool("nobody"),
        user("a"),
        assistant("b", "c1", "c2"),
        tool("c2"),
        user("c"),
        assistant("d", "c3"),
    ]
    fixed = repaired(broken)
    assert [(m["role"], m.get("tool_call_id")) for m in fixed] == [
        ("user", None),
        ("assistant", None),
        ("tool", "c2"),
        ("tool", "c1"),
        ("user", None),
        ("assistant", None),
        ("tool", "c3"),
    ]
    assert fixed[3]["content"] == NO_RESULT
    assert repaired(fixed) == fixed


def test_keep_counts_the_rows_the_server_knows_not_the_repaired_ones() -> None:
    held = Held()
    rows = [user("a"), assistant("b"), tool("orphan"), user("c")]
    held.load("r1", copy.deepcopy(rows))
    keep, changed = held.advance("r2", [*held.messages, assistant("d")])
    assert keep == 2 and changed == [user("c"), assistant("d")]
    assert held.rows == [user("a"), assistant("b"), user("c"), assistant("d")] and held.name == "r2"


def test_a_long_session_costs_little_per_turn() -> None:
    held = Held()
    held.load("r0", [message for i in range(5000) for message in (user(f"question {i}" * 5), assistant(f"answer {i}" * 50))])
    for message in held.messages:
        message["_db_persisted"] = True
    began = time.perf_counter()
    keep, rows = held.advance("r1", [*held.messages, user("new"), assistant("newer")])
    assert keep == 10_000 and len(rows) == 2
    assert time.perf_counter() - began < 0.5


ids = st.sampled_from(["a", "b", "c", "call", "a+", ""])
calls = st.fixed_dictionaries(
    {},
    optional={
        "id": ids,
        "call_id": ids,
        "function": st.one_of(
            st.none(),
            st.fixed_dictionaries({"name": st.sampled_from(["ls", ""])}, optional={"arguments": st.sampled_from(["{}", None, {"x": 1}])}),
        ),
        "type": st.just("function"),
    },
)
rows = st.one_of(
    st.sampled_from([None, "row", 7, [], {}, {"role": None}, {"role": "system", "content": "s"}]),
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant", "tool", "function"])},
        optional={
            "content": st.one_of(st.none(), st.text(max_size=4), st.just([{"type": "text", "text": "x"}])),
            "tool_calls": st.one_of(st.none(), st.just("calls"), st.lists(st.one_of(st.none(), calls), max_size=3)),
            "tool_call_id": ids,
            "name": st.just("ls"),
            "unknown": st.just(object()),
            "_private": st.just(1),
        },
    ),
)


def paired(messages: list[dict[str, Any]]) -> bool:
    """Whether each call has exactly one result, right after it, and each result a call; no id twice."""
    waiting: set[str] = set()
    seen: set[str] = set()
    for message in messages:
        if message["role"] == "tool":
            if message["tool_call_id"] not in waiting:
                return False
            waiting.remove(message["tool_call_id"])
            continue
        if waiting:
            return False
        for call in message.get("tool_calls", []):
            if call["id"] in seen or not call["function"]["name"] or not isinstance(call["function"]["arguments"], str):
                return False
            seen.add(call["id"])
            waiting.add(call["id"])
    return not waiting


@settings(max_examples=500, deadline=None)
@given(st.lists(rows, max_size=12))
def test_b1_b2_whatever_is_given_a_provider_accepts(messages: list[Any]) -> None:
    given_first = copy.deepcopy([message for message in messages if not isinstance(message, dict) or "unknown" not in message])
    fixed = repaired(messages)
    assert paired(fixed)
    assert all(message["role"] in ("user", "assistant", "tool") and message.keys() <= KEYS for message in fixed)
    assert all("content" in message and message.get("tool_calls") != [] for message in fixed)
    assert repaired(fixed) == fixed, "what is sound stays as it is"
    json.dumps(fixed)
    assert given_first == [message for message in messages if not isinstance(message, dict) or "unknown" not in message]
    persons = [clean(message) for message in messages if isinstance(message, dict) and message.get("role") == "user"]
    assert len([message for message in fixed if message["role"] == "user"]) == len(persons), "no words of a person are lost"


def test_b2_calls_that_bear_a_call_id_instead() -> None:
    asked = {"role": "assistant", "content": "", "tool_calls": [{"call_id": "x", "function": {"name": "ls", "arguments": "{}"}}]}
    both = {"role": "assistant", "content": "", "tool_calls": [{"id": "i", "call_id": "y", "function": {"name": "ls", "arguments": "{}"}}]}
    fixed = repaired([asked, tool("x", "first"), both, tool("y", "second")])
    assert [(message["role"], message.get("tool_call_id"), message["content"]) for message in fixed[1::2]] == [
        ("tool", "x", "first"),
        ("tool", "i", "second"),
    ]


def test_ids_that_come_again_in_a_later_turn() -> None:
    fixed = repaired([assistant("a", "c1"), tool("c1", "one"), user("and"), assistant("b", "c1"), tool("c1", "two"), tool("c1", "three")])
    calls_and_results = [(m.get("tool_call_id") or m["tool_calls"][0]["id"], m["content"]) for m in fixed if m["role"] != "user"]
    assert calls_and_results == [("c1", "a"), ("c1", "one"), ("c1+", "b"), ("c1+", "two")]


def test_a_result_before_its_call_is_none() -> None:
    assert [m["content"] for m in repaired([tool("c1"), assistant("a", "c1")])] == ["a", NO_RESULT]


def test_nothing_is_shared_with_what_was_given() -> None:
    given_rows = [assistant("a", "c1"), tool("c1")]
    fixed = repaired(given_rows)
    fixed[0]["tool_calls"][0]["function"]["name"] = "changed"
    assert given_rows[0]["tool_calls"][0]["function"]["name"] == "terminal"


def test_d_s29_rows_of_a_result_may_be_anything() -> None:
    held = Held()
    rows_of_agent: list[Any] = [user("a"), None, 7, "row", assistant("b") | {"tool_calls": None}, {"role": "tool"}]
    keep, changed = held.advance("r1", rows_of_agent)
    assert keep == 0 and changed == [user("a"), assistant("b"), {"role": "tool"}]
    held.load("r1", [*changed, None])  # type: ignore[list-item]
    assert [message["role"] for message in held.messages] == ["user", "assistant"]
