"""The past is cut, taken up again and gone on with elsewhere, and nothing of it is lost. Checked against plain lists."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, StaticPool, create_engine, event

from propylon.errors import Busy, Changed, Invalid, NotFound
from propylon.events import PAYLOAD_LIMIT, Usage
from propylon.store import Database, Session, Started, branches, contexts, history, messages, runs, sessions
from propylon.store.schema import metadata

New = Callable[..., Session]
Context = list[dict[str, Any]]


def shown(text: str, rows: list[dict[str, Any]]) -> Context:
    """What a model would be told of a turn that was cut: simpler than the real one."""
    return [{"said": text}, *({"shown": row["content"]} for row in rows)]


class Row(NamedTuple):
    """A row of the model: its id, its role, its run, whether it begins the run, and the context that run started from."""

    id: str
    role: str
    run: str
    first: bool
    base: Context


@dataclass(frozen=True)
class State:
    rows: tuple[Row, ...] = ()
    context: tuple[dict[str, Any], ...] = ()

    def cut(self, position: int) -> State:
        if position >= len(self.rows):
            return self
        row = self.rows[position]
        kept = self.rows[:position]
        if row.first:
            return State(kept, tuple(row.base))
        mine = [other for other in kept if other.run == row.run]
        return State(kept, (*row.base, *shown(mine[0].id, [{"content": other.id} for other in mine[1:]])))


@dataclass
class Conversation:
    """A session of the model: its branches by id, which one is active, and how often it was changed."""

    branch: str
    revision: int = 1
    states: dict[str, State] = field(default_factory=dict)

    @property
    def now(self) -> State:
        return self.states[self.branch]


class Turn(NamedTuple):
    """`keep` of the earlier context and `adds` own rows; None: the run ends without a context."""

    where: int
    answer: str
    keep: int
    adds: int | None


class Cut(NamedTuple):
    where: int
    at: int


class Restore(NamedTuple):
    where: int
    which: int


class Fork(NamedTuple):
    where: int
    at: int


small = st.integers(0, 12)
steps = st.lists(
    st.one_of(
        st.builds(Turn, small, st.text("uat", max_size=4), st.integers(0, 9), st.one_of(st.none(), st.integers(0, 3))),
        st.builds(Cut, small, small),
        st.builds(Restore, small, small),
        st.builds(Fork, small, small),
    ),
    max_size=25,
)
ROLES = {"u": "user", "a": "assistant", "t": "tool"}


@contextmanager
def fresh() -> Iterator[Connection]:
    engine = create_engine("sqlite://", poolclass=StaticPool)

    @event.listens_for(engine, "connect")
    def strict(connection: Any, _entry: Any) -> None:
        connection.execute("PRAGMA foreign_keys = ON")

    with engine.begin() as connection:
        metadata.create_all(connection)
        yield connection
    engine.dispose()


def turn(connection: Connection, session_id: str, run: str, answer: str, context: tuple[int, Context] | None) -> None:
    """One whole run; every row says its own id."""
    started = runs.start_run(connection, session_id, run, [{"message_id": f"{run}.0", "role": "user", "content": f"{run}.0"}], at=1.0)
    assert isinstance(started, Started)
    rows = [{"message_id": f"{run}.{n}", "role": ROLES[letter], "content": f"{run}.{n}"} for n, letter in enumerate(answer, 1)]
    runs.finish_run(connection, run, status="completed", rows=rows, ended_at=1.0, context=context)


def session(connection: Connection, session_id: str) -> Session:
    found = sessions.get(connection, session_id)
    assert found is not None
    return found


def ids_of(connection: Connection, session_id: str) -> list[str]:
    return [message.message_id for message in messages.rows_between(connection, session_id, 0, branches.ALL)]


def stored(connection: Connection) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Every message, payload and context that is in the file."""
    found = {}
    for table, key in (("messages", 2), ("payloads", 4), ("contexts", 1)):
        for row in connection.exec_driver_sql(f"SELECT * FROM {table}"):
            found[(table, *row[:key])] = tuple(row)
    return found


