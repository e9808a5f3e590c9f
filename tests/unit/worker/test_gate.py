"""The gate against a stand-in for the agent's module; what the real agent does with it is tested in tests/agent."""

from __future__ import annotations

import contextvars
import sys
import threading
import types
from collections.abc import Iterator
from typing import Any

import pytest

from propylon.runtimes.hermes.worker import gate
from propylon.runtimes.hermes.worker.questions import Answer, Questions

REQUEST = {"command": "rm -rf x", "description": "why", "pattern_key": "delete", "pattern_keys": ["delete", "root"]}


def stand_in() -> Any:
    """A module with the shape of the agent's `tools.approval`."""
    module = types.ModuleType("tools.approval")
    exec(  # the functions must have the module as their globals, as the agent's have
        """
def env_var_enabled(name, default=""): return True
def _await_gateway_decision(session_key, notify_cb, approval_data, *, surface="gateway"): raise AssertionError("the agent's own wait")
def _get_approval_mode(): return "manual"
def _get_approval_timeout(): return 60
def _smart_approve(command, description): return "approve"
def _is_gateway_approval_context(): return env_var_enabled("HERMES_GATEWAY_SESSION")
def _is_interactive_cli(): return env_var_enabled("HERMES_INTERACTIVE")
def _fire_approval_hook(hook_name, **kwargs): hooks.append((hook_name, kwargs))
def register_gateway_notify(session_key, cb): registered[session_key] = cb
def resolve_gateway_approval(session_key, choice, resolve_all=False, reason=None): resolved.append((session_key, choice))
def load_permanent_allowlist(): _permanent_approved.update(configured)
def enable_session_yolo(session_key): yolo.add(session_key)
def disable_session_yolo(session_key): yolo.discard(session_key)
def is_interrupted(): return False
def check_all_command_guards(command): return _await_gateway_decision("s", None, command)
def check_execute_code_guard(code): return _await_gateway_decision("s", None, code)
def _run_approval_gate(): return _await_gateway_decision("s", None, {})
def request_elicitation_consent(request): return _await_gateway_decision("s", None, request, surface="mcp-elicitation")
hooks, registered, resolved, yolo = [], {}, [], set()
_YOLO_MODE_FROZEN = True
_session_approved = {"other": {"old"}, "s": {"old"}}
_permanent_approved, configured = {"taken back"}, {"kept"}
""",
        module.__dict__,
    )
    module._lock = threading.Lock()  # type: ignore[attr-defined]
    module._approval_tool_call_id = contextvars.ContextVar("call", default="c1")  # type: ignore[attr-defined]
    module._approval_turn_id = contextvars.ContextVar("turn", default="t1")  # type: ignore[attr-defined]
    return module


