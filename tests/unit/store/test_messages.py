from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine, event

from propylon.events import PAYLOAD_LIMIT
from propylon.store import Session, messages, sessions
from propylon.store.schema import metadata

New = Callable[..., Session]
ROLES = {"u": "user", "a": "assistant", "t": "tool"}


def _append(connection: Connection, rows: Sequence[dict[str, Any]], *, start: int = 0, run: str = "r1") -> None:
    messages.append(connection, "s1", run, start, rows, at=1.0)


def _fill(connection: Connection, pattern: str) -> None:
    """One row a letter: u(ser), a(ssistant), t(ool)."""
    _append(connection, [{"message_id": f"m{n}", "role": ROLES[letter], "content": f"{n}"} for n, letter in enumerate(pattern)])


def _positions(found: Sequence[messages.Message]) -> list[int]:
    return [message.position for message in found]


def _call(tid: str, arguments: str, name: str = "write_file") -> dict[str, Any]:
    return {"id": tid, "type": "function", "function": {"name": name, "arguments": arguments}}


def _assistant(message_id: str, *calls: dict[str, Any]) -> dict[str, Any]:
    return {"message_id": message_id, "role": "assistant", "content": "", "tool_calls": list(calls)}


def _tool(message_id: str, tid: str, content: str) -> dict[str, Any]:
    return {"message_id": message_id, "role": "tool", "content": content, "tool_call_id": tid, "name": "write_file", "is_error": False}


@pytest.mark.parametrize(
    ("pattern", "limit", "before", "positions", "truncated"),
    [
        ("", 50, None, [], False),
        ("ua", 50, None, [0, 1], False),
        ("uatt", 1, None, [1, 2, 3], True),
        ("uattaua", 2, None, [5, 6], True),
        ("uattaua", 3, None, [4, 5, 6], True),
        ("uattaua", 4, None, [1, 2, 3, 4, 5, 6], True),
        ("uattaua", 5, None, [0, 1, 2, 3, 4, 5, 6], False),
        ("uattaua", 2, 4, [0, 1, 2, 3], False),
        ("uattaua", 1, 4, [1, 2, 3], True),
        ("uattaua", 9, 99, [0, 1, 2, 3, 4, 5, 6], False),
        ("uattaua", 2, 0, [], False),
        ("uattaua", 2, -3, [], False),
        ("ttt", 1, None, [0, 1, 2], False),
        ("ua", 0, None, [1], True),
    ],
)
def test_a_page_counts_what_people_see(
    connection: Connection, new_session: New, pattern: str, limit: int, before: int | None, positions: list[int], truncated: bool
) -> None:
    new_session("s1")
    _fill(connection, pattern)
    page = messages.tail(connection, "s1", limit, before)
    assert (_positions(page.messages), page.truncated) == (positions, truncated)
    assert page.offset == (positions[0] if positions else 0)


def test_a_page_is_bounded_and_paging_reaches_the_start(connection: Connection, new_session: New) -> None:
    new_session("s1")
    _fill(connection, "u" + "t" * 1200 + "a")
    seen: list[int] = []
    page = messages.tail(connection, "s1", 10_000)
    while True:
        assert 0 < len(page.messages) <= messages.PAGE_ROWS
        seen = _positions(page.messages) + seen
        if not page.truncated:
            break
        page = messages.tail(connection, "s1", 50, page.offset)
    assert seen == list(range(1202))


def test_rows_come_back_as_they_were_given(connection: Connection, new_session: New) -> None:
    new_session("s1")
    rows = [
        {"message_id": "m0", "role": "user", "content": "é\u2028\x00 ", "timestamp": 0.1, "attachments": [{"name": "a", "size": 1}]},
        _assistant("m1", _call("t1", '{"path": "a"}')) | {"reasoning": "hm", "notices": [{"level": "info", "text": "x"}], "_partial": True},
        _tool("m2", "t1", "done") | {"duration": 0.25, "started_at": 3.5},
    ]
    _append(connection, rows)
    found = [message.row() for message in messages.rows_between(connection, "s1", 0, 99)]
    assert found == [{"timestamp": 1.0} | row | {"run_id": "r1"} for row in rows]
    assert _positions(messages.rows_between(connection, "s1", 1, 2)) == [1]


