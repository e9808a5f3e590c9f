"""Which back end, where, with which key, and what may be said of it."""

from __future__ import annotations

import os
import threading
from dataclasses import asdict
from pathlib import Path

import pytest

from propylon.runtimes.gateway.choice import BadAddress, backend, base_url, checked, loopback, status
from propylon.runtimes.gateway.configuration import Configurations
from propylon.runtimes.gateway.runtime import Given
from propylon.settings import Settings

GATEWAY = {"webui_chat_backend": "gateway"}


def test_a1_the_environment_beats_the_configuration() -> None:
    assert backend("gateway", {}) == "gateway"
    assert backend(None, GATEWAY) == backend("", GATEWAY) == "gateway"
    assert backend("legacy", GATEWAY) == "legacy"
    assert backend(None, {}) == "legacy"


@pytest.mark.parametrize("word", ["gateway", "api_server", "api-server", " Gateway\n", "API_SERVER"])
def test_a2_three_words_mean_the_gateway(word: str) -> None:
    assert backend(word, {}) == backend(None, {"webui_chat_backend": word}) == "gateway"


@pytest.mark.parametrize("word", ["1", "true", "yes", "on", "gateways", "hermes", 1, True, ["gateway"]])
def test_a2_nothing_else_does(word: object) -> None:
    assert backend(None, {"webui_chat_backend": word}) == "legacy"
    if isinstance(word, str):
        assert backend(word, {}) == "legacy"


@pytest.mark.parametrize("word", ["nonsense", " ", "\t"])
def test_a3_an_unknown_word_still_masks_the_configuration(word: str) -> None:
    assert backend(word, GATEWAY) == "legacy"


def test_a3_a_blank_word_reaches_us_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HERMES_WEBUI_CHAT_BACKEND", " ")
    assert Settings.load().chat_backend == " "


@pytest.mark.parametrize("config", [None, [], "gateway", 7])
def test_a4_a_configuration_that_is_no_mapping_is_empty(config: object) -> None:
    assert backend(None, config) == "legacy"
    assert base_url(None, config) == "http://127.0.0.1:8642"


def test_a4_the_file_is_read_when_asked_and_again_only_when_it_changed(tmp_path: Path) -> None:
    found = Configurations(lambda profile: tmp_path / profile)
    assert found.of("missing") == {}
    path = tmp_path / "one" / "config.yaml"
    path.parent.mkdir()
    path.write_text("webui_chat_backend: gateway\n")
    assert found.of("one")["webui_chat_backend"] == "gateway"
    assert found.of("one") is found.of("one")
    path.write_text("webui_chat_backend: legacy\n")
    os.utime(path, ns=(1, 1))
    assert found.of("one")["webui_chat_backend"] == "legacy"
    for broken in ("- a list\n", "{ not yaml", "\x00"):
        path.write_text(broken)
        assert found.of("one") == {}


def test_a4_any_thread_may_ask(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("webui_chat_backend: gateway\n")
    found, seen = Configurations(lambda profile: tmp_path), []
    threads = [threading.Thread(target=lambda: seen.append(found.of("default")["webui_chat_backend"])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == ["gateway"] * 8


@pytest.mark.parametrize(
    ("given", "config", "found"),
    [
        ("http://a:1/", {"webui_gateway_base_url": "http://b"}, "http://a:1"),
        (None, {"webui_gateway_base_url": " http://b/x// "}, "http://b/x"),
        ("///", {"webui_gateway_base_url": "http://b"}, "http://127.0.0.1:8642"),
        (None, {"webui_gateway_base_url": 5}, "http://127.0.0.1:8642"),
        (None, {}, "http://127.0.0.1:8642"),
    ],
)
def test_a5_the_base_url(given: str | None, config: dict[str, object], found: str) -> None:
    assert base_url(given, config) == found


def test_a6_the_key_comes_from_the_environment_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HERMES_WEBUI_GATEWAY_API_KEY", "API_SERVER_KEY"):
        monkeypatch.delenv(name, raising=False)
    assert Settings.load().gateway_key == ""
    monkeypatch.setenv("API_SERVER_KEY", "theirs")
    assert Settings.load().gateway_key == "theirs"
    monkeypatch.setenv("HERMES_WEBUI_GATEWAY_API_KEY", "ours")
    assert Settings.load().gateway_key == "ours"
    assert "ours" not in repr(Settings.load()) and "theirs" not in repr(Settings.load())
    assert "ours" not in repr(Given(key="ours"))


def test_a7_the_public_status_has_presences_only() -> None:
    found = asdict(status("gateway", "http://secret-host:1", "the-key", {}))
    assert found == {"enabled": True, "backend": "gateway", "base_url_configured": True, "api_key_configured": True}
    found = asdict(status(None, None, "", {}))
    assert found == {"enabled": False, "backend": "legacy", "base_url_configured": False, "api_key_configured": False}
    assert status(None, "//", "", {}).base_url_configured is False
    assert status(None, None, "", {"webui_gateway_base_url": "http://b"}).base_url_configured is True


@pytest.mark.parametrize(
    "url",
    ["https://far.example", "https://far.example:8/p", "http://127.0.0.1:8642", "http://localhost:1", "http://[::1]:1", "http://127.9.9.9"],
)
def test_addresses_that_are_safe(url: str) -> None:
    assert checked(url, allow_plain_http=False) == url


@pytest.mark.parametrize(
    "url", ["http://far.example", "http://10.0.0.1", "http://localhost.evil.example", "http://127.0.0.1.nip.io", "http://0.0.0.0"]
)
def test_plain_http_to_another_machine_must_be_allowed(url: str) -> None:
    with pytest.raises(BadAddress):
        checked(url, allow_plain_http=False)
    assert checked(url, allow_plain_http=True) == url


@pytest.mark.parametrize(
    "url", ["ftp://x", "x", "http://", "http://user:hunter2@127.0.0.1", "http://127.0.0.1/?a=b", "http://127.0.0.1:99999", "http://[::1"]
)
def test_what_is_no_address_of_a_gateway(url: str) -> None:
    with pytest.raises(BadAddress) as caught:
        checked(url, allow_plain_http=True)
    assert "hunter2" not in str(caught.value)


def test_loopback_is_told_by_the_number() -> None:
    assert loopback("127.0.0.5") and loopback("::1") and not loopback("::ffff:8.8.8.8") and not loopback("local")
