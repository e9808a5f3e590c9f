"""The queries that every page asks stay a matter of the page, not of the file: no scan of a table, no sorting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, event

from propylon.store import Branch, Session, branches, contexts, history, messages, queue, runs, sessions

QUERIES: dict[str, Callable[[Connection, str], Any]] = {
    "list": lambda c, cursor: sessions.listing(c, "p", limit=5),
    "list on": lambda c, cursor: sessions.listing(c, "p", limit=5, cursor=cursor, include_archived=True),
    "list without limit": lambda c, cursor: sessions.listing(c, "p"),
    "archived count": lambda c, cursor: sessions.archived_count(c, "p"),
    "session": lambda c, cursor: sessions.get(c, "s1"),
    "tail": lambda c, cursor: messages.tail(c, "s1", 50),
    "tail before": lambda c, cursor: messages.tail(c, "s1", 50, 7),
    "tail bounded": lambda c, cursor: messages.tail_bounded(c, "s1", 7),
    "tool result": lambda c, cursor: messages.tool_content(c, "s1", "t1", "result"),
    "tool argument": lambda c, cursor: messages.tool_content(c, "s1", "t1", "path"),
    "run by key": lambda c, cursor: runs.run_by_key(c, "s1", "k"),
    "active runs": lambda c, cursor: runs.active_runs(c),
    "message by id": lambda c, cursor: messages.by_message_id(c, "s1", "m7"),
    "last of a person": lambda c, cursor: messages.last_of_person(c, "s1"),
    "branches": lambda c, cursor: branches.of_session(c, _session(c, "s1")),
    "preview": lambda c, cursor: branches.preview(c, "s1"),
    "cut": lambda c, cursor: history.cut(c, _session(c, "s1"), 7, at=2.0, reason="x", context_from=lambda text, rows: []),
    "restore": lambda c, cursor: history.restore(c, _session(c, "s1"), "b1", at=2.0),
    "queue": lambda c, cursor: (queue.add(c, "s1", "q2", "x", at=1.0), queue.move(c, "s1", "q1", None), queue.take_first(c, "s1")),
    "agent title": lambda c, cursor: sessions.set_agent_title(c, "s1", "x"),
    "start": lambda c, cursor: runs.start_run(c, "s2", "r9", [{"message_id": "r9.0", "role": "user", "content": "x"}], at=1.0),
    "finish": lambda c, cursor: runs.finish_run(c, "r2", status="completed", rows=[], ended_at=2.0, context=(0, [{}])),
}


def _session(connection: Connection, session_id: str) -> Session:
    found = sessions.get(connection, session_id)
    assert found is not None
    return found


@pytest.fixture
def cursor(connection: Connection) -> str:
    for n in range(20):
        sessions.create(connection, f"s{n}", at=float(n), profile="p", workspace="/w")
    runs.start_run(connection, "s3", "r2", [], at=1.0)
    rows = [{"message_id": f"m{n}", "role": "tool" if n % 2 else "user", "content": "x", "tool_call_id": "t1"} for n in range(20)]
    messages.append(connection, "s1", "r1", 0, rows, at=1.0)
    connection.exec_driver_sql("UPDATE sessions SET message_count = 20, user_message_count = 10 WHERE id = 's1'")
    branches.add(connection, Branch("b1", "s1", "s1", 4, 2.0, "x", 4, 2, None))
    queue.add(connection, "s1", "q1", "x", at=1.0)
    return sessions.listing(connection, "p", limit=3).next_cursor or ""


@pytest.mark.parametrize("name", QUERIES)
def test_no_query_scans_or_sorts(connection: Connection, cursor: str, name: str) -> None:
    asked: list[tuple[str, Any]] = []

    @event.listens_for(connection, "before_cursor_execute")
    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        asked.append((statement, parameters[0] if many and isinstance(parameters, list) else parameters))

    QUERIES[name](connection, cursor)
    plans = []
    for statement, parameters in list(asked):
        if not statement.startswith("INSERT"):
            plans += [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
    assert plans
    # The one index that is read from end to end holds running runs only; `head` and `path` are the few branches that were walked.
    small = ("SCAN head", "SCAN path")
    assert [step for step in plans if ("SCAN" in step and "runs_running" not in step and step not in small) or "TEMP B-TREE" in step] == []


def test_a_context_is_found_link_by_link(connection: Connection) -> None:
    plans = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {contexts._chain.text}", {"run": "r1"})
    assert not [step for *_, step in plans if "SCAN contexts" in step or "SCAN base" in step]
