from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine

from propylon.store import contexts, runs, sessions
from propylon.store.schema import metadata


def _link(connection: Connection, run: str, base: str | None, keep: int, rows: list[dict[str, Any]]) -> None:
    sessions.create(connection, f"s-{run}", at=1.0, profile="p", workspace="/w")
    runs.start_run(connection, f"s-{run}", run, [], at=1.0)
    contexts.store_context(connection, run, f"s-{run}", base, keep, rows)


def test_nothing_is_known_of_an_unknown_run(connection: Connection) -> None:
    assert contexts.load_context(connection, "none") == []


def test_rows_keep_the_agents_own_shape(connection: Connection) -> None:
    rows: list[dict[str, Any]] = [{"role": "assistant", "content": None, "tool_calls": [{"id": "t"}], "x": [1.5, {"é": True}]}]
    _link(connection, "r1", None, 0, rows)
    assert contexts.load_context(connection, "r1") == rows


def test_a_base_that_was_never_stored_is_empty(connection: Connection) -> None:
    _link(connection, "r1", "gone", 5, [{"n": 1}])
    _link(connection, "r2", "r1", 5, [{"n": 2}])
    assert contexts.load_context(connection, "r2") == [{"n": 1}, {"n": 2}]


def test_a_chain_of_thousands(connection: Connection) -> None:
    for n in range(5_000):
        _link(connection, f"r{n}", f"r{n - 1}" if n else None, 2 * n, [{"n": 2 * n}, {"n": 2 * n + 1}])
    assert contexts.load_context(connection, "r4999") == [{"n": n} for n in range(10_000)]
    _link(connection, "compressed", "r4999", 1, [{"summary": True}])
    assert contexts.load_context(connection, "compressed") == [{"n": 0}, {"summary": True}]


_links = st.lists(st.tuples(st.integers(-1, 8), st.integers(-1, 12), st.integers(0, 4)), max_size=9)


@given(links=_links)
def test_every_context_is_the_models(links: list[tuple[int, int, int]]) -> None:
    """Each link: which earlier one it starts from (-1: none), how much it keeps, how many rows it adds."""
    engine = create_engine("sqlite://")
    wanted: list[list[dict[str, Any]]] = []
    with engine.begin() as connection:
        metadata.create_all(connection)
        for number, (back, keep, added) in enumerate(links):
            base = number - 1 - back if 0 <= back < number else None
            rows = [{"run": number, "row": row} for row in range(added)]
            _link(connection, f"r{number}", None if base is None else f"r{base}", keep, rows)
            wanted.append((wanted[base][: max(0, keep)] if base is not None else []) + rows)
        assert [contexts.load_context(connection, f"r{number}") for number in range(len(links))] == wanted
    engine.dispose()
