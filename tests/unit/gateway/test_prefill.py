"""Context from a script or a file: never required, never shown."""

from __future__ import annotations

import json
import stat
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil
import pytest

from propylon.runtimes.base import Context, RunInput
from propylon.runtimes.gateway.prefill import BUDGET, RETRIEVAL, Sources, build, messages_of, sources
from propylon.runtimes.gateway.surroundings import STATE, home_channels, read_state, told

PATH = {"PATH": "/usr/bin:/bin"}
LISTED = [{"role": "user", "content": "the confidential note"}, {"role": "assistant", "content": "understood"}]


def program(folder: Path, body: str) -> str:
    path = folder / "prefill.py"
    path.write_text(f"#!{sys.executable}\n{body}\n")
    path.chmod(stat.S_IRWXU)
    return str(path)


def file_of(folder: Path, value: Any, name: str = "prefill.json") -> str:
    (folder / name).write_text(value if isinstance(value, str) else json.dumps(value))
    return name


async def built(folder: Path, **fields: Any) -> Any:
    return await build(Sources(base=folder, environment=PATH, **fields))


async def test_a34_a_script_comes_before_a_file(tmp_path: Path) -> None:
    script = program(tmp_path, f"print({json.dumps(json.dumps(LISTED))})")
    found = await built(tmp_path, script=script, file=file_of(tmp_path, [{"role": "user", "content": "from the file"}]))
    assert list(found.messages) == LISTED
    assert (found.status.status, found.status.source, found.status.label, found.status.message_count) == (
        "loaded",
        "script",
        "prefill.py",
        2,
    )


async def test_a34_a_failing_script_falls_back_to_the_file(tmp_path: Path) -> None:
    script = program(tmp_path, "import sys; sys.exit(3)")
    found = await built(tmp_path, script=script, file=file_of(tmp_path, LISTED))
    assert list(found.messages) == LISTED
    assert (found.status.status, found.status.source) == ("file_fallback", "file") and "code 3" in found.status.error


def test_a34_the_environment_comes_before_the_configuration(tmp_path: Path) -> None:
    config = {
        "webui_prefill_messages_script": "theirs",
        "prefill_messages_file": "their.json",
        "webui_prefill_messages_script_timeout": 99,
        "webui_prefill_context_max_chars": "5",
    }
    found = sources({}, config, tmp_path, {})
    assert (found.script, found.file, found.timeout_s, found.budget) == ("theirs", "their.json", 30.0, 5)
    found = sources({"script": "ours", "file": "our.json", "timeout_s": 0.0, "budget": 10**9}, config, tmp_path, {})
    assert (found.script, found.file, found.timeout_s, found.budget) == ("ours", "our.json", 0.1, 262_144)
    found = sources({"script": None}, {"webui_prefill_messages_script": ["x"], "webui_prefill_context_max_chars": "x"}, tmp_path, {})
    assert (found.script, found.timeout_s, found.budget) == ("", 5.0, 0)
    assert sources({}, {}, tmp_path, {}).budget == BUDGET


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (json.dumps(LISTED), LISTED),
        (json.dumps({"messages": LISTED}), LISTED),
        ("plain words\nof a script", [{"role": "user", "content": "plain words\nof a script"}]),
        ("42", [{"role": "user", "content": "42"}]),
        (json.dumps([{"role": "odd", "content": "x"}, {"role": "user", "content": 5}, None, LISTED[0]]), [LISTED[0]]),
        ("", []),
        ("[]", []),
    ],
)
def test_a35_accepted_shapes(data: str, found: list[dict[str, str]]) -> None:
    assert list(messages_of(data.encode(), plain=True)) == found


async def test_a35_a_script_that_takes_too_long_is_ended_with_all_it_started(tmp_path: Path) -> None:
    script = program(tmp_path, "import subprocess; subprocess.run(['sleep', '31.41'])")
    began = time.monotonic()
    found = await built(tmp_path, script=script, timeout_s=0.5)
    assert time.monotonic() - began < 5 and found.messages == () and "longer than 0.5 s" in found.status.error
    assert not [one for one in psutil.process_iter(["cmdline"]) if one.info["cmdline"] == ["sleep", "31.41"]]


