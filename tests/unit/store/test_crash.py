"""A server killed at any moment leaves whole turns or none."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from propylon.store import Database, contexts, messages, runs, sessions

ROWS = 6
_CHILD = f"""
import asyncio, sys
from pathlib import Path
from propylon.store import Database, runs, sessions

def row(run, n):
    return {{"message_id": f"{{run}}.{{n}}", "role": "assistant" if n else "user", "content": "x" * 5000 * n}}

async def main():
    database = Database.open(Path(sys.argv[1]))
    first = len(await database.read(lambda c: sessions.listing(c, "p", limit=100_000).sessions))
    for n in range(first, 100_000):
        session, run = f"s{{n}}", f"r{{n}}"
        await database.write(lambda c: sessions.create(c, session, at=1.0, profile="p", workspace="/w"))
        await database.write(lambda c: runs.start_run(c, session, run, [row(run, 0)], at=1.0))
        print("started", n, flush=True)
        rest = [row(run, i) for i in range(1, {ROWS})]
        await database.write(lambda c: runs.finish_run(c, run, status="completed", rows=rest, ended_at=2.0, context=(0, rest)))
        print("finished", n, flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("round_", range(4))
async def test_killed_at_any_moment(tmp_path: Path, round_: int) -> None:
    path = tmp_path / "app.db"
    told: dict[str, set[int]] = {"started": set(), "finished": set()}
    for _ in range(2):
        child = subprocess.Popen([sys.executable, "-c", _CHILD, path], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        lines = [child.stdout.readline()]
        time.sleep(random.Random(round_).uniform(0.01, 0.3))
        child.send_signal(signal.SIGKILL)
        lines += child.communicate(timeout=30)[0].splitlines()
        for word, number in (line.split() for line in lines):
            told[word].add(int(number))
        assert child.returncode == -signal.SIGKILL

    database = Database.open(path)
    found = {session.id: session for session in (await database.read(lambda c: sessions.listing(c, "p", limit=100_000))).sessions}
    assert told["finished"] <= told["started"] <= {int(name[1:]) for name in found}
    for name, session in found.items():
        run = await database.read(lambda c, name=name: runs.get_run(c, "r" + name[1:]))
        rows = (await database.read(lambda c, name=name: messages.tail(c, name, 50))).messages
        context = await database.read(lambda c, name=name: contexts.load_context(c, "r" + name[1:]))
        state = (run.status if run else None, session.active_run, session.message_count, len(rows), len(context))
        assert state in {
            (None, None, 0, 0, 0),
            ("running", "r" + name[1:], 1, 1, 0),
            ("completed", None, ROWS, ROWS, ROWS - 1),
        }
        assert state[0] == "completed" or int(name[1:]) not in told["finished"]
    assert {run.session_id for run in await database.read(runs.active_runs)} == {name for name, s in found.items() if s.active_run}
    await database.close()
    assert [file.name for file in tmp_path.iterdir()] == ["app.db"]
