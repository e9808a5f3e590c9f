from __future__ import annotations

import socket
import sqlite3
import sys
import threading
from pathlib import Path

import pytest

from propylon.runtimes.hermes.worker import template

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forking is for Linux")


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> dict[int, str]:
    """What is open now; threads other tests left do not count, and nothing is waited for long."""
    monkeypatch.setattr(template, "SETTLE_S", 0.05)
    others = template.threads() - 1
    real = template.threads
    monkeypatch.setattr(template, "threads", lambda: real() - others)
    return template.open_files()


def test_nothing_in_the_way(quiet: dict[int, str]) -> None:
    assert template.unsafe(quiet) == ""


def test_a_thread_is_in_the_way(quiet: dict[int, str]) -> None:
    over = threading.Event()
    thread = threading.Thread(target=over.wait, name="lingering")
    thread.start()
    assert "lingering" in template.unsafe(quiet)
    over.set()
    thread.join()


def test_a_socket_is_in_the_way(quiet: dict[int, str]) -> None:
    with socket.socket():
        assert "socket" in template.unsafe(quiet)
    assert template.unsafe(quiet) == ""


def test_a_database_is_in_the_way(quiet: dict[int, str], tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "state.db")
    database.execute("create table t (x)")
    assert "state.db" in template.unsafe(quiet)
    database.close()


def test_another_system(quiet: dict[int, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template.sys, "platform", "darwin")
    assert "darwin" in template.unsafe(quiet)
