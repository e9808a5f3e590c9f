"""No event of a gateway's run ends inside a secret."""

from __future__ import annotations

import asyncio

import pytest

from propylon.events import Answered, Approval, Event, Status, Token, ToolStarted
from propylon.redaction import redact
from propylon.runtimes.gateway.feed import Feed
from propylon.runtimes.gateway.withheld import Withheld

SECRET = "sk-" + "made0up0for0a0test" * 2


def texts(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Token)]


@pytest.mark.parametrize("cut", range(1, len(SECRET) + 12))
def test_wherever_it_is_cut_a_secret_leaves_whole(cut: int) -> None:
    said = f"The key is {SECRET} and more"
    held = Withheld()
    out = [*held.passed([Token(text=said[:cut])]), *held.passed([Token(text=said[cut:])]), *held.rest()]
    assert "".join(texts(out)) == said
    assert all(SECRET[:12] not in redact(text) for text in texts(out))


def test_ordinary_words_do_not_wait() -> None:
    held = Withheld()
    for word in ("The ", "quick ", "brown ", "fox."):
        assert texts(held.passed([Token(text=word)])) == [word]


def test_what_waits_goes_out_before_a_tool_and_a_question_and_not_for_a_notice() -> None:
    for other in (
        ToolStarted(tid="t", name="terminal"),
        Approval(approval_id="q", session_id="s", command="x"),
        Answered(question_id="q", by="person"),
    ):
        held = Withheld()
        assert held.passed([Token(text="look sk-")]) == [Token(text="look ")]
        assert held.passed([Status(text="still here")]) == [Status(text="still here")]
        out = held.passed([other])
        assert texts(out) == ["sk-"] and out[-1] == other


async def test_a_closed_feed_gives_what_waited() -> None:
    feed = Feed()
    feed.put([Token(text="it ends in sk-")])
    assert texts(await asyncio.wait_for(feed.take(1), 5) or []) == ["it ends in "]
    feed.close()
    assert texts(await asyncio.wait_for(feed.take(1), 5) or []) == ["sk-"]
    assert await asyncio.wait_for(feed.take(1), 5) == []