def test_a_large_result_is_shown_cut_and_kept_whole(connection: Connection, new_session: New) -> None:
    new_session("s1")
    whole = "aé" * PAYLOAD_LIMIT
    _append(connection, [_assistant("m0", _call("t1", "{}")), _tool("m1", "t1", whole)])
    row = messages.tail(connection, "s1", 50).messages[1].row()
    assert row["content_size"] == len(whole.encode())
    assert PAYLOAD_LIMIT - 4 <= len(row["content"].encode()) <= PAYLOAD_LIMIT
    assert whole.startswith(row["content"])
    assert messages.tool_content(connection, "s1", "t1", "result") == whole


def test_what_just_fits_is_not_cut(connection: Connection, new_session: New) -> None:
    new_session("s1")
    fits = "x" * PAYLOAD_LIMIT
    _append(connection, [_assistant("m0", _call("t1", json.dumps({"a": fits}))), _tool("m1", "t1", fits)])
    call, result = [message.row() for message in messages.tail(connection, "s1", 50).messages]
    assert (result["content"], json.loads(call["tool_calls"][0]["function"]["arguments"])) == (fits, {"a": fits})
    assert not {"content_size", "args_sizes"} & (result.keys() | call["tool_calls"][0].keys())


def test_large_arguments_are_shown_cut_and_kept_whole(connection: Connection, new_session: New) -> None:
    new_session("s1")
    text, edits = "y" * 200_000, [{"line": n} for n in range(20_000)]
    arguments = json.dumps({"path": "a.txt", "content": text, "edits": edits})
    _append(connection, [_assistant("m0", _call("t0", "{}"), _call("t1", arguments)), _tool("m1", "t0", ""), _tool("m2", "t1", "ok")])
    assistant, other, result = [message.row() for message in messages.tail(connection, "s1", 50).messages]
    small, call = assistant["tool_calls"]
    shown = json.loads(call["function"]["arguments"])
    whole = json.dumps(edits, separators=(",", ":"))
    assert call["args_sizes"] == result["args_sizes"] == {"content": 200_000, "edits": len(whole)}
    assert shown == {"path": "a.txt", "content": text[:PAYLOAD_LIMIT], "edits": whole[:PAYLOAD_LIMIT]}
    assert "args_sizes" not in small and "args_sizes" not in other
    assert messages.tool_content(connection, "s1", "t1", "content") == text
    assert messages.tool_content(connection, "s1", "t1", "edits") == whole
    assert messages.tool_content(connection, "s1", "t1", "path") == "a.txt"


def test_small_payloads_are_there_too(connection: Connection, new_session: New) -> None:
    new_session("s1")
    rows = [_assistant("m0", _call("t1", '{"n": [1, 2], "result": "mine", "none": null}'))]
    _append(connection, [*rows, {"message_id": "m1", "role": "assistant", "content": "hm"}, _tool("m2", "t1", "ok")])
    parts = ["result", "n", "argument:result", "none", "missing"]
    assert [messages.tool_content(connection, "s1", "t1", part) for part in parts] == ["ok", "[1,2]", "mine", None, None]
    assert messages.tool_content(connection, "s1", "t2", "result") is None
    assert messages.tool_content(connection, "none", "t1", "result") is None


