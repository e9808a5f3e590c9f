"""What the interface says of itself, asked at random by somebody who is logged in: nothing breaks, and every answer is as declared."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings

from security.conftest import PASSWORD
from security.process import COMMAND
from support.process import short_folder

schemathesis: Any = pytest.importorskip("schemathesis", reason="no schemathesis; it is in the group dev")

LIMITS = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), database=None)
LEFT_OUT = r"/stream$|/events$|/api/auth/(login|logout|logout-everywhere|password|logins/revoke)$"
"""What never ends, and what would end the login that asks."""


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, str]]:
    """Its address, and a cookie of it."""
    with short_folder() as folder, (folder / "log").open("wb") as log:
        environment = {"HOME": str(folder), "HERMES_HOME": str(folder), "HERMES_WEBUI_PORT": "0", "HERMES_WEBUI_PASSWORD": PASSWORD}
        process = subprocess.Popen(COMMAND, env={"PATH": "/usr/bin:/bin", **environment}, cwd=folder, stdout=subprocess.PIPE, stderr=log)
        assert process.stdout is not None
        try:
            address = process.stdout.readline().decode().split(" is at ")[1].split("/  ")[0]
            answer = httpx2.post(f"{address}/api/auth/login", json={"password": PASSWORD}, timeout=20)
            yield address, answer.headers["set-cookie"].split(";")[0]
        finally:
            process.terminate()
            process.wait(20)
            process.stdout.close()
        assert b"Traceback" not in (folder / "log").read_bytes(), (folder / "log").read_text()


@pytest.fixture(scope="module")
def api(server: tuple[str, str]) -> Any:
    address, cookie = server
    described = httpx2.get(f"{address}/openapi.json", headers={"Cookie": cookie}, timeout=20).json()
    schema = schemathesis.openapi.from_dict(described)
    schema.config.base_url = address
    return schema.exclude(path_regex=LEFT_OUT)


def test_every_answer_is_as_declared(api: Any, server: tuple[str, str]) -> None:
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi import checks

    wanted = (not_a_server_error, checks.status_code_conformance, checks.content_type_conformance, checks.response_schema_conformance)
    asked: set[str] = set()

    def ask(case: Any) -> None:
        answer = case.call(headers={"Cookie": server[1]}, timeout=20)
        asked.add(case.operation.label)
        if answer.status_code != 503:  # declared: not just now
            case.validate_response(answer, checks=wanted)

    for found in api.get_all_operations():
        LIMITS(given(case=found.ok().as_strategy())(ask))()
    assert len(asked) > 30