def check(connection: Connection, model: dict[str, Conversation]) -> None:
    for session_id, wanted in model.items():
        found, now = session(connection, session_id), wanted.now
        assert [(m.position, m.message_id, m.role) for m in messages.rows_between(connection, session_id, 0, branches.ALL)] == [
            (position, row.id, row.role) for position, row in enumerate(now.rows)
        ]
        assert (found.branch, found.message_count, found.revision) == (wanted.branch, len(now.rows), wanted.revision)
        assert found.user_message_count == sum(row.role == "user" for row in now.rows)
        context = contexts.load_context(connection, found.last_run) if found.last_run else []
        assert context == list(now.context)
        listed = {branch.id: branch for branch in branches.of_session(connection, found)}
        assert {name: branch.message_count for name, branch in listed.items()} == {name: len(s.rows) for name, s in wanted.states.items()}
        for before in range(len(now.rows) + 1):
            page = messages.tail(connection, session_id, 2, before)
            visible = [n for n in range(before) if now.rows[n].role != "tool"]
            assert [m.position for m in page.messages] == list(range(visible[-2] if len(visible) > 1 else 0, before))
        for row in {row.id for state in wanted.states.values() for row in state.rows}:
            here = messages.by_message_id(connection, session_id, row)
            assert (here.message_id if here else None) == (row if row in {r.id for r in now.rows} else None)


@settings(max_examples=150, deadline=None)
@given(steps=steps)
def test_every_history_is_the_models_and_nothing_stored_is_written_again(steps: list[Turn | Cut | Restore | Fork]) -> None:
    with fresh() as connection:
        sessions.create(connection, "s0", at=1.0, profile="p", workspace="/w")
        model = {"s0": Conversation("s0", states={"s0": State()})}
        before = stored(connection)
        for number, step in enumerate(steps):
            name = f"s{step.where % len(model)}"
            here = model[name]
            match step:
                case Turn(_, answer, keep, adds):
                    given = None if adds is None else (keep, [{"run": number, "row": n} for n in range(adds)])
                    turn(connection, name, f"r{number}", answer, given)
                    base = list(here.now.context)
                    rows = [Row(f"r{number}.{n}", ROLES[letter], f"r{number}", n == 0, base) for n, letter in enumerate("u" + answer)]
                    context = tuple(base if given is None else base[:keep] + given[1])
                    here.states[here.branch] = State((*here.now.rows, *rows), context)
                    here.revision += 2
                case Cut(_, at):
                    now = history.cut(connection, session(connection, name), at, at=2.0 + number, reason="x", context_from=shown)
                    if at < len(here.now.rows):
                        here.states[now.branch] = here.now.cut(at)
                        here.branch, here.revision = now.branch, here.revision + 1
                    assert now == session(connection, name)
                case Restore(_, which):
                    branch = list(here.states)[which % len(here.states)]
                    now = history.restore(connection, session(connection, name), branch, at=2.0 + number)
                    here.revision += branch != here.branch
                    here.branch = branch
                    assert now == session(connection, name)
                case Fork(_, at):
                    new = f"s{len(model)}"
                    source = session(connection, name)
                    made = history.fork(
                        connection, source, at, new, at=2.0, title="t", reason="branch", parent_session=name, context_from=shown
                    )
                    model[new] = Conversation(new, states={new: here.now.cut(at)})
                    assert made == session(connection, new)
            after = stored(connection)
            assert {key: after.get(key) for key in before} == before
            before = after
            check(connection, model)


def test_a_cut_costs_what_is_cut_off_and_no_more(connection: Connection, new_session: New) -> None:
    new_session("s1")
    for n in range(60):
        turn(connection, "s1", f"r{n}", "at" * 5, (1 << 30, [{}]))
    asked: list[str] = []

    @event.listens_for(connection, "before_cursor_execute")
    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    before = stored(connection)
    history.cut(connection, session(connection, "s1"), 11 * 59, at=2.0, reason="x", context_from=shown)
    assert stored(connection) == before
    assert [statement.split()[0] for statement in asked if "SELECT" not in statement] == ["UPDATE", "INSERT", "UPDATE"]


