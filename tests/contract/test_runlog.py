"""What every run log does: the one on disk and the one in memory."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from propylon.errors import StoreUnusable
from propylon.events import Event, StreamEnd, Token
from propylon.runlog.base import Held, Reader, RunEnded, RunLog
from propylon.runlog.memory import MemoryRunLog
from propylon.runlog.sqlite import SqliteRunLog

END = StreamEnd(session_id="s")


@pytest.fixture(params=["memory", "sqlite"])
async def runlog(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[RunLog]:
    log: RunLog = MemoryRunLog() if request.param == "memory" else SqliteRunLog.open(tmp_path / "runlog.db")
    yield log
    await log.close()


def tokens(*texts: str) -> list[Event]:
    return [Token(text=text) for text in texts]


async def to_end(reader: Reader) -> list[tuple[int, Event]]:
    found: list[tuple[int, Event]] = []
    while not reader.ended:
        found += [(record.seq, record.event) for record in await reader.next(5)]
    return found


async def follow(log: RunLog, run: str, after: int | None) -> Reader:
    reader = await log.follow(run, after)
    assert reader is not None
    return reader


async def test_events_are_numbered_from_one_without_gaps(runlog: RunLog) -> None:
    runlog.begin("r")
    assert await runlog.append("r", tokens("a", "b")) == 2
    assert await runlog.append("r", [*tokens("c"), END]) == 4
    assert [record.seq for record in await runlog.read("r")] == [1, 2, 3, 4]


async def test_an_unknown_run_has_no_position_no_reader_and_takes_no_events(runlog: RunLog) -> None:
    assert await runlog.position("none") is None
    assert await runlog.follow("none", 0) is None
    with pytest.raises(KeyError):
        await runlog.append("none", tokens("a"))


async def test_nothing_follows_the_terminal_event(runlog: RunLog) -> None:
    runlog.begin("r")
    await runlog.append("r", [*tokens("a"), END])
    with pytest.raises(RunEnded):
        await runlog.append("r", tokens("b"))
    position = await runlog.position("r")
    assert position is not None and (position.seq, position.terminal) == (2, "stream_end")


async def test_the_position_holds_the_highest_mark(runlog: RunLog) -> None:
    runlog.begin("r")
    await runlog.append("r", tokens("a"), mark=7)
    await runlog.append("r", tokens("b"), mark=9)
    position = await runlog.position("r")
    assert position is not None and (position.seq, position.mark, position.terminal) == (2, 9, None)


async def test_a_reader_sees_what_was_and_then_what_comes(runlog: RunLog) -> None:
    runlog.begin("r")
    await runlog.append("r", tokens("a", "b"))
    reader = await follow(runlog, "r", 1)
    reading = asyncio.create_task(to_end(reader))
    await runlog.append("r", tokens("c"))
    await runlog.append("r", [END])
    assert await reading == [(2, Token(text="b")), (3, Token(text="c")), (4, END)]


async def test_a_reader_waits_no_longer_than_asked(runlog: RunLog) -> None:
    runlog.begin("r")
    reader = await follow(runlog, "r", 0)
    assert await reader.next(0.01) == []
    assert not reader.ended


@pytest.mark.parametrize("cursor", [-1, 99])
async def test_a_cursor_that_names_no_event_means_from_the_start(runlog: RunLog, cursor: int) -> None:
    runlog.begin("r")
    await runlog.append("r", [*tokens("a"), END])
    assert len(await to_end(await follow(runlog, "r", cursor))) == 2


async def test_without_a_cursor_one_goes_on_after_what_others_were_sent(runlog: RunLog) -> None:
    runlog.begin("r")
    await runlog.append("r", tokens("a", "b"))
    first = await follow(runlog, "r", None)
    assert len(await first.next(1)) == 2
    first.delivered()
    await runlog.append("r", tokens("c"))
    second = await follow(runlog, "r", None)
    assert [record.seq for record in await second.next(1)] == [3]


async def test_what_was_read_but_not_delivered_is_not_skipped(runlog: RunLog) -> None:
    runlog.begin("r")
    await runlog.append("r", tokens("a"))
    await (await follow(runlog, "r", None)).next(1)
    assert [record.seq for record in await (await follow(runlog, "r", None)).next(1)] == [1]


async def test_a_finished_run_always_gives_its_last_frames(runlog: RunLog) -> None:
    runlog.begin("r")
    await runlog.append("r", [*tokens("a", "b", "c"), END])
    reader = await follow(runlog, "r", None)
    await to_end(reader)
    reader.delivered()
    assert [seq for seq, _ in await to_end(await follow(runlog, "r", None))] == [3, 4]


async def test_runs_without_a_terminal_event_are_unfinished(runlog: RunLog) -> None:
    for run in ("live", "over"):
        runlog.begin(run)
        await runlog.append(run, tokens("a"))
    await runlog.append("over", [END])
    assert await runlog.unfinished() == ["live"]


Step = st.one_of(
    st.tuples(st.just("append"), st.integers(0, 2), st.integers(1, 30)),
    st.tuples(st.just("connect"), st.integers(0, 2), st.integers(0, 40)),
    st.tuples(st.just("read"), st.integers(0, 9), st.just(0)),
    st.tuples(st.just("drop"), st.integers(0, 9), st.just(0)),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(Step, max_size=60), held=st.integers(4, 40), kind=st.sampled_from(["memory", "sqlite"]))
async def test_every_viewer_gets_every_event_once_whatever_happens(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, steps: list[tuple[str, int, int]], held: int, kind: str
) -> None:
    """Viewers connect late, read slowly, drop, and come back with the cursor they had; memory holds only the newest events."""
    monkeypatch.setattr("propylon.runlog.sqlite.HELD_LIVE", Held(records=held, bytes=1 << 20))
    log: RunLog = MemoryRunLog() if kind == "memory" else SqliteRunLog.open(tmp_path_factory.mktemp("log") / "runlog.db")
    written: dict[str, int] = {f"r{number}": 0 for number in range(3)}
    viewers: list[tuple[str, int, list[int], Reader]] = []
    for run in written:
        log.begin(run)
    for action, which, amount in steps:
        run = f"r{which % 3}"
        if action == "append":
            written[run] = await log.append(run, tokens(*(str(written[run] + i + 1) for i in range(amount))))
        elif action == "connect":
            start = min(amount, written[run])
            viewers.append((run, start, [], await follow(log, run, start)))
        elif viewers:
            run, start, seen, reader = viewers[which % len(viewers)]
            if action == "read":
                for record in await reader.next(0.0):
                    assert isinstance(record.event, Token) and record.event.text == str(record.seq)
                    seen.append(record.seq)
            else:
                cursor = seen[-1] if seen else start
                viewers[which % len(viewers)] = (run, start, seen, await follow(log, run, cursor))
    for run in written:
        written[run] = await log.append(run, [END])
    for run, start, seen, reader in viewers:
        seen += [seq for seq, _ in await to_end(reader)]
        assert seen == list(range(start + 1, written[run] + 1))
    await log.close()


async def test_a_reopened_log_goes_on_where_it_was(tmp_path: Path) -> None:
    log = SqliteRunLog.open(tmp_path / "runlog.db")
    log.begin("a")
    log.begin("b")
    for number in range(5):
        await asyncio.gather(log.append("a", tokens(f"a{number}"), mark=number + 1), log.append("b", tokens(f"b{number}")))
    await log.close()
    again = SqliteRunLog.open(tmp_path / "runlog.db")
    assert await again.unfinished() == ["a", "b"]
    position = await again.position("a")
    assert position is not None and (position.seq, position.mark) == (5, 5)
    assert await again.append("a", [END]) == 6
    assert [seq for seq, _ in await to_end(await follow(again, "a", 3))] == [4, 5, 6]
    await again.close()


async def test_closing_leaves_one_file(tmp_path: Path) -> None:
    log = SqliteRunLog.open(tmp_path / "runlog.db")
    log.begin("r")
    await log.append("r", tokens("a"))
    await log.close()
    assert [path.name for path in tmp_path.iterdir()] == ["runlog.db"]


async def test_events_that_cannot_be_stored_are_not_shown_and_the_log_goes_on(tmp_path: Path) -> None:
    log = SqliteRunLog.open(tmp_path / "runlog.db")
    log.begin("r")
    await log.append("r", tokens("a"))
    other = sqlite3.connect(tmp_path / "runlog.db", isolation_level=None)
    log._db.execute("PRAGMA busy_timeout=0")
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(OSError, match="cannot be written"):
        await log.append("r", tokens("b"))
    other.execute("ROLLBACK")
    other.close()
    assert await log.append("r", tokens("c")) == 2
    assert [record.event for record in await log.read("r")] == tokens("a", "c")
    await log.close()


@pytest.mark.parametrize("content", [b"not a database at all", b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_file_that_is_no_run_log_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "runlog.db"
    path.write_bytes(content)
    with pytest.raises(StoreUnusable):
        SqliteRunLog.open(path)
    assert path.read_bytes() == content


KILLED = """
    import asyncio, sys
    from pathlib import Path
    from propylon.events import Token
    from propylon.runlog.sqlite import SqliteRunLog

    async def main():
        log = SqliteRunLog.open(Path(sys.argv[1]))
        log.begin("r")
        reader = await log.follow("r", 0)
        n = 0
        while True:
            await log.append("r", [Token(text=str(n := n + 1)) for _ in range(7)])
            for record in await reader.next(1):
                sys.stdout.write(f"{record.seq}\\n")
            sys.stdout.flush()

    asyncio.run(main())
"""


async def test_what_a_viewer_saw_is_in_the_log_after_kill_9(tmp_path: Path) -> None:
    for number in range(5):
        path = tmp_path / f"{number}.db"
        child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(KILLED), str(path)], stdout=subprocess.PIPE)
        assert child.stdout is not None
        seen = [child.stdout.readline() for _ in range(200 + 137 * number)]
        os.kill(child.pid, signal.SIGKILL)
        rest = child.stdout.read().split(b"\n")[:-1]
        child.stdout.close()
        child.wait()
        last = int((rest or seen)[-1])
        log = SqliteRunLog.open(path)
        numbers: list[int] = []
        while records := await log.read("r", numbers[-1] if numbers else 0):
            numbers += [record.seq for record in records]
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) >= last
        await log.close()
