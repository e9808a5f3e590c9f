"""What is masked, and what is left alone."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from propylon.events import Answer, Reasoning, Token, ToolFinished, ToolStarted, joined
from propylon.redaction import HoldBack, mask, masked, named, redact, redacted, secret_name
from propylon.serving import OneLine
from propylon.web.masking import KnownSecrets, Masking, secrets_of

KINDS = {
    "sk-fake0123456789abcdefgh": "sk-fak...efgh",
    "ghp_FAKEfake0123456789": "ghp_FA...6789",
    "gho_FAKEfake": "***",
    "github_pat_11FAKE_fakefake": "github...fake",
    "AKIAFAKEFAKEFAKE1234": "AKIAFA...1234",
    "xoxb-fake-12345678": "xoxb-f...5678",
    "hf_fakefakefake": "***",
    "SG.fakefakefa.fakefakefake": "SG.fak...fake",
    "Authorization: Bearer fake.fake-123456789": "Authorization: Bearer fake.f...6789",
    "Authorization: Basic ZmFrZTpmYWtl": "Authorization: Basic ***",
    "curl -H 'bearer fake1fake1'": "curl -H 'bearer ***'",
    "export DB_PASSWORD=fakefake": "export DB_PASSWORD=***",
    "OPENAI_API_KEY='fake words'": "OPENAI_API_KEY='***'",
    "SECRET_KEY_BASE=fakefake": "SECRET_KEY_BASE=***",
    '{"client_secret": "fakefakefakefakefake"}': '{"client_secret": "fakefa...fake"}',
    '{"output": "{\\"api_key\\": \\"fakefake\\"}\\nsk-fakefake"}': '{"output": "{\\"api_key\\": \\"***\\"}\\n***"}',
    "password: fake1fake": "password: ***",
    'api_key = "fakefake"': 'api_key = "***"',
    "https://host/?access_token=fake1fake&next=1": "https://host/?access_token=***&next=1",
    "-----BEGIN A PRIVATE KEY-----\nFAKE\n-----END A PRIVATE KEY-----": "-----BEGIN A PRIVATE KEY-----***-----END A PRIVATE KEY-----",
}

ORDINARY = [
    "token: something in a sentence",
    "the secret: honesty",
    "tokens: 512, max_tokens=4096, total_tokens: 10",
    "token = next(tokens)",
    "token=sha256(text), password=password, secret=None, TOKEN=get_token()",
    "TOKEN=$(cat file) API_KEY=${KEY} API_KEY=os.environ['KEY'] PASSWORD=<yours>",
    "SSL_PRIVATE_KEY=/etc/ssl/key.pem token: https://host/1",
    "Basic authentication, a bearer of news, Bearer token",
    "risk-assessment, task-management-system, disk-encryption-2024",
    "it's so; git, github, hf_x, SG.1, sk-1, AKIA, xoxo",
    "the key: value of a keyboard, primary_key=1234567",
    "-----BEGIN CERTIFICATE-----\nTUlJ\n-----END CERTIFICATE-----",
]


@pytest.mark.parametrize(("text", "wanted"), KINDS.items())
def test_b53_every_kind_of_secret_is_masked(text: str, wanted: str) -> None:
    assert masked(text) == wanted == masked(wanted)
    assert masked(f"see ({text}) there") == f"see ({wanted}) there" or text.startswith(("-----", "{"))


@pytest.mark.parametrize("text", ORDINARY)
def test_b53_ordinary_text_is_left_alone(text: str) -> None:
    assert masked(text) is text or masked(text) == text


def test_b53_a_mask_keeps_six_and_four_of_what_is_long() -> None:
    assert (mask("a" * 17), mask("abcdef1234567890xy")) == ("***", "abcdef...90xy")


@given(st.lists(st.one_of(st.sampled_from([*KINDS, *ORDINARY]), st.text(max_size=5)), max_size=6).map(" ".join))
def test_twice_is_as_once(text: str) -> None:
    """Side by side they may not be: what follows the closing quote of a word looks like the end of `it's`."""
    assert masked(masked(text)) == masked(text)


def test_a_large_text_is_masked_as_a_small_one() -> None:
    lines = [*KINDS, *ORDINARY] * 50
    blocks = [line for line in lines if "PRIVATE KEY-----" not in line]
    assert masked("\n".join(blocks)) == "\n".join(map(masked, blocks))


def test_json_is_masked_by_its_names_and_by_looks() -> None:
    given = {"command": "echo sk-fakefakefake", "password": "x y", "list": [{"API_KEY": "fake"}], "count": 3, "tokens": "512"}
    assert redacted(given) == {"command": "echo ***", "password": "***", "list": [{"API_KEY": "***"}], "count": 3, "tokens": "512"}
    plain = {"path": "a.txt", "items": ["x", 1, None]}
    assert redacted(plain) is plain
    assert named("password", "words of one") == "***" and named("text", "words") == "words"
    assert secret_name("client_secret") and secret_name("DB_PASSWORD") and not secret_name("primary_key")


def test_what_is_known_goes_without_a_trace() -> None:
    assert redact("it is plainword", ["plainword", ""]) == "it is ***"
    assert redacted({"a": "it is plainword"}, ["plainword"]) == {"a": "it is ***"}


def test_the_secrets_of_an_env_file() -> None:
    env = "# API_KEY=commented1\nexport OPENAI_API_KEY='fakefake1'\nMODEL=some-model-name\nDB_PASSWORD=short\nSOME_TOKEN = \"fakefake2\"\n"
    assert secrets_of(env) == {"fakefake1", "fakefake2"}


def test_known_secrets_are_read_again_when_the_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("propylon.web.masking.LOOK_S", 0.0)
    known = KnownSecrets(["our-own-key", "short"], lambda: [tmp_path, tmp_path / "nothere"])
    assert known() == ("our-own-key",)
    (tmp_path / ".env").write_text("API_KEY=fakefake-value\n")
    assert known() == ("fakefake-value", "our-own-key")
    (tmp_path / ".env").unlink()
    assert known() == ("our-own-key",)


def test_events_are_masked_one_by_one() -> None:
    masking = Masking(True, lambda: ("plainword",))
    word = Token(text="word")
    assert masking.event(word) is word
    assert masking.event(Token(text="fakefake1", lead="API_KEY=")) == Token(text="***")
    assert masking.event(Reasoning(text="hf_fakefakefake")) == Reasoning(text="***")
    assert masking.event(Answer(text="sk-fakefakefake")) == Answer(text="***")
    started = ToolStarted(tid="1", name="t", args={"password": "x", "n": 1})
    assert masking.event(started) == ToolStarted(tid="1", name="t", args={"password": "***", "n": 1})
    assert masking.event(ToolFinished(tid="1", name="t", result="plainword")) == ToolFinished(tid="1", name="t", result="***")


def test_switched_off_nothing_is_masked_and_no_lead_leaves() -> None:
    off = Masking(False, lambda: ("plainword",))
    assert off.event(Token(text="fakefake1", lead="API_KEY=")) == Token(text="fakefake1")
    assert off.value({"text": "plainword sk-fakefakefake"}) == {"text": "plainword sk-fakefakefake"}


def test_pieces_made_one_are_masked_as_before() -> None:
    hold = HoldBack()
    pieces = [
        Token(text=text, lead=lead) for text, lead in (hold.feed("API_"), hold.feed("KEY="), hold.feed("fakefake"), hold.end()) if text
    ]
    assert [piece.text for piece in pieces] == ["API_", "KEY=", "fakefake"]
    masking = Masking(True)
    for merged in (joined(pieces), [*joined(pieces[:2]), pieces[2]], [pieces[0], *joined(pieces[1:])]):
        assert "".join(masking.event(piece).text for piece in merged) == "API_KEY=***"  # type: ignore[attr-defined]


def test_our_own_log_is_masked() -> None:
    record = logging.LogRecord("propylon", logging.WARNING, "", 0, "it said %s", ("Bearer fake1fake1fake1",), None)
    assert OneLine("%(message)s").format(record) == "it said Bearer ***"
