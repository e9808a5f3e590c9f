from __future__ import annotations

import queue
import threading

from propylon.runtimes.hermes.worker.titles import Titles


def test_the_reply_is_the_title() -> None:
    titles = Titles()
    replies: queue.SimpleQueue[str] = queue.SimpleQueue()
    go = threading.Event()
    titles.make(lambda: "A title" if go.wait(5) else "", replies.put)
    assert titles.busy == 1
    go.set()
    assert replies.get(timeout=5) == "A title" and titles.busy == 0


def test_failure_and_slowness_give_none() -> None:
    titles = Titles()
    replies: queue.SimpleQueue[str] = queue.SimpleQueue()
    go = threading.Event()

    def fail() -> str:
        raise OSError("no model")

    titles.make(fail, replies.put)
    assert replies.get(timeout=5) == ""
    titles.make(lambda: "late" if go.wait(5) else "", replies.put, wait_s=0.01)
    assert replies.get(timeout=5) == "" and titles.busy == 0
    go.set()
