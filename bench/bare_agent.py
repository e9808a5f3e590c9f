"""The agent without a server: threads of one warm process, each made and asked as the product makes and asks it.

A JSON line on stdin is an order: `{"sessions": [..], "text": ".."}` runs one turn in each session at once (a session that is not known is
made in its thread first); the answer is a JSON line with the wall time and, per turn, `first_ms` (making included) and `delays`.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

from propylon.runs.prompt import workspace_note
from propylon.runtimes.hermes.worker import hermes


class Bare:
    """One session's agent."""

    def __init__(self, session: str) -> None:
        self.session = session
        self._agent: Any = None
        self._history: list[dict[str, Any]] = []
        self._heard: list[tuple[int, str]] = []

    def turn(self, text: str) -> dict[str, Any]:
        from gateway.session_context import set_session_vars

        set_session_vars(platform="webui", session_key=self.session, session_id=self.session, async_delivery=False)
        self._heard = []
        began = time.monotonic_ns()
        if self._agent is None:
            self._agent = hermes.make(None, None, session=self.session, callbacks={}, session_db=hermes.database())
        self._agent.stream_delta_callback = self._hear
        self._agent.ephemeral_system_prompt = workspace_note(Path.cwd())
        result = self._agent.run_conversation(text, conversation_history=list(self._history), task_id=self.session)
        self._history = result["messages"]
        first = next(at for at, _ in self._heard)
        stamps = [(at, word) for at, piece in self._heard for word in piece.split()]
        return {
            "first_ms": (first - began) / 1e6,
            "tokens": len(stamps),
            "delays": [(at - int(word)) / 1e6 for at, word in stamps if word.isdigit()],
        }

    def _hear(self, piece: str | None) -> None:
        if piece:
            self._heard.append((time.monotonic_ns(), piece))


def main() -> None:
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    hermes.load()
    agents: dict[str, Bare] = {"warm-up": Bare("warm-up")}
    agents["warm-up"].turn("Hello")
    out.write("{}\n")
    out.flush()
    for line in sys.stdin:
        order = json.loads(line)
        out.write(json.dumps(run(agents, order["sessions"], order["text"])) + "\n")
        out.flush()


def run(agents: dict[str, Bare], sessions: list[str], text: str) -> dict[str, Any]:
    done: list[dict[str, Any]] = []
    gate = threading.Barrier(len(sessions) + 1)

    def work(bare: Bare) -> None:
        gate.wait()
        done.append(bare.turn(text))

    threads = [threading.Thread(target=work, args=(agents.setdefault(name, Bare(name)),)) for name in sessions]
    for thread in threads:
        thread.start()
    cpu = time.process_time()
    gate.wait()
    began = time.monotonic()
    for thread in threads:
        thread.join()
    return {"wall_s": time.monotonic() - began, "cpu_s": time.process_time() - cpu, "turns": done}


if __name__ == "__main__":
    main()
