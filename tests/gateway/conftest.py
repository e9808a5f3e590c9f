from __future__ import annotations

import importlib.util
import os
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import pytest

from support.gateway import ScriptedGateway, scripted_gateway
from support.gateway_process import GatewayProcess, gateway_process
from support.gateway_rig import Rig, rig
from support.process import scripted_model, short_folder

if importlib.util.find_spec("run_agent") is None:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def real_gateway(record: Path, recorded_model: str) -> Iterator[GatewayProcess]:
    """A real gateway for all tests that do not end it."""
    with short_folder() as folder, gateway_process(folder, recorded_model) as gateway:
        yield gateway


@pytest.fixture(scope="session")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the model behind the real gateway writes down what it is asked."""
    return tmp_path_factory.mktemp("model") / "record.jsonl"


@pytest.fixture(scope="session")
def recorded_model(record: Path) -> Iterator[str]:
    with scripted_model(record) as address:
        yield address


@pytest.fixture
async def gateway() -> AsyncGenerator[ScriptedGateway]:
    """A gateway of our own that misbehaves as it is told."""
    async with scripted_gateway() as found:
        yield found


@pytest.fixture
async def chat(tmp_path: Path, gateway: ScriptedGateway) -> AsyncGenerator[Rig]:
    """Over chat completions of the scripted gateway."""
    async with rig(tmp_path, gateway.base, gateway.key, use_runs=False) as made:
        yield made


@pytest.fixture
async def runs(tmp_path: Path, gateway: ScriptedGateway) -> AsyncGenerator[Rig]:
    """Over the Runs API of the scripted gateway."""
    async with rig(tmp_path, gateway.base, gateway.key) as made:
        yield made


@pytest.fixture(params=["chat", "runs"])
async def either(request: pytest.FixtureRequest, tmp_path: Path, gateway: ScriptedGateway) -> AsyncGenerator[Rig]:
    """Both transports of the scripted gateway."""
    async with rig(tmp_path, gateway.base, gateway.key, use_runs=None if request.param == "runs" else False) as made:
        yield made


@pytest.fixture(params=["scripted", "real"])
def anywhere(request: pytest.FixtureRequest) -> ScriptedGateway | GatewayProcess:
    """Each of the two gateways in turn."""
    name = "gateway" if request.param == "scripted" else "real_gateway"
    found: ScriptedGateway | GatewayProcess = request.getfixturevalue(name)
    return found


@pytest.fixture
async def over_chat(tmp_path: Path, anywhere: ScriptedGateway | GatewayProcess) -> AsyncGenerator[Rig]:
    async with rig(tmp_path, anywhere.base, anywhere.key, use_runs=False) as made:
        yield made


@pytest.fixture
async def over_runs(tmp_path: Path, anywhere: ScriptedGateway | GatewayProcess) -> AsyncGenerator[Rig]:
    async with rig(tmp_path, anywhere.base, anywhere.key) as made:
        yield made


@pytest.fixture(params=["chat", "runs"])
async def over(request: pytest.FixtureRequest, tmp_path: Path, anywhere: ScriptedGateway | GatewayProcess) -> AsyncGenerator[Rig]:
    """Both transports of both gateways."""
    async with rig(tmp_path, anywhere.base, anywhere.key, use_runs=None if request.param == "runs" else False) as made:
        yield made


@pytest.fixture(autouse=True)
def no_settings_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("HERMES_WEBUI_GATEWAY", "HERMES_WEBUI_CHAT", "API_SERVER")):
            monkeypatch.delenv(name)