def test_two_hundred_edits_are_read_quickly(connection: Connection, new_session: New) -> None:
    new_session("s1")
    kept = []
    for n in range(200):
        turn(connection, "s1", f"a{n}", "at", (1 << 30, [{"n": n}]))
        turn(connection, "s1", f"b{n}", "a", (1 << 30, [{"no": n}]))
        history.cut_before(connection, "s1", f"b{n}.0", revision=None, at=2.0 + n, reason="edit", context_from=shown)
        kept += [f"a{n}.{row}" for row in range(3)]
    last = session(connection, "s1")
    assert len(branches.path(connection, "s1")) == 200
    assert ids_of(connection, "s1") == kept
    assert contexts.load_context(connection, last.last_run or "") == [{"n": n} for n in range(200)]
    assert len(branches.path(connection, "s1", rows=30)) == 10
    begin = perf_counter()
    for _ in range(20):
        messages.tail(connection, "s1", 50)
    assert (perf_counter() - begin) / 20 < 0.05


def test_the_same_message_edited_again_and_again_makes_no_chain(connection: Connection, new_session: New) -> None:
    new_session("s1")
    turn(connection, "s1", "r0", "a", None)
    for n in range(20):
        turn(connection, "s1", f"e{n}", "a", None)
        history.cut_before(connection, "s1", f"e{n}.0", revision=None, at=2.0 + n, reason="edit", context_from=shown)
    assert [branch.parent for branch in branches.of_session(connection, session(connection, "s1"))] == [None] + ["s1"] * 20
    now = history.cut(connection, session(connection, "s1"), 0, at=99.0, reason="clear", context_from=shown)
    assert branches.path(connection, "s1") == [] and now.last_run is None
    cleared = branches.get(connection, now.branch)
    assert cleared is not None and (cleared.parent, cleared.fork) == (None, 0)


def test_a_cut_in_a_turn_keeps_what_was_shown_whole_and_is_no_live_run(connection: Connection, new_session: New) -> None:
    new_session("s1")
    whole = "x" * (PAYLOAD_LIMIT * 2)
    call = {"id": "t1", "type": "function", "function": {"name": "f", "arguments": msgspec.json.encode({"a": whole, "b": 1}).decode()}}
    turn(connection, "s1", "r0", "", (0, [{"first": True}]))
    runs.start_run(connection, "s1", "r1", [{"message_id": "r1.0", "role": "user", "content": "do"}], at=1.0)
    rows = [
        {"message_id": "r1.1", "role": "assistant", "content": "", "tool_calls": [call]},
        {"message_id": "r1.2", "role": "tool", "content": whole, "tool_call_id": "t1", "name": "f"},
        {"message_id": "r1.3", "role": "assistant", "content": "done"},
    ]
    runs.finish_run(connection, "r1", status="completed", rows=rows, ended_at=2.0, context=(1, [{}]), usage=Usage(last_prompt_tokens=7))
    given: list[Any] = []

    def context_from(text: str, rows: list[dict[str, Any]]) -> Context:
        given.append((text, rows))
        return [{"part": True}]

    now = history.cut(connection, session(connection, "s1"), 4, at=3.0, reason="truncate", context_from=context_from)
    ((text, answer),) = given
    assert text == "do" and [row["message_id"] for row in answer] == ["r1.1", "r1.2"]
    assert (answer[0]["tool_calls"], answer[1]["content"]) == ([call], whole)
    assert not {"content_size", "args_sizes"} & answer[1].keys()
    assert now.last_run is not None and contexts.load_context(connection, now.last_run) == [{"first": True}, {"part": True}]
    part = runs.get_run(connection, now.last_run)
    assert part is not None and (part.status, part.first_position, part.end_position) == ("cut", 4, 4)
    assert runs.active_runs(connection) == []
    assert runs.finish_run(connection, part.id, status="completed", rows=[], ended_at=4.0) is None
    turn(connection, "s1", "r2", "a", (1 << 30, [{"more": True}]))
    assert contexts.load_context(connection, "r2") == [{"first": True}, {"part": True}, {"more": True}]


