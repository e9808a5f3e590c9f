"""The fold, held to the same files as the page's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from propylon import events
from propylon.runs import history
from propylon.runs.fold import Transcript

CONTRACTS = sorted((Path(__file__).parents[2] / "contracts" / "runs").glob("*.json"))
KINDS = {cls.kind: cls for cls in events.EVENT_TYPES}


def folded(contract: dict[str, Any]) -> list[dict[str, Any]]:
    transcript = Transcript(contract["run"])
    last = 0
    for record in contract["events"]:
        if record["seq"] <= last:
            continue
        last = record["seq"]
        if record["kind"] in KINDS:
            transcript.apply(msgspec.convert(record["data"], KINDS[record["kind"]]))
        transcript.rows()
    return transcript.rows()


@pytest.mark.parametrize("path", CONTRACTS, ids=lambda path: path.stem)
def test_contract(path: Path) -> None:
    contract = json.loads(path.read_text())
    assert folded(contract) == contract["rows"]


def test_there_are_contracts() -> None:
    assert len(CONTRACTS) >= 10


@pytest.mark.parametrize("path", CONTRACTS, ids=lambda path: path.stem)
def test_every_run_leaves_a_context_a_provider_accepts(path: Path) -> None:
    """Each call has its result, right after it and in order; nothing else bears a call id; the turn is closed."""
    context = history.from_rows("question", folded(json.loads(path.read_text())))
    assert context[0] == {"role": "user", "content": "question"}
    assert context[-1]["role"] == "assistant" and not context[-1].get("tool_calls")
    open_calls: list[str] = []
    for message in context:
        if message["role"] == "tool":
            assert message["tool_call_id"] in open_calls
            open_calls.remove(message["tool_call_id"])
        else:
            assert open_calls == []
            open_calls = [call["id"] for call in message.get("tool_calls", [])]
    assert open_calls == []
