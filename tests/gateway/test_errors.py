"""How a gateway can fail a turn, and what a person is told of it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from propylon.events import ContextStatus, Token, ToolStarted
from propylon.runtimes.gateway.faults import MISSING_KEY, REFUSED_KEY
from support.gateway import KEY, ScriptedGateway, Writer
from support.gateway_process import GatewayProcess, free_port
from support.gateway_rig import Rig, rig
from support.process import script

SECRET = "sk-abcdefghijklmnopqrstuvwxyz"


async def failure_of(gateway: ScriptedGateway, made: Rig, status: int, body: bytes) -> Any:
    gateway.refuse["/v1/chat"] = gateway.refuse["/v1/runs"] = (status, body)
    found = (await made.say("hello")).failure
    assert found is not None
    return found


@pytest.mark.parametrize("status", [401, 403])
async def test_a9_a15_the_key_is_refused(gateway: ScriptedGateway, either: Rig, status: int) -> None:
    found = await failure_of(gateway, either, status, b'{"error": {"message": "Invalid API key"}}')
    assert (found.kind, found.hint) == ("gateway_auth_error", REFUSED_KEY)
    assert str(status) in found.message and "HERMES_WEBUI_GATEWAY_API_KEY" in found.hint


@pytest.mark.parametrize("status", [401, 403])
async def test_a9_a15_there_is_no_key(tmp_path: Path, gateway: ScriptedGateway, status: int) -> None:
    gateway.key = ""
    async with rig(tmp_path, gateway.base, "", use_runs=False) as made:
        found = await failure_of(gateway, made, status, b"")
        assert (found.kind, found.hint) == ("gateway_auth_error", MISSING_KEY)


@pytest.mark.parametrize("key", ["", "the-wrong-key"])
@pytest.mark.parametrize("use_runs", [None, False])
async def test_a9_a15_with_both_gateways(
    tmp_path: Path, anywhere: ScriptedGateway | GatewayProcess, key: str, use_runs: bool | None
) -> None:
    async with rig(tmp_path, anywhere.base, key, use_runs=use_runs) as made:
        found = (await made.say("hello")).failure
        assert found is not None and found.kind == "gateway_auth_error"
        assert found.hint == (REFUSED_KEY if key else MISSING_KEY)


@pytest.mark.parametrize("status", [302, 400, 413, 429, 500, 503])
async def test_a10_a_status_and_what_the_gateway_says_of_it(gateway: ScriptedGateway, either: Rig, status: int) -> None:
    found = await failure_of(gateway, either, status, b"  the disk is full  ")
    assert (found.kind, found.message, found.hint) == ("gateway_http_error", f"Gateway returned HTTP {status}.", "the disk is full")


async def test_a10_without_a_body_there_is_a_hint_of_ours(gateway: ScriptedGateway, chat: Rig) -> None:
    found = await failure_of(gateway, chat, 500, b"")
    assert found.kind == "gateway_http_error" and found.hint


async def test_a10_a11_secrets_are_masked_before_the_body_is_cut(gateway: ScriptedGateway, chat: Rig) -> None:
    found = await failure_of(gateway, chat, 500, b"x" * 485 + f" {SECRET} {KEY}".encode() + b"y" * 3000)
    assert len(found.hint) <= 500 and SECRET[:10] not in found.hint and KEY[:8] not in found.hint
    found = await failure_of(gateway, chat, 500, b"caf\xc3\xa9 \xff" + KEY.encode())
    assert found.hint == "café \ufffd***"


async def test_a11_no_more_than_2048_bytes_are_read(gateway: ScriptedGateway, chat: Rig) -> None:
    found = await failure_of(gateway, chat, 500, b" " * 2048 + b"never seen")
    assert "never" not in found.hint


async def test_a12_a_stream_without_words(gateway: ScriptedGateway, chat: Rig) -> None:
    gateway.chat = [b"data: [DONE]\n\n"]
    found = (await chat.say("hello")).failure
    assert found is not None and found.kind == "gateway_empty_response"
    gateway.chat = [b": nothing at all\n\n"]
    found = (await chat.say("hello")).failure
    assert found is not None and found.kind == "gateway_empty_response"


@pytest.mark.parametrize("use_runs", [None, True, False])
async def test_a13_nobody_listens(tmp_path: Path, use_runs: bool | None) -> None:
    async with rig(tmp_path, f"http://127.0.0.1:{free_port()}", KEY, use_runs=use_runs) as made:
        played = await made.say("hello")
        assert isinstance(played.events[0], ContextStatus)
        assert played.failure is not None and played.failure.kind == "gateway_error" and len(played.failure.message) <= 500


async def test_a13_a_name_that_is_none(tmp_path: Path) -> None:
    async with rig(tmp_path, "https://gateway.invalid", KEY) as made:
        found = (await made.say("hello")).failure
        assert found is not None and found.kind == "gateway_error"


async def test_a13_the_connection_breaks_in_the_middle(gateway: ScriptedGateway, chat: Rig) -> None:
    async def drop(out: Writer) -> None:
        await out.delta("half an ")
        await out.delta("answer")
        await asyncio.sleep(0.05)
        out.raw.transport.abort()

    gateway.chat = [drop]
    found = await chat.say("hello")
    assert found.text == "half an answer"
    assert found.failure is not None and found.failure.kind == "gateway_error"


async def test_a13_a31_a_gateway_that_falls_silent_is_given_up(
    gateway: ScriptedGateway, chat: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat.runtime._client._http.timeout = 0.2  # type: ignore[assignment]

    async def hang(out: Writer) -> None:
        await out.delta("a word")
        await asyncio.sleep(5)

    gateway.chat = [hang]
    found = await chat.say("hello")
    assert found.text == "a word" and found.failure is not None and found.failure.kind == "gateway_error"


async def test_a13_a_body_that_is_no_http(tmp_path: Path) -> None:
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH\r\n")
        writer.close()

    server = await asyncio.start_server(nonsense, "127.0.0.1", 0)
    async with server, rig(tmp_path, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", KEY) as made:
        found = (await made.say("hello")).failure
        assert found is not None and found.kind == "gateway_error"


@pytest.mark.parametrize("base", ["http://gateway.example", "ftp://127.0.0.1", "http://u:hunter2@127.0.0.1"])
async def test_an_address_that_nothing_may_be_sent_to(tmp_path: Path, base: str) -> None:
    async with rig(tmp_path, base, KEY) as made:
        found = (await made.say("hello")).failure
        assert found is not None and found.kind == "gateway_error"
        assert "HERMES_WEBUI_GATEWAY_ALLOW_PLAIN_HTTP" in found.hint and "hunter2" not in found.message


async def test_redirects_are_not_followed(gateway: ScriptedGateway, chat: Rig) -> None:
    async with asyncio.timeout(5):
        found = await failure_of(gateway, chat, 307, b"")
    assert found.kind == "gateway_http_error" and len(gateway.asked("/v1/chat/completions")) == 1


async def test_proxies_of_the_environment_are_not_used(gateway: ScriptedGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with rig(tmp_path, gateway.base, gateway.key) as made:
        assert (await made.say("hello")).text == "ok"


async def test_a_runs_api_that_is_not_there_after_all(gateway: ScriptedGateway, runs: Rig) -> None:
    gateway.refuse["/v1/runs"] = (404, b"404: Not Found")
    found = await runs.say(script({"text": "over chat"}))
    assert found.text == "over chat" and found.end is not None and found.end.outcome == "completed"


async def test_a_failed_turn_keeps_what_was_shown(gateway: ScriptedGateway, chat: Rig) -> None:
    async def fail(out: Writer) -> None:
        await out.event({"tool": "terminal", "toolCallId": "1", "status": "running"}, "hermes.tool.progress")
        await out.delta("some")
        await out.finish("error", error={"message": f"provider said {SECRET}"})

    gateway.chat = [fail]
    found = await chat.say("hello")
    assert [type(event) for event in found.events[2:]] == [ToolStarted, Token]
    assert found.failure is not None and found.failure.kind == "error" and SECRET not in found.failure.details


async def test_a_provider_that_fails_behind_both_gateways(tmp_path: Path, real_gateway: GatewayProcess) -> None:
    for use_runs in (None, False):
        async with rig(tmp_path, real_gateway.base, real_gateway.key, use_runs=use_runs) as made:
            found = await made.say(script({"error": [401, {"message": "no such key", "type": "invalid_request_error"}]}))
            assert found.failure is not None and found.failure.kind == "error", found
            assert "401" in found.failure.details


async def test_nothing_that_was_said_or_is_secret_is_kept_in_notes_or_logs(
    gateway: ScriptedGateway, runs: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    turn = asyncio.create_task(runs.say(script({"text": "confidential " * 50, "delay": 0.02})))
    await asyncio.sleep(0.3)
    written = [path for path in (runs.folder / "notes").rglob("*") if path.is_file()]
    assert written and all(path.stat().st_mode & 0o777 == 0o600 for path in written)
    assert (runs.folder / "notes").stat().st_mode & 0o777 == 0o700
    for path in written:
        assert KEY not in path.read_text() and "confidential" not in path.read_text()
    turn.cancel()
    await asyncio.wait({turn})
    assert KEY not in caplog.text
