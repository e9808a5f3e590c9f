"""Every way a provider can fail, with the real agent: each is told by its kind, keeps what was shown, and leaves the session usable."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import httpx2

from support.process import ServerProcess, script, write_config
from support.serving import Frame, collected, new_session, rows, send, text_of

WORDS = "one two three four five six seven eight"

PROVOKED: dict[str, tuple[dict[str, Any], str]] = {
    "401": ({"error": [401, {"message": "no such key", "type": "invalid_request_error"}]}, "auth"),
    "402": ({"error": [402, {"message": "no credit left", "type": "insufficient_quota"}]}, "payment"),
    "404": ({"error": [404, {"message": "no such model", "type": "invalid_request_error"}]}, "not_found"),
    "429": ({"error": [429, {"message": "slow down", "type": "rate_limit_error"}, {"Retry-After": "1"}]}, "rate_limit"),
    "500": ({"error": [500, {"message": "oh no", "type": "server_error"}]}, "server_error"),
    "empty": ({"empty": True}, "no_response"),
    "length": ({"text": WORDS, "finish": "length"}, "truncated"),
    "drop": ({"text": WORDS, "drop": 5}, "truncated"),
    "filter": ({"empty": True, "finish": "content_filter"}, "content_policy"),
    "overflow": (
        {"error": [400, {"message": "This model's maximum context length is 4096 tokens.", "code": "context_length_exceeded"}]},
        "context_overflow",
    ),
}


async def failed(client: httpx2.AsyncClient, text: str, **where: Any) -> tuple[str, list[Frame]]:
    session = await new_session(client, **where)
    return session, await collected(client, await send(client, session, text), after_seq=0)


def kind_of(found: list[Frame]) -> str:
    assert [frame.event for frame in found].count("apperror") == 1 and found[-1].event == "apperror", found[-1]
    data = found[-1].data
    assert data["label"] and data["message"] and data["hint"]
    return str(data["type"])


async def test_b33_b45_every_failure_of_a_provider_is_told_by_its_kind(server: ServerProcess, model: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
    write_config(server.home / "profiles" / "dead", dead)
    async with server.client() as client:
        client.timeout = httpx2.Timeout(120)
        names = [*PROVOKED, "refused"]
        outcomes = await asyncio.gather(
            *(failed(client, script(PROVOKED[name][0])) for name in PROVOKED), failed(client, script({"text": "x"}), profile="dead")
        )
        told = {name: kind_of(found) for name, (_, found) in zip(names, outcomes, strict=True)}
        assert told == {name: kind for name, (_, kind) in PROVOKED.items()} | {"refused": "connection"}
        for name, (session, found) in zip(names, outcomes, strict=True):
            stored = await rows(client, session)
            assert stored[-1]["_error"] and stored[-1]["error"]["type"] == told[name]
            if name in ("length", "drop"):
                assert text_of(found).startswith("one two three") and stored[1]["content"].startswith("one two three")
            if name != "refused":
                again = await collected(client, await send(client, session, script({"text": "better now"})), after_seq=0)
                assert text_of(again) == "better now", name


async def test_d_s12_words_of_an_answer_never_make_it_a_failure(server: ServerProcess) -> None:
    answer = "HTTP 401 means AuthenticationError: invalid api key; HTTP 429 is a rate limit."
    async with server.client() as client:
        session, found = await failed(client, script({"text": answer}))
        assert found[-1].event == "stream_end" and text_of(found) == answer
        assert not any(row.get("_error") for row in await rows(client, session))


async def test_d_s12_an_earlier_answer_does_not_hide_a_failed_turn(server: ServerProcess) -> None:
    async with server.client() as client:
        session, _ = await failed(client, script({"text": "an answer"}))
        found = await collected(client, await send(client, session, script({"empty": True})), after_seq=0)
        assert kind_of(found) == "no_response"


async def test_retries_are_shown_while_they_happen(server: ServerProcess) -> None:
    """The agent keeps its notices back until the turn has failed; the person sees each at once, and once."""
    async with server.client() as client:
        step = {"error": [429, {"message": "slow down", "type": "rate_limit_error"}, {"Retry-After": "1"}]}
        _, found = await failed(client, script(step))
        notices = [frame for frame in found if frame.event == "status"]
        assert notices, [frame.event for frame in found]
        assert len({frame.data["text"] for frame in notices}) == len(notices)
