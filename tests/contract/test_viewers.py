"""Log, cursor and fold together: whatever happens to viewers, they all end with the transcript that is stored."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from propylon.events import (
    Answer,
    Cancelled,
    Compressed,
    Done,
    Event,
    Failed,
    Reasoning,
    Status,
    StreamEnd,
    Token,
    ToolFinished,
    ToolStarted,
    decode,
    encode,
    joined,
)
from propylon.runlog.base import Held, Record
from propylon.runlog.memory import MemoryRunLog
from propylon.runlog.sqlite import SqliteRunLog
from propylon.runs.fold import Row, Transcript

words = st.text(alphabet="ab \n", min_size=1, max_size=4)
tids = st.sampled_from(["t1", "t2", "t3"])
said = st.one_of(
    st.builds(Token, text=words),
    st.builds(Reasoning, text=words),
    st.builds(ToolStarted, tid=tids, name=st.just("terminal"), args=st.fixed_dictionaries({"command": words})),
    st.builds(ToolFinished, tid=tids, name=st.just("terminal"), result=words, is_error=st.booleans()),
    st.builds(Status, text=words, level=st.sampled_from(["info", "warn"])),
    st.builds(Compressed, message=words),
    st.builds(Answer, text=words),
)
ends = st.sampled_from(
    [
        [Done(session_id="s", end=9), StreamEnd(session_id="s")],
        [Cancelled(session_id="s")],
        [Failed(session_id="s", type="error", label="L", message="m")],
    ]
)


def folded(events: list[Event]) -> list[Row]:
    transcript = Transcript("r")
    for event in events:
        transcript.apply(event)
    return transcript.rows()


@dataclass
class Viewer:
    """Applies what is new to it, as the page does; forgets some of what it was told when it comes back."""

    chance: random.Random
    transcript: Transcript = field(default_factory=lambda: Transcript("r"))
    seen: int = 0

    def hear(self, records: list[Record]) -> None:
        for record in records:
            if record.seq > self.seen:
                assert record.seq == self.seen + 1
                self.seen = record.seq
                self.transcript.apply(decode(record.event.kind, encode(record.event)))

    async def watch(self, log: MemoryRunLog | SqliteRunLog) -> None:
        while True:
            reader = await log.follow("r", max(0, self.seen - self.chance.choice([0, 0, 1, 5])))
            assert reader is not None
            while not reader.ended:
                if self.chance.random() < 0.2:
                    break
                if self.chance.random() < 0.3:
                    await asyncio.sleep(0)
                self.hear(await reader.next(0.01))
            else:
                return


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(st.lists(said, min_size=1, max_size=6), max_size=12), end=ends, seed=st.integers(0, 1 << 30), disk=st.booleans())
async def test_all_viewers_end_with_the_stored_transcript(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    batches: list[list[Event]],
    end: list[Event],
    seed: int,
    disk: bool,
) -> None:
    monkeypatch.setattr("propylon.runlog.sqlite.HELD_LIVE", Held(records=8, bytes=1 << 20))
    chance = random.Random(seed)
    log = SqliteRunLog.open(tmp_path_factory.mktemp("log") / "runlog.db") if disk else MemoryRunLog()
    log.begin("r")
    viewers = [Viewer(random.Random(chance.random())) for _ in range(4)]
    watching = [asyncio.create_task(viewer.watch(log)) for viewer in viewers[:3]]
    stored = Transcript("r")
    for batch in [*batches, end]:
        events = joined(batch)
        for event in events:
            stored.apply(event)
        await log.append("r", events)
        if chance.random() < 0.3:
            await asyncio.sleep(0)
    late = asyncio.create_task(viewers[3].watch(log))
    await asyncio.gather(*watching, late)
    assert stored.rows() == folded([event for batch in [*batches, end] for event in batch])
    for viewer in viewers:
        assert viewer.transcript.rows() == stored.rows()
    await log.close()
