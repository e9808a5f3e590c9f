from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection

from propylon.errors import NotFound
from propylon.events import Usage
from propylon.store import Again, Busy, Database, Session, Started, contexts, messages, runs, sessions

New = Callable[..., Session]


def _row(message_id: str, role: str = "user", content: str = "hello", **more: Any) -> dict[str, Any]:
    return {"message_id": message_id, "role": role, "content": content, **more}


def test_a_start_claims_the_session_and_keeps_the_message(connection: Connection, new_session: New) -> None:
    before = new_session("s1")
    rows = [_row("r1.0", content="Do it", timestamp=7.5, attachments=["a.txt"])]
    started = runs.start_run(connection, "s1", "r1", rows, at=7.0, idempotency_key="k", model="m", provider="p", runtime="hermes")
    assert isinstance(started, Started)
    run, session = started.run, started.session
    assert (run.id, run.status, run.first_position, run.end_position) == ("r1", "running", 0, None)
    assert (run.model, run.provider, run.runtime, run.idempotency_key, run.started_at) == ("m", "p", "hermes", "k", 7.0)
    assert (session.active_run, session.message_count, session.user_message_count) == ("r1", 1, 1)
    assert (session.updated_at, session.last_message_at, session.revision) == (7.0, 7.0, before.revision + 1)
    (message,) = messages.tail(connection, "s1", 50).messages
    assert message.row() == rows[0] | {"run_id": "r1"}
    assert runs.get_run(connection, "r1") == runs.run_by_key(connection, "s1", "k") == run
    assert sessions.get(connection, "s1") == session


def test_the_same_send_is_the_same_run_live_or_ended(connection: Connection, new_session: New) -> None:
    new_session("s1")
    new_session("s2")

    def start(session: str, run: str) -> object:
        return runs.start_run(connection, session, run, [_row(f"{run}.0")], at=1.0, idempotency_key="k")

    start("s1", "r1")
    live = sessions.get(connection, "s1")
    assert start("s1", "r2") == Again("r1")
    assert sessions.get(connection, "s1") == live
    runs.finish_run(connection, "r1", status="completed", rows=[], ended_at=2.0)
    assert start("s1", "r3") == Again("r1")
    assert isinstance(start("s2", "r4"), Started)
    assert runs.get_run(connection, "r2") is None


def test_a_busy_session_refuses_and_stays(connection: Connection, new_session: New) -> None:
    new_session("s1")
    runs.start_run(connection, "s1", "r1", [_row("r1.0")], at=1.0)
    before = sessions.get(connection, "s1")
    assert runs.start_run(connection, "s1", "r2", [_row("r2.0")], at=2.0) == Busy("r1")
    assert sessions.get(connection, "s1") == before
    assert len(messages.tail(connection, "s1", 50).messages) == 1


def test_a_start_needs_a_session(connection: Connection) -> None:
    with pytest.raises(NotFound, match="Session not found"):
        runs.start_run(connection, "none", "r1", [_row("r1.0")], at=1.0)


async def test_of_many_starts_at_once_one_wins(database: Database) -> None:
    await database.write(lambda c: sessions.create(c, "s1", at=1.0, profile="p", workspace="/w"))

    async def start(n: int) -> object:
        return await database.write(lambda c: runs.start_run(c, "s1", f"r{n}", [_row(f"r{n}.0")], at=1.0))

    results = await asyncio.gather(*(start(n) for n in range(8)))
    (winner,) = [result for result in results if isinstance(result, Started)]
    assert [result for result in results if result != winner] == [Busy(winner.run.id)] * 7


async def test_two_servers_on_one_file_cannot_both_start(database: Database, tmp_path: Any) -> None:
    other = Database.open(tmp_path / "app.db")
    await database.write(lambda c: sessions.create(c, "s1", at=1.0, profile="p", workspace="/w"))
    results = await asyncio.gather(
        *(
            server.write(lambda c, n=n: runs.start_run(c, "s1", f"r{n}", [_row(f"r{n}.0")], at=1.0))
            for n, server in enumerate([database, other] * 4)
        )
    )
    await other.close()
    assert sorted(type(result).__name__ for result in results) == ["Busy"] * 7 + ["Started"]


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("  Fix \n\n the\tbuild ", "Fix the build"),
        ("word " * 40, "word " * 12 + "word"),
        ("x" * 100, "x" * 64),
        ("a" * 64 + " b", "a" * 64),
        ("a" * 60 + " bcd e", "a" * 60 + " bcd"),
        ("a" * 60 + " bcde", "a" * 60),
    ],
)
def test_the_first_message_is_the_title(connection: Connection, new_session: New, text: str, title: str) -> None:
    new_session("s1")
    started = runs.start_run(connection, "s1", "r1", [_row("r1.0", content=text)], at=1.0)
    assert isinstance(started, Started)
    assert (started.session.title, started.session.title_source) == (title, "first_message")


def test_a_title_is_not_replaced_and_not_made_of_nothing(connection: Connection, new_session: New) -> None:
    new_session("s1", title="Mine", title_source="person")
    new_session("s2")
    for session, text in (("s1", "hello"), ("s2", "  \n")):
        started = runs.start_run(connection, session, f"r-{session}", [_row(f"{session}.0", content=text)], at=1.0)
        assert isinstance(started, Started)
    assert [(s.title, s.title_source) for s in (sessions.get(connection, "s1"), sessions.get(connection, "s2")) if s] == [
        ("Mine", "person"),
        ("", "none"),
    ]


