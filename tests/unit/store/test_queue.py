from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine

from propylon.errors import Invalid, NotFound
from propylon.store import Session, contexts, queue, runs, sessions
from propylon.store.records import RunStatus
from propylon.store.schema import metadata

New = Callable[..., Session]


def _ids(connection: Connection, session_id: str = "s1") -> list[str]:
    return [message.id for message in queue.listing(connection, session_id)]


def _add(connection: Connection, *numbers: str, session_id: str = "s1", first: bool = False) -> None:
    for number in numbers:
        queue.add(connection, session_id, number, f"text {number}", at=1.0, first=first)


def test_messages_wait_in_order(connection: Connection, new_session: New) -> None:
    new_session("s1")
    new_session("s2")
    _add(connection, "a", "b", "c")
    _add(connection, "d", first=True)
    _add(connection, "a", session_id="s2")
    assert (_ids(connection), _ids(connection, "s2"), _ids(connection, "none")) == (["d", "a", "b", "c"], ["a"], [])
    taken = queue.take_first(connection, "s1")
    assert taken is not None and (taken.id, taken.text, taken.created_at, taken.session_id) == ("d", "text d", 1.0, "s1")
    assert _ids(connection) == ["a", "b", "c"]
    assert queue.take_first(connection, "none") is None


def test_the_same_message_waits_once(connection: Connection, new_session: New) -> None:
    new_session("s1")
    made = queue.add(connection, "s1", "a", "one", at=1.0)
    assert queue.add(connection, "s1", "a", "two", at=2.0, first=True) == made
    assert queue.listing(connection, "s1") == [made]


def test_a_waiting_message_is_edited_and_removed(connection: Connection, new_session: New) -> None:
    new_session("s1")
    _add(connection, "a", "b")
    assert queue.edit(connection, "s1", "a", "new").text == "new"
    assert [message.text for message in queue.listing(connection, "s1")] == ["new", "text b"]
    assert [queue.remove(connection, "s1", "a"), queue.remove(connection, "s1", "a")] == [True, False]
    with pytest.raises(NotFound, match="does not wait"):
        queue.edit(connection, "s1", "a", "newer")
    for number, before in (("a", "b"), ("b", "a")):
        with pytest.raises(NotFound, match="does not wait"):
            queue.move(connection, "s1", number, before)
    assert _ids(connection) == ["b"]


def test_a_queue_has_an_end_and_a_session(connection: Connection, new_session: New) -> None:
    new_session("s1")
    _add(connection, *(f"{n}" for n in range(queue.LIMIT)))
    with pytest.raises(Invalid, match="100 messages wait"):
        _add(connection, "more")
    _add(connection, "5")
    assert len(_ids(connection)) == queue.LIMIT
    with pytest.raises(NotFound):
        _add(connection, "a", session_id="none")


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["add", "first", "move", "take", "remove"]), st.integers(0, 7), st.integers(-1, 7)), max_size=40
    )
)
def test_the_order_is_that_of_a_list(steps: list[tuple[str, int, int]]) -> None:
    engine = create_engine("sqlite://")
    wanted: list[str] = []
    with engine.begin() as connection:
        metadata.create_all(connection)
        sessions.create(connection, "s1", at=1.0, profile="p", workspace="/w")
        for what, n, m in steps:
            number, other = f"{n}", None if m < 0 else f"{m}"
            if what in ("add", "first"):
                _add(connection, number, first=what == "first")
                if number not in wanted:
                    wanted.insert(0 if what == "first" else len(wanted), number)
            elif what == "take":
                taken = queue.take_first(connection, "s1")
                assert (taken.id if taken else None) == (wanted.pop(0) if wanted else None)
            elif what == "remove":
                assert queue.remove(connection, "s1", number) == (number in wanted)
                wanted = [each for each in wanted if each != number]
            elif number in wanted and (other is None or other in wanted):
                queue.move(connection, "s1", number, other)
                if number != other:
                    wanted.remove(number)
                    wanted.insert(len(wanted) if other is None else wanted.index(other), number)
            assert _ids(connection) == wanted
    engine.dispose()


def test_a_starting_server_goes_on_only_where_all_went_well(connection: Connection, new_session: New) -> None:
    outcomes: list[tuple[str, list[RunStatus]]] = [
        ("well", ["failed", "completed"]),
        ("failed", ["completed", "failed"]),
        ("stopped", ["completed", "cancelled"]),
        ("live", ["completed", "running"]),
        ("new", []),
        ("empty", ["completed"]),
    ]
    for name, statuses in outcomes:
        new_session(name)
        for n, status in enumerate(statuses):
            message: dict[str, Any] = {"message_id": f"{name}{n}.0", "role": "user", "content": "x"}
            runs.start_run(connection, name, f"{name}{n}", [message], at=float(n))
            if status != "running":
                runs.finish_run(connection, f"{name}{n}", status=status, rows=[], ended_at=float(n))
        if name != "empty":
            _add(connection, "a", "b", session_id=name)
    assert queue.sessions_with_queue(connection) == ["well"]
    last = runs.get_run(connection, "failed1")
    assert last is not None
    part = {name: getattr(last, name) for name in last.__struct_fields__} | {"id": "part", "status": "cut", "started_at": 9.0}
    runs.add(connection, runs.Run(**part))
    contexts.store_context(connection, "part", "failed", None, 0, [])
    assert queue.sessions_with_queue(connection) == ["well"]