async def test_a35_a_script_that_says_too_much_is_ended(tmp_path: Path) -> None:
    found = await built(tmp_path, script=program(tmp_path, "while True: print('x' * 65536)"))
    assert found.status.status == "error" and "262144 bytes" in found.status.error


async def test_a36_over_budget_the_compact_file_or_a_hint(tmp_path: Path) -> None:
    file, compact = file_of(tmp_path, LISTED), file_of(tmp_path, "short", "compact.txt")
    found = await built(tmp_path, file=file, compact_file=compact, budget=10)
    assert found.messages == ({"role": "user", "content": "short"},)
    assert (found.status.status, found.status.compacted, found.status.original_chars) == ("budget_compacted", True, 31)
    for fields in ({}, {"compact_file": "missing"}, {"compact_file": file}):
        found = await built(tmp_path, file=file, budget=20, **fields)
        assert found.messages == ({"role": "system", "content": RETRIEVAL[:20]},) and found.status.status == "budget_compacted"
    assert (await built(tmp_path, file=file, budget=31)).status.status == "loaded"
    found = await built(tmp_path, file=file, budget=0)
    assert found.messages == () and found.status.status == "disabled"


async def test_a37_the_status_never_holds_the_messages_or_a_secret(tmp_path: Path) -> None:
    for fields in (
        {"file": file_of(tmp_path, LISTED)},
        {"file": file_of(tmp_path, LISTED), "budget": 5},
        {"script": program(tmp_path, "print('the confidential note')")},
        {"script": program(tmp_path, "import sys; print('the confidential note'); sys.exit(1)")},
        {"script": "nowhere --key=sk-abcdefghijklmnopqrst"},
    ):
        shown = json.dumps(asdict((await built(tmp_path, **fields)).status))
        assert "confidential" not in shown and "sk-abcdefgh" not in shown
    assert set(asdict((await built(tmp_path)).status)) == {
        "status", "source", "label", "message_count", "error", "compacted", "original_chars", "budget_chars",
    }  # fmt: skip


@pytest.mark.parametrize("value", ["{broken", '{"a": 1', '["x"]', "\x00\xff"])
async def test_a39_what_cannot_be_read_means_none(tmp_path: Path, value: str) -> None:
    found = await built(tmp_path, file=file_of(tmp_path, value))
    assert found.messages == () and found.status.status in ("error", "none")
    assert (await built(tmp_path, file="missing.json")).status.status == "error"
    assert (await built(tmp_path, script="'unclosed")).status.status == "error"


def run_input(workspace: Path) -> RunInput:
    async def load() -> list[dict[str, Any]]:
        return []

    return RunInput(
        run="r", session="s", branch="s", profile="work", workspace=workspace, model="", provider="", text="", note="",
        context=Context(base=None, load=load),
    )  # fmt: skip


def test_a38_what_the_agent_is_told_of_its_surroundings(tmp_path: Path) -> None:
    (tmp_path / STATE).write_text(json.dumps({"platforms": {"telegram": {"state": "connected"}, "slack": {"state": "failed"}, "x": 5}}))
    config = {"platforms": {"telegram": {"home_channel": {"name": "family", "chat_id": 1}}, "slack": {"home_channel": "ops"}, "y": None}}
    found = told(run_input(tmp_path), config, read_state(tmp_path))
    assert "Source: WebUI" in found and "Profile: work" in found and str(tmp_path) in found
    assert "Connected platforms: telegram" in found
    assert "Home channel of telegram: family" in found and "Home channel of slack: ops" in found
    assert "delivered to: this conversation, telegram (family)" in found


@pytest.mark.parametrize("state", ["", "{broken", "[]", '{"platforms": 5}'])
def test_a38_a_state_that_says_nothing(tmp_path: Path, state: str) -> None:
    (tmp_path / STATE).write_text(state)
    assert "none known" in told(run_input(tmp_path), {"platforms": []}, read_state(tmp_path))
    assert read_state(tmp_path / "nowhere") == {} and home_channels({}) == []