@pytest.fixture
def approval(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    module = stand_in()
    tools, environments, base = (types.ModuleType(name) for name in ("tools", "tools.environments", "tools.environments.base"))
    base.touch_activity_if_due = lambda state, label: None  # type: ignore[attr-defined]
    tools.approval = module  # type: ignore[attr-defined]
    for found in (module, tools, environments, base):
        monkeypatch.setitem(sys.modules, found.__name__, found)
    monkeypatch.setattr(gate, "_desk", None)
    yield module


def desk(said: list[dict[str, Any]], told: list[str] | None = None) -> gate.Desk:
    questions = Questions(said.append)
    questions.begin("r")
    return gate.Desk(questions, (told if told is not None else []).append, lambda call, turn: (f"tid-{call}", f"sub-{turn}"))


@pytest.mark.parametrize("name", [*gate._FUNCTIONS, *gate._VALUES, *gate._ASKING])
def test_another_version_of_the_agent_is_not_run(approval: Any, name: str) -> None:
    assert gate.unfit(approval) == []
    delattr(approval, name)
    with pytest.raises(RuntimeError, match=name):
        gate.close()


@pytest.mark.parametrize("name", ["_await_gateway_decision", "_smart_approve", "check_all_command_guards", "request_elicitation_consent"])
def test_nor_one_that_asks_in_another_way(approval: Any, name: str) -> None:
    setattr(approval, name, lambda something, else_: {"approved": True})
    with pytest.raises(RuntimeError, match=name):
        gate.close()


def test_the_environment_decides_nothing(approval: Any) -> None:
    gate.close()
    assert approval._is_gateway_approval_context() and not approval._is_interactive_cli() and approval._YOLO_MODE_FROZEN is False
    enabled = approval.env_var_enabled
    assert [enabled(f"HERMES_{name}") for name in ("EXEC_ASK", "GATEWAY_SESSION", "INTERACTIVE", "CRON_SESSION", "YOLO_MODE")] == [
        True,
        True,
        False,
        False,
        False,
    ]
    assert enabled("HERMES_ELSE"), "what is not about asking is the agent's"


def test_before_there_is_a_desk_everything_is_refused(approval: Any) -> None:
    gate.close()
    assert approval.check_all_command_guards(REQUEST) == {"resolved": False, "choice": None, "notify_failed": True}
    assert approval._smart_approve("rm", "why") == "escalate", "what smart mode allows must be shown"


def test_b13_what_cannot_be_told_is_refused(approval: Any) -> None:
    gate.close()

    def fail(frame: dict[str, Any]) -> None:
        raise OSError("no way to say this")

    questions = Questions(fail)
    questions.begin("r")
    gate.open_desk("s", gate.Desk(questions, fail, lambda call, turn: ("", "")))  # type: ignore[arg-type]
    assert approval.check_all_command_guards(REQUEST)["notify_failed"] is True
    assert approval._smart_approve("rm", "why") == "escalate"


def test_where_a_question_comes_from_is_not_needed_to_ask_it(approval: Any) -> None:
    gate.close()
    said: list[dict[str, Any]] = []
    here = desk(said)

    def lost(call: str, turn: str) -> tuple[str, str]:
        raise KeyError(call)

    gate.open_desk("s", gate.Desk(here.questions, here.tell, lost))
    here.questions.allow(False)
    thread = threading.Thread(target=approval.check_all_command_guards, args=[REQUEST])
    thread.start()
    while not said:
        thread.join(0.001)
    here.questions.close()
    thread.join(5)
    assert (said[0]["tid"], said[0]["sub"]) == ("", "")


def test_every_way_of_asking_comes_to_the_desk_and_the_hooks_are_fired(approval: Any) -> None:
    gate.close()
    said: list[dict[str, Any]] = []
    here = desk(said)
    gate.open_desk("s", here)
    results: list[dict[str, Any]] = []
    for ask in (approval.check_all_command_guards, approval.check_execute_code_guard, approval.request_elicitation_consent):
        thread = threading.Thread(target=lambda ask=ask: results.append(ask(REQUEST)))
        count = len(said)
        thread.start()
        while len(said) == count:
            thread.join(0.001)
        assert here.questions.answer(said[-1]["q"], choice="deny", text="", reason=" no ") == ""
        thread.join(5)
    assert results == [{"resolved": True, "choice": "deny", "reason": "no"}] * 3
    first = said[0]
    assert (first["command"], first["why"], first["keys"], first["tid"], first["sub"]) == (
        "rm -rf x",
        "why",
        ["delete", "root"],
        "tid-c1",
        "sub-t1",
    )
    assert [name for name, _ in approval.hooks] == ["pre_approval_request", "post_approval_response"] * 3
    assert approval.hooks[1][1]["choice"] == "deny" and approval.hooks[5][1]["surface"] == "mcp-elicitation"


def test_smart_mode_is_shown(approval: Any) -> None:
    gate.close()
    told: list[str] = []
    gate.open_desk("s", desk([], told))
    assert approval._smart_approve("rm -rf x", "recursive") == "approve"
    assert "rm -rf x" in told[0] and "recursive" in told[0]


def test_the_agents_own_way_to_notify_refuses(approval: Any) -> None:
    gate.close()
    gate.open_desk("s", desk([]))
    assert set(approval.registered) == {"s", "", "default"}
    approval.registered["default"](REQUEST)
    assert approval.resolved == [("default", "deny")]


def test_granted_is_exactly_what_is_given(approval: Any) -> None:
    gate.grant("s", ["a", "b"])
    assert approval._session_approved == {"s": {"a", "b"}} and approval._permanent_approved == {"kept"}
    gate.grant("s", [])
    assert approval._session_approved == {"s": set()}
    gate.set_asking_off("s", True)
    assert approval.yolo == {"s"}
    gate.set_asking_off("s", False)
    assert approval.yolo == set()


@pytest.mark.parametrize(
    ("request_", "surface", "wanted"),
    [
        ({}, "gateway", ("once", "session", "always", "deny")),
        ({"allow_permanent": True}, "gateway", ("once", "session", "always", "deny")),
        ({"allow_permanent": False}, "gateway", ("once", "session", "deny")),
        ({"allow_permanent": False, "smart_denied": True}, "gateway", ("once", "deny")),
        ({}, "mcp-elicitation", ("once", "deny")),
        ({"pattern_key": "mcp_elicitation"}, "gateway", ("once", "deny")),
    ],
)
def test_choices(request_: dict[str, Any], surface: str, wanted: tuple[str, ...]) -> None:
    assert gate.choices_of(request_, surface) == wanted


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        (Answer("person", "once"), {"resolved": True, "choice": "once", "reason": None}),
        (Answer("person", "deny", reason="no"), {"resolved": True, "choice": "deny", "reason": "no"}),
        (Answer("yolo", "once"), {"resolved": True, "choice": "once", "reason": None}),
        (Answer("timeout"), {"resolved": False, "choice": None, "reason": None}),
        (Answer("cancel"), {"resolved": True, "choice": "deny", "reason": None}),
        (Answer("cancel", "once"), {"resolved": True, "choice": "deny", "reason": None}),
        (Answer("person"), {"resolved": True, "choice": "deny", "reason": None}),
        (Answer("elsewhere", "once"), {"resolved": True, "choice": "deny", "reason": None}),
    ],
)
def test_only_a_person_allows(answer: Answer, wanted: dict[str, Any]) -> None:
    assert gate.decision_of(answer) == wanted
