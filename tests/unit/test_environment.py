"""What of the server's environment the agent gets."""

from __future__ import annotations

from pathlib import Path

from propylon.runtimes.hermes.environment import agent_environment


def test_the_agent_gets_the_persons_environment_and_a_closed_gate() -> None:
    found = agent_environment({"PATH": "/bin", "OPENAI_API_KEY": "k"}, Path("/home/me/.hermes"))
    assert (found["PATH"], found["OPENAI_API_KEY"], found["HERMES_HOME"]) == ("/bin", "k", "/home/me/.hermes")
    assert (found["HERMES_EXEC_ASK"], found["HERMES_GATEWAY_SESSION"], found["HERMES_DISABLE_LAZY_INSTALLS"]) == ("1", "1", "1")


def test_our_settings_and_secrets_and_what_would_open_the_gate_are_left_out() -> None:
    server = {
        "HERMES_WEBUI_PASSWORD": "p",
        "HERMES_WEBUI_GATEWAY_API_KEY": "k",
        "PROPYLON_X": "1",
        "API_SERVER_KEY": "k",
        "HERMES_HOME": "/another",
        "HERMES_YOLO_MODE": "1",
        "HERMES_INTERACTIVE": "1",
        "HERMES_EXEC_ASK": "0",
        "HERMES_SESSION_KEY": "somebody",
        "TERMINAL_CWD": "/",
        "PYTHONPATH": "/x",
    }
    found = agent_environment(server, Path("/h"))
    assert set(found) == {"HERMES_EXEC_ASK", "HERMES_GATEWAY_SESSION", "HERMES_DISABLE_LAZY_INSTALLS", "HERMES_HOME", "PYTHONUNBUFFERED"}
    assert (found["HERMES_EXEC_ASK"], found["HERMES_HOME"]) == ("1", "/h")


def test_the_servers_environment_is_not_touched() -> None:
    server = {"PATH": "/bin"}
    agent_environment(server, Path("/h"))
    assert server == {"PATH": "/bin"}