def test_a_finish_stores_everything_at_once(connection: Connection, new_session: New) -> None:
    new_session("s1")
    started = runs.start_run(connection, "s1", "r1", [_row("r1.0")], at=1.0)
    assert isinstance(started, Started)
    usage = Usage(input_tokens=100, output_tokens=20, estimated_cost=0.5, context_length=1000, threshold_tokens=800, last_prompt_tokens=90)
    rows = [_row("r1.1", "assistant", "hi", reasoning="hm"), _row("r1.2", "assistant", "more", timestamp=8.5)]
    finished = runs.finish_run(
        connection, "r1", status="completed", rows=rows, usage=usage, ended_at=9.0, context=(0, [{"role": "user"}]), model="m2"
    )
    assert finished is not None
    run, session = finished
    assert (run.status, run.first_position, run.end_position, run.ended_at, run.usage) == ("completed", 0, 3, 9.0, usage)
    assert (run.model, run.provider, run.failure) == ("m2", "", None)
    assert (session.active_run, session.last_run, session.message_count, session.user_message_count) == (None, "r1", 3, 1)
    assert (session.input_tokens, session.output_tokens, session.estimated_cost) == (100, 20, 0.5)
    assert (session.context_length, session.threshold_tokens, session.last_prompt_tokens) == (1000, 800, 90)
    assert (session.updated_at, session.last_message_at, session.revision) == (9.0, 9.0, started.session.revision + 1)
    assert [m.row() for m in messages.rows_between(connection, "s1", 1, 3)] == [
        rows[0] | {"run_id": "r1", "timestamp": 9.0},
        rows[1] | {"run_id": "r1"},
    ]
    assert contexts.load_context(connection, "r1") == [{"role": "user"}]
    assert (runs.get_run(connection, "r1"), sessions.get(connection, "s1")) == finished


def test_the_second_finish_is_nothing(connection: Connection, new_session: New) -> None:
    new_session("s1")
    runs.start_run(connection, "s1", "r1", [_row("r1.0")], at=1.0)
    first = runs.finish_run(connection, "r1", status="cancelled", rows=[], ended_at=2.0)
    assert first is not None
    late = runs.finish_run(connection, "r1", status="completed", rows=[_row("r1.1", "assistant")], ended_at=3.0, context=(0, [{}]))
    assert late is None
    assert (runs.get_run(connection, "r1"), sessions.get(connection, "s1")) == first
    assert contexts.load_context(connection, "r1") == []
    with pytest.raises(NotFound, match="stream not found"):
        runs.finish_run(connection, "none", status="failed", rows=[], ended_at=2.0)


def test_usage_adds_up_and_the_window_is_the_last_known(connection: Connection, new_session: New) -> None:
    new_session("s1")
    for n, usage in enumerate(
        [Usage(input_tokens=5, estimated_cost=0.25, context_length=1000, last_prompt_tokens=7), Usage(input_tokens=2)]
    ):
        runs.start_run(connection, "s1", f"r{n}", [_row(f"r{n}.0")], at=1.0)
        finished = runs.finish_run(connection, f"r{n}", status="failed", rows=[], usage=usage, failure={"kind": "auth"}, ended_at=2.0)
    assert finished is not None
    run, session = finished
    assert (session.input_tokens, session.estimated_cost, session.context_length, session.last_prompt_tokens) == (7, 0.25, 1000, 7)
    assert run.failure == {"kind": "auth"}


def test_a_run_without_a_context_leaves_the_one_before(connection: Connection, new_session: New) -> None:
    new_session("s1")
    for n, context in enumerate([(0, [{"n": 0}, {"n": 1}]), None, (1, [{"n": 2}])]):
        started = runs.start_run(connection, "s1", f"r{n}", [_row(f"r{n}.0")], at=1.0)
        assert isinstance(started, Started)
        assert started.run.base_run == (None if n == 0 else "r0")
        runs.finish_run(connection, f"r{n}", status="completed", rows=[], ended_at=2.0, context=context)
    assert contexts.load_context(connection, "r1") == []
    assert contexts.load_context(connection, "r2") == [{"n": 0}, {"n": 2}]


def test_active_runs_are_those_without_an_outcome(connection: Connection, new_session: New) -> None:
    for n in (2, 1, 3):
        new_session(f"s{n}")
        runs.start_run(connection, f"s{n}", f"r{n}", [_row(f"r{n}.0")], at=float(n))
    runs.finish_run(connection, "r1", status="interrupted", rows=[], ended_at=9.0)
    assert [run.id for run in runs.active_runs(connection)] == ["r2", "r3"]


def test_a_session_that_named_no_model_keeps_the_one_that_answered(connection: Connection, new_session: New) -> None:
    new_session("s1")
    for run, model in (("r1", "first"), ("r2", "second")):
        runs.start_run(connection, "s1", run, [_row(f"{run}.0")], at=1.0)
        finished = runs.finish_run(connection, run, status="completed", rows=[], ended_at=2.0, model=model, provider="p")
        assert finished is not None and finished == (runs.get_run(connection, run), sessions.get(connection, "s1"))
        assert (finished[0].model, finished[1].model, finished[1].provider) == (model, "first", "p")


def test_what_was_allowed_is_added_to_what_is_allowed(connection: Connection, new_session: New) -> None:
    new_session("s1", granted=("a", "b"))
    for n, granted in enumerate([["b", "c", "c"], ["a"], []]):
        runs.start_run(connection, "s1", f"r{n}", [_row(f"r{n}.0")], at=1.0)
        finished = runs.finish_run(connection, f"r{n}", status="completed", rows=[], ended_at=2.0, granted=granted)
        assert finished is not None and finished == (runs.get_run(connection, f"r{n}"), sessions.get(connection, "s1"))
        assert finished[1].granted == ("a", "b", "c")
