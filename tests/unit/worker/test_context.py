from __future__ import annotations

import copy
import time
from typing import Any

from propylon.runtimes.hermes.worker.context import NO_RESULT, Held, clean, difference, repaired, same


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