def test_only_calls_behind_whose_results_the_cut_is_are_answered(connection: Connection, new_session: New) -> None:
    new_session("s1")
    calls = [{"id": f"t{n}", "type": "function", "function": {"name": f"f{n}", "arguments": "{}"}} for n in range(3)]
    runs.start_run(connection, "s1", "r1", [{"message_id": "r1.0", "role": "user", "content": "do"}], at=1.0)
    rows = [
        {"message_id": "r1.1", "role": "assistant", "content": "", "tool_calls": calls[:1]},
        {"message_id": "r1.2", "role": "tool", "content": "0", "tool_call_id": "t0", "name": "f0"},
        {"message_id": "r1.3", "role": "assistant", "content": "", "tool_calls": calls},
        {"message_id": "r1.4", "role": "tool", "content": "0", "tool_call_id": "t0", "name": "f0"},
        {"message_id": "r1.5", "role": "tool", "content": "1", "tool_call_id": "t1", "name": "f1"},
        {"message_id": "r1.6", "role": "tool", "content": "2", "tool_call_id": "t2", "name": "f2"},
    ]
    runs.finish_run(connection, "r1", status="completed", rows=rows, ended_at=2.0)
    added: list[list[str]] = []

    def context_from(text: str, rows: list[dict[str, Any]]) -> Context:
        added.append([row["name"] for row in rows if row.get("interrupted")])
        return []

    for position in (6, 5, 4, 3, 2, 1):
        history.cut(connection, session(connection, "s1"), position, at=3.0, reason="x", context_from=context_from)
    assert added == [["f2"], ["f1", "f2"], ["f0", "f1", "f2"], [], ["f0"], []]


def test_a_message_is_edited_by_its_id(connection: Connection, new_session: New) -> None:
    new_session("s1")
    new_session("s2")
    for n in range(3):
        turn(connection, "s1", f"r{n}", "a", (1 << 30, [{"n": n}]))

    def edit(session_id: str, message: str, revision: int | None = None) -> Session:
        return history.cut_before(connection, session_id, message, revision=revision, at=5.0, reason="edit", context_from=shown)

    before = session(connection, "s1")
    with pytest.raises(Changed) as changed:
        edit("s1", "r1.0", before.revision - 1)
    assert changed.value.revision == before.revision
    with pytest.raises(Invalid, match="not a message of a person"):
        edit("s1", "r1.1")
    for session_id, message in (("s1", "none"), ("s2", "r1.0"), ("s3", "r1.0")):
        with pytest.raises(NotFound):
            edit(session_id, message)
    assert session(connection, "s1") == before
    after = edit("s1", "r1.0", before.revision)
    assert (after.message_count, after.user_message_count, after.last_run, after.revision) == (2, 1, "r0", before.revision + 1)
    with pytest.raises(NotFound):
        edit("s1", "r2.0")
    runs.start_run(connection, "s1", "live", [{"message_id": "live.0", "role": "user", "content": "x"}], at=6.0)
    with pytest.raises(Busy) as busy:
        edit("s1", "r0.0")
    assert busy.value.active_run == "live"


def test_a_run_belongs_to_the_branch_it_was_made_on(connection: Connection, new_session: New) -> None:
    new_session("s1")
    turn(connection, "s1", "r0", "a", None)
    now = history.cut(connection, session(connection, "s1"), 0, at=2.0, reason="clear", context_from=shown)
    turn(connection, "s1", "r1", "a", None)
    assert [run.branch for run in (runs.get_run(connection, name) for name in ("r0", "r1")) if run] == ["s1", now.branch]
    assert [m.message_id for m in messages.tail_bounded(connection, "s1", 2)] == ["r0.0", "r0.1"]
    assert [m.message_id for m in messages.tail_bounded(connection, now.branch, 2)] == ["r1.0", "r1.1"]


