"""No frame of the real agent's text ends inside a secret, and all of the text arrives."""

from __future__ import annotations

import pytest
from agent_rig import Template, script

from propylon.redaction import masked

SECRETS = (
    "My key is sk-fake0123456789abcdefgh , the header Authorization: Bearer fake1fake1fake1fake1 and the file API_KEY=fake1fake\n"
    "-----BEGIN FAKE PRIVATE KEY-----\nTUlJ QkZB\nS0U=\n-----END FAKE PRIVATE KEY-----\nIt's all there is."
)


@pytest.mark.parametrize("delay", [0, 0.02])
def test_r11_frames_mask_by_themselves_as_the_whole_text(template: Template, delay: float) -> None:
    server = template.fork().attach()
    steps = script({"text": SECRETS, "reason": SECRETS, "delay": delay, "tools": [["terminal", {"command": "true"}]]}, {"text": "sk-fake"})
    assert server.turn("r1", steps)["outcome"] == "completed"
    kinds = [frame["k"] for frame in server.frames]
    before = server.frames[: kinds.index("tool")]
    for kind in ("text", "reason"):
        said = [frame for frame in before if frame["k"] == kind]
        assert "".join(frame["t"] for frame in said).strip() == SECRETS
        assert "".join(masked(frame["t"], frame.get("lead", "")) for frame in said).strip() == masked(SECRETS)
    if delay:
        assert kinds[: kinds.index("tool")].count("text") > 10, "words go out as they come"
    assert server.text("r1").strip().endswith("sk-fake"), "what is held goes out at the end"
    assert not server.of("r1", "answer")
