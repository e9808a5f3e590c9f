"""Settings and their documentation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from propylon.cli import cli
from propylon.errors import Unusable
from propylon.settings import Settings

DOCUMENT = (Path(__file__).parents[2] / "docs" / "settings.md").read_text()
ROWS = dict(re.findall(r"^\| `([A-Z]\w+)` \| `?(--[\w-]+|-)`? \|", DOCUMENT, re.MULTILINE))


def test_every_setting_is_documented_and_nothing_else() -> None:
    assert set(ROWS) == {field.validation_alias for field in Settings.model_fields.values()}
    assert all(field.description for field in Settings.model_fields.values())


SECRETS = {"password", "gateway_api_key", "api_server_key"}
"""A command line can be read by everybody on the machine."""


def test_every_setting_but_the_secrets_is_an_option() -> None:
    helps = CliRunner().invoke(cli, ["serve", "--help"], env={"COLUMNS": "300", "TERM": "dumb"}).output
    for name, field in Settings.model_fields.items():
        option = ROWS[str(field.validation_alias)]
        if name in SECRETS:
            assert option == "-" and f"--{name.replace('_', '-')}" not in helps
        else:
            assert option == "--" + name.replace("_", "-") and option in helps


@pytest.fixture
def empty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for field in Settings.model_fields.values():
        monkeypatch.delenv(str(field.validation_alias), raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_defaults(empty: Path) -> None:
    settings = Settings.load()
    assert (settings.host, settings.port) == ("127.0.0.1", 8787)
    assert settings.state == empty / ".hermes" / "webui" / "propylon"
    assert settings.profile_home("work") == empty / ".hermes" / "profiles" / "work"


def test_an_option_beats_the_environment(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HERMES_WEBUI_PORT", "1000")
    assert Settings.load().port == 1000
    assert Settings.load(port=2000).port == 2000


def test_an_empty_variable_is_as_good_as_none(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HERMES_WEBUI_PASSWORD", "")
    monkeypatch.setenv("HERMES_WEBUI_PORT", "")
    assert (Settings.load().password, Settings.load().port) == (None, 8787)


def test_what_makes_no_sense_is_named(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HERMES_WEBUI_PORT", "many")
    with pytest.raises(Unusable, match="HERMES_WEBUI_PORT"):
        Settings.load()


def test_started_in_the_root_directory_the_home_is_the_workspace(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    assert Settings.load().workspace == empty


def test_settings_do_not_change(empty: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings.load().port = 1


def test_variables_of_others_are_not_ours(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOST", "PORT", "PASSWORD", "PYTHON", "STATE_DIR"):
        monkeypatch.setenv(name, "1")
    settings = Settings.load()
    assert (settings.host, settings.port, settings.password, settings.python, settings.state_dir) == ("127.0.0.1", 8787, None, None, None)