@pytest.mark.parametrize("large", [False, True])
def test_a_call_id_used_again_means_the_newest(connection: Connection, new_session: New, large: bool) -> None:
    new_session("s1")
    for n, run in enumerate(["r1", "r2", "r2"]):
        text = f"{n}" * (PAYLOAD_LIMIT * 2 if large and n < 2 else 1)
        rows = [_assistant(f"m{2 * n}", _call("call_1", json.dumps({"a": text}))), _tool(f"m{2 * n + 1}", "call_1", text)]
        _append(connection, rows, start=2 * n, run=run)
    for part in ("a", "result"):
        assert messages.tool_content(connection, "s1", "call_1", part) == "2"
        assert (messages.tool_content(connection, "s1", "call_1", part, run_id="r1") or "")[0] == "0"
        assert messages.tool_content(connection, "s1", "call_1", part, run_id="r3") is None


def test_odd_calls_are_stored_and_bounded(connection: Connection, new_session: New) -> None:
    new_session("s1")
    broken = '{"a": "' + "z" * 100_000
    calls = [_call("t1", broken), _call("t1", json.dumps(["z" * 100_000])), {"id": 5}, "no", None]
    rows = [
        _assistant("m0", *calls),
        _assistant("m1") | {"tool_calls": None},
        {"message_id": "m2", "role": "tool", "content": "w" * 100_000},
    ]
    _append(connection, rows)
    first, second, third = [message.row() for message in messages.tail(connection, "s1", 50).messages]
    assert first["tool_calls"][0]["args_sizes"] == {"arguments": len(broken)}
    assert first["tool_calls"][0]["function"]["arguments"] == broken[:PAYLOAD_LIMIT]
    assert first["tool_calls"][2:] == calls[2:]
    assert second["tool_calls"] is None
    assert (len(third["content"]), third["content_size"]) == (PAYLOAD_LIMIT, 100_000)


def test_a_page_does_not_read_what_it_does_not_show(connection: Connection, new_session: New) -> None:
    new_session("s1")
    whole = "x" * 5_000_000
    _append(connection, [_assistant("m0", _call("t1", json.dumps({"content": whole}))), _tool("m1", "t1", whole)])
    fetched: list[int] = []

    @event.listens_for(connection, "after_cursor_execute")
    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        fetched.append("payloads" in statement)

    page = messages.tail(connection, "s1", 50)
    assert not any(fetched)
    assert sum(len(json.dumps(message.row())) for message in page.messages) < 3 * PAYLOAD_LIMIT


def test_the_last_exchange_whole_or_nothing(connection: Connection, new_session: New) -> None:
    new_session("s1")
    _fill(connection, "uauatta")

    def positions(end: int, **bounds: int) -> list[int]:
        return _positions(messages.tail_bounded(connection, "s1", end, **bounds))

    assert positions(7) == list(range(7))
    assert positions(7, max_rows=5) == [2, 3, 4, 5, 6]
    assert positions(7, max_rows=6) == [1, 2, 3, 4, 5, 6]
    assert positions(7, max_rows=4) == []
    assert positions(3) == [0, 1, 2]
    assert positions(0) == []
    row = len(json.dumps(messages.tail(connection, "s1", 1).messages[-1].row(), separators=(",", ":")))
    assert positions(2, max_bytes=row) == []
    assert positions(1, max_bytes=row) == [0]
    assert positions(7, max_bytes=6 * (row + 8)) == [1, 2, 3, 4, 5, 6]


@given(pattern=st.text("uat", max_size=20), limit=st.integers(1, 8), rows=st.integers(1, 8))
def test_paging_agrees_with_a_simple_model(pattern: str, limit: int, rows: int) -> None:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        metadata.create_all(connection)
        sessions.create(connection, "s1", at=1.0, profile="p", workspace="/w")
        _fill(connection, pattern)
        for before in range(len(pattern) + 1):
            visible = [n for n in range(before) if pattern[n] != "t"]
            start = visible[-limit] if len(visible) >= limit else 0
            assert _positions(messages.tail(connection, "s1", limit, before).messages) == list(range(start, before))
            exchange = pattern.rfind("u", 0, before)
            kept = list(range(max(0, before - rows), before))
            wanted = kept if kept and kept[0] <= max(exchange, 0) else []
            assert _positions(messages.tail_bounded(connection, "s1", before, max_rows=rows)) == wanted
    engine.dispose()
