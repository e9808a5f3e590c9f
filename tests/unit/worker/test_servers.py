from __future__ import annotations

import threading
from typing import Any

import pytest

from propylon.runtimes.hermes.worker.servers import Servers, stated

GOOD = {"name": "good", "transport": "stdio", "tools": 2, "status": "connected", "connected": True}
BAD = {"name": "bad", "transport": "http", "tools": 0, "status": "failed", "error": "refused"}


@pytest.mark.parametrize(
    ("server", "over", "wanted"),
    [
        (GOOD, False, ("connected", 2, "")),
        (BAD, True, ("failed", 0, "refused")),
        ({"name": "x", "status": "configured"}, False, ("connecting", 0, "")),
        ({"name": "x", "status": "connecting"}, True, ("connecting", 0, "")),
        ({"name": "x", "status": "disabled"}, True, ("disabled", 0, "")),
        ({}, False, ("connecting", 0, "")),
    ],
)
def test_stated(server: dict[str, Any], over: bool, wanted: tuple[str, int, str]) -> None:
    found = stated(server, over=over)
    assert (found["status"], found["tools"], found["error"]) == wanted
    assert found.keys() == {"name", "transport", "status", "tools", "error"}


def test_one_that_was_never_connected_has_failed() -> None:
    found = stated({"name": "x", "status": "configured"}, over=True)
    assert found["status"] == "failed" and "mcp" in found["error"]


def test_a_run_waits_a_while_and_is_told_for_whom() -> None:
    come = threading.Event()
    known: list[dict[str, Any]] = [BAD | {"status": "connecting"}]
    servers = Servers(lambda: bool(come.wait(10)) and None, lambda: known)
    told: list[str] = []
    assert servers.wait(5, told.append, lambda: False) < 1 and told == [], "nothing was begun"
    servers.start()
    assert servers.wait(5, told.append, lambda: True) < 1 and told == [], "whoever stops does not wait"
    assert 0.3 <= servers.wait(0.3, told.append, lambda: False) < 2
    assert told == ["Waiting for MCP servers: bad"]
    assert servers.wait(-0.1, told.append, lambda: False) < 1 and len(told) == 1
    assert servers.arrived() == frozenset() and servers.failed() == []
    known[:] = [GOOD, BAD]
    come.set()
    assert servers.arrived() == {"good"} and [server["name"] for server in servers.failed()] == ["bad"]
    assert servers.failed() == [], "told once"
    known[:] = [BAD]
    assert servers.arrived() == {"good"}, "who was there once is known"


def test_a_fault_ends_the_waiting(caplog: pytest.LogCaptureFixture) -> None:
    def connect() -> None:
        raise OSError("no servers")

    servers = Servers(connect, list)
    servers.start()
    servers.wait(5, lambda text: None, lambda: False)
    assert servers.status() == []
