"""Many turns in one worker."""

from __future__ import annotations

import json
import time
from pathlib import Path

from agent_rig import Template, Worker, script

TURNS = 100
WARM = 20
"""Turns after which everything has been used once."""
SLACK = 12 * 1024 * 1024
"""Bytes that allocators, caches, the agent's own database, and pages shared with the template until they are first written to may take
between turn 20 and turn 100; less than 0.15 MiB a turn. Usual are 1 to 3 MiB in all."""
COPIES = 8
"""How often the agent, its compressor, its database and this worker may hold the text of the conversation."""


def own_memory(worker: Worker) -> int:
    """Private bytes of the worker, as it measures itself."""
    text = Path(f"/proc/{worker.pid}/smaps_rollup").read_text()
    return 1024 * sum(int(line.split()[1]) for line in text.splitlines() if line.startswith(("Private_Clean", "Private_Dirty")))


def at_rest(worker: Worker) -> int:
    """The least that it holds in the time after a turn, in which it gives back what it does not use."""
    until = time.monotonic() + 3
    least = own_memory(worker)
    while time.monotonic() < until:
        time.sleep(0.1)
        least = min(least, own_memory(worker))
    return least


def test_i8_a_hundred_turns_with_flat_memory(template: Template) -> None:
    worker = template.fork()
    server = worker.attach()
    sizes: list[int] = []
    history = 0
    for number in range(TURNS):
        base = f"r{number - 1}" if number else None
        steps = [{"tools": [["read_file", {"path": "notes.txt"}]]}] if number % 4 == 0 else []
        (worker.workspace / "notes.txt").write_text(f"note {number}\n" * 20)
        end = server.turn(f"r{number}", script(*steps, {"text": f"answer {number} " * 20}), base=base)
        assert end["outcome"] == "completed" and end["context"]["keep"] == sum(sizes)
        sizes.append(len(end["context"]["rows"]))
        if number >= WARM:
            history += len(json.dumps(end["context"]["rows"]))
        if number == WARM - 1:
            before = at_rest(worker)
        server.frames.clear()
    allowed = SLACK + COPIES * history
    for _ in range(5):
        if (grown := at_rest(worker) - before) < allowed:
            return
    raise AssertionError(f"{grown} bytes, of which {history} are told by the history")
