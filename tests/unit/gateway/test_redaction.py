"""Secrets in the words of others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from propylon.redaction import mask, redact, shortened

SECRETS = [
    "sk-abcdefghijklmnop1234",
    "ghp_abcdefghijklmnop1234",
    "github_pat_11ABCDEFG0abcdefghijkl",
    "gho_abcdefghijklmnop1234",
    "ghu_abcdefghijklmnop1234",
    "ghs_abcdefghijklmnop1234",
    "ghr_abcdefghijklmnop1234",
    "AKIAABCDEFGHIJKLMNOP",
    "xoxb-123456789012-abcdef",
    "hf_abcdefghijklmnop1234",
    "SG.abcdefghijkl.mnopqrstuvwx",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_known_prefixes_are_masked(secret: str) -> None:
    found = redact(f"before {secret} after, and ({secret})")
    assert secret not in found
    assert found == f"before {mask(secret)} after, and ({mask(secret)})"
    assert mask(secret).startswith(secret[:6]) and mask(secret).endswith(secret[-4:])


def test_a_short_secret_leaves_no_trace() -> None:
    assert mask("12345678901234567") == "***"
    assert mask("123456789012345678") == "123456...5678"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Authorization: Bearer abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrstuvwxyz"),
        ("bearer tok.en-12345678", "tok.en-12345678"),
        ("API_SERVER_KEY_SECRET=hunter2hunter2", "hunter2hunter2"),
        ("export OPENAI_API_KEY='very secret'", "'very"),
        ('{"api_key": "abc12345", "x": 1}', "abc12345"),
        ("password: tr0ub4dor&3", "tr0ub4dor"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIB\nAAAA\n-----END RSA PRIVATE KEY-----", "MIIB"),
        ("-----BEGIN PRIVATE KEY-----\nMIIBcut off", "MIIB"),
    ],
)
def test_headers_assignments_and_key_blocks_are_masked(text: str, secret: str) -> None:
    assert secret not in redact(text)


def test_what_is_known_to_be_secret_is_gone_whatever_it_looks_like() -> None:
    assert redact("the key is plainword, said twice: plainword", ["plainword", ""]) == "the key is ***, said twice: ***"


def test_ordinary_words_stay() -> None:
    text = "Task sk-1 of the desk-top: tokens used 12, key words, max_tokens=4096, see SG.1 and hf_x"
    assert redact(text) == text


def test_a11_half_a_secret_cannot_survive_the_cut() -> None:
    text = "x" * 490 + " " + SECRETS[0]
    assert "sk-abcdefg" not in shortened(text, 500) and len(shortened(text, 500)) <= 500


@given(st.text())
def test_any_text_can_be_redacted_and_twice_is_as_once(text: str) -> None:
    once = redact(text)
    assert redact(once) == once