def test_a_branch_of_another_session_cannot_be_taken_up(connection: Connection, new_session: New) -> None:
    new_session("s1")
    new_session("s2")
    for branch in ("s2", "none"):
        with pytest.raises(NotFound, match="No such branch"):
            history.restore(connection, session(connection, "s1"), branch, at=2.0)


def test_a_fork_takes_the_settings_and_no_permissions(connection: Connection, new_session: New) -> None:
    new_session("s1", yolo=True, granted=("rm",), personality="kind", reasoning_effort="high", model="m", provider="v", project_id="p")
    turn(connection, "s1", "r0", "a", (0, [{}]))
    made = history.fork(
        connection, session(connection, "s1"), 99, "s2", at=3.0, title="t", reason="branch", parent_session="s1", context_from=shown
    )
    assert (made.personality, made.reasoning_effort, made.model, made.provider, made.project_id) == ("kind", "high", "m", "v", "p")
    assert (made.yolo, made.granted, made.parent_session, made.title, made.input_tokens) == (False, (), "s1", "t", 0)
    assert (made.message_count, made.last_run, made.last_message_at) == (2, "r0", 1.0)


def test_tool_payloads_are_found_across_branches(connection: Connection, new_session: New) -> None:
    new_session("s1")
    whole = "y" * (PAYLOAD_LIMIT * 2)
    for n, text in enumerate([whole, whole[::-1] + "z"]):
        call = {"id": "t1", "type": "function", "function": {"name": "f", "arguments": msgspec.json.encode({"a": text}).decode()}}
        runs.start_run(connection, "s1", f"r{n}", [{"message_id": f"r{n}.0", "role": "user", "content": "do"}], at=1.0)
        rows = [
            {"message_id": f"r{n}.1", "role": "assistant", "content": "", "tool_calls": [call]},
            {"message_id": f"r{n}.2", "role": "tool", "content": text, "tool_call_id": "t1", "name": "f"},
        ]
        runs.finish_run(connection, f"r{n}", status="completed", rows=rows, ended_at=2.0)
    source = session(connection, "s1")
    history.fork(connection, source, 3, "s2", at=3.0, title="t", reason="branch", parent_session=None, context_from=shown)
    history.fork(connection, source, 2, "s3", at=3.0, title="t", reason="branch", parent_session=None, context_from=shown)
    turn(connection, "s2", "r9", "a", None)
    for part in ("a", "result"):
        assert messages.tool_content(connection, "s1", "t1", part) == whole[::-1] + "z"
        assert messages.tool_content(connection, "s2", "t1", part) == whole
        assert messages.tool_content(connection, "s3", "t1", part) is None


async def test_of_many_changes_on_one_revision_one_wins(database: Database) -> None:
    def fill(connection: Connection) -> Session:
        sessions.create(connection, "s1", at=1.0, profile="p", workspace="/w")
        for n in range(4):
            turn(connection, "s1", f"r{n}", "a", None)
        return session(connection, "s1")

    revision = (await database.write(fill)).revision

    async def change(n: int) -> object:
        def write(connection: Connection) -> Session:
            found = history.changeable(connection, "s1", revision)
            return history.cut(connection, found, n, at=2.0, reason="x", context_from=shown)

        try:
            return await database.write(write)
        except Changed as error:
            return error.revision

    results = await asyncio.gather(*(change(n) for n in range(6)))
    (winner,) = [result for result in results if isinstance(result, Session)]
    assert [result for result in results if result is not winner] == [revision + 1] * 5
    assert await database.read(lambda c: session(c, "s1")) == winner
