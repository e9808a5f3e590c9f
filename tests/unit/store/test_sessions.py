from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine

from propylon.errors import Invalid, NotFound
from propylon.store import Session, runs, sessions
from propylon.store.records import TitleSource
from propylon.store.schema import metadata

New = Callable[..., Session]


def _ids(listing: sessions.Listing) -> list[str]:
    return [session.id for session in listing.sessions]


def test_b51_a_new_session_reads_back(connection: Connection) -> None:
    made = sessions.create(connection, "s1", at=5.5, profile="p", workspace="/w", model="m", provider="v")
    assert sessions.get(connection, "s1") == made
    assert (made.title, made.title_source, made.message_count, made.active_run, made.pinned) == ("", "none", 0, None, False)
    assert sessions.get(connection, "s2") is None


def test_changes_count_the_revision_and_keep_the_place(connection: Connection, new_session: New) -> None:
    before = new_session("s1", project_id="p")
    after = sessions.change(connection, "s1", title="Mine", title_source="person", pinned=True, project_id=None)
    assert (after.title, after.title_source, after.pinned, after.project_id) == ("Mine", "person", True, None)
    assert (after.revision, after.updated_at) == (before.revision + 1, before.updated_at)
    with pytest.raises(NotFound, match="Session not found"):
        sessions.change(connection, "none", title="x")


def test_pages_follow_each_other_newest_first(connection: Connection, new_session: New) -> None:
    for n in range(7):
        new_session(f"s{n}", at=10.0 + n // 2)
    seen, cursor, sizes = [], None, []
    while True:
        page = sessions.listing(connection, "default", limit=3, cursor=cursor)
        seen += _ids(page)
        sizes.append(len(page.sessions))
        if (cursor := page.next_cursor) is None:
            break
    assert (seen, sizes) == (["s6", "s5", "s4", "s3", "s2", "s1", "s0"], [3, 3, 1])


def test_pinned_sessions_head_the_first_page_only(connection: Connection, new_session: New) -> None:
    for n in range(6):
        new_session(f"s{n}", at=10.0 + n, pinned=n in (0, 3))
    first = sessions.listing(connection, "default", limit=2)
    assert _ids(first) == ["s3", "s0", "s5", "s4"]
    second = sessions.listing(connection, "default", limit=2, cursor=first.next_cursor)
    assert (_ids(second), second.next_cursor) == (["s2", "s1"], None)


def test_archived_sessions_are_absent_but_counted(connection: Connection, new_session: New) -> None:
    for n in range(6):
        new_session(f"s{n}", at=10.0 + n, archived=n % 2 == 0, pinned=n == 0)
    assert _ids(sessions.listing(connection, "default")) == ["s5", "s3", "s1"]
    assert _ids(sessions.listing(connection, "default", limit=2)) == ["s5", "s3"]
    assert _ids(sessions.listing(connection, "default", include_archived=True)) == ["s0", "s5", "s4", "s3", "s2", "s1"]
    assert _ids(sessions.listing(connection, "default", include_archived=True, archived_limit=1)) == ["s0", "s5", "s4", "s3", "s1"]
    assert sessions.archived_count(connection, "default") == 3
    assert sessions.archived_count(connection, "other") == 0


def test_only_the_profiles_own(connection: Connection, new_session: New) -> None:
    new_session("s1", pinned=True)
    new_session("s2", profile="work")
    assert _ids(sessions.listing(connection, "work")) == ["s2"]
    assert _ids(sessions.listing(connection, "work", limit=5)) == ["s2"]


def test_without_a_limit_the_newest_and_all_pinned_and_live_ones(connection: Connection, new_session: New) -> None:
    for n in range(sessions.DEFAULT_LIMIT + 10):
        new_session(f"s{n:04}", at=10.0 + n, pinned=n == 1)
    runs.start_run(connection, "s0002", "r1", [], at=1.0)
    listing = sessions.listing(connection, "default")
    assert _ids(listing)[:2] == ["s0001", "s0509"]
    assert _ids(listing)[-2:] == ["s0010", "s0002"]
    assert (len(listing.sessions), listing.next_cursor) == (sessions.DEFAULT_LIMIT + 2, None)


@pytest.mark.parametrize("cursor", ["", "x", "é", "AAAA", "!!!!"])
def test_a_foreign_cursor_is_refused(connection: Connection, cursor: str) -> None:
    with pytest.raises(Invalid, match="cursor"):
        sessions.listing(connection, "default", limit=5, cursor=cursor)


_rows = st.lists(st.tuples(st.sampled_from([1.0, 1.5, 2.0, 1.7e9 + 0.1]), st.booleans(), st.booleans()), max_size=12)


@given(rows=_rows, size=st.integers(1, 5), include_archived=st.booleans())
def test_pages_together_are_the_list(rows: list[tuple[float, bool, bool]], size: int, include_archived: bool) -> None:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        metadata.create_all(connection)
        wanted: list[tuple[Any, ...]] = []
        for n, (at, pinned, archived) in enumerate(rows):
            sessions.create(connection, f"s{n:02}", at=at, profile="p", workspace="/w")
            sessions.change(connection, f"s{n:02}", pinned=pinned, archived=archived)
            if include_archived or not archived:
                wanted.append((pinned, at, f"s{n:02}"))
        page = sessions.listing(connection, "p", limit=size, include_archived=include_archived)
        seen = _ids(page)
        while page.next_cursor is not None:
            page = sessions.listing(connection, "p", limit=size, cursor=page.next_cursor, include_archived=include_archived)
            assert 1 <= len(page.sessions) <= size
            seen += _ids(page)
    engine.dispose()
    assert seen == [name for *_, name in sorted(wanted, reverse=True)]


def test_the_new_settings_are_changed_like_the_others(connection: Connection, new_session: New) -> None:
    made = new_session("s1")
    assert (made.yolo, made.granted, made.personality, made.reasoning_effort, made.parent_session) == (False, (), "", "", None)
    after = sessions.change(connection, "s1", yolo=True, granted=("a", "é"), personality="kind", reasoning_effort="low")
    assert (after.yolo, after.granted, after.personality, after.reasoning_effort) == (True, ("a", "é"), "kind", "low")
    assert sessions.get(connection, "s1") == after
    assert sessions.listing(connection, "default").sessions == [after]
    assert connection.exec_driver_sql("SELECT granted FROM sessions").scalar() == '["a","é"]'


@pytest.mark.parametrize(("source", "replaced"), [("first_message", True), ("person", False), ("agent", False), ("none", False)])
def test_b36_an_agents_title_replaces_only_one_made_from_the_first_message(
    connection: Connection, new_session: New, source: TitleSource, replaced: bool
) -> None:
    before = new_session("s1", title="Before", title_source=source)
    assert sessions.set_agent_title(connection, "s1", "Better") is replaced
    after = sessions.get(connection, "s1")
    assert after is not None and after.revision == before.revision
    assert (after.title, after.title_source) == (("Better", "agent") if replaced else ("Before", source))
    assert sessions.set_agent_title(connection, "none", "Better") is False
