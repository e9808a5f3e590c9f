"""A real `hermes gateway run` with its API server on the loopback, its own home, and a scripted model behind it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import psutil

from support.gateway import KEY
from support.process import write_config

READY_S = 90.0


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class GatewayProcess:
    """May be killed and started again on the same port."""

    key = KEY

    def __init__(self, folder: Path, model: str) -> None:
        self.folder = folder
        self.home = folder / "gateway-home"
        self._port = free_port()
        self.base = f"http://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None
        write_config(self.home, model)

    def start(self) -> None:
        """Until it answers; a gateway that is at work without a listener never does."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        environment = {
            **kept,
            "HOME": str(self.folder),
            "HERMES_HOME": str(self.home),
            "API_SERVER_ENABLED": "true",
            "API_SERVER_KEY": self.key,
            "API_SERVER_PORT": str(self._port),
        }
        with (self.folder / "gateway.log").open("ab") as output:
            self._process = subprocess.Popen(
                [str(Path(sys.executable).with_name("hermes")), "gateway", "run"],
                env=environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        until = time.monotonic() + READY_S
        with httpx2.Client(trust_env=False, timeout=5) as client:
            while time.monotonic() < until:
                with contextlib.suppress(httpx2.HTTPError):
                    if client.get(f"{self.base}/health").status_code == 200:
                        return
                if self._process.poll() is not None:
                    break
                time.sleep(0.05)
        raise AssertionError(f"the gateway did not come: {(self.folder / 'gateway.log').read_text()[-2000:]}")

    def kill(self) -> None:
        """It and whatever it started."""
        if self._process is None:
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            children = psutil.Process(self._process.pid).children(recursive=True)
            self._process.send_signal(signal.SIGKILL)
            for child in children:
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
        self._process.wait(10)
        self._process = None


@contextlib.contextmanager
def gateway_process(folder: Path, model: str) -> Iterator[GatewayProcess]:
    gateway = GatewayProcess(folder, model)
    try:
        gateway.start()
        yield gateway
    finally:
        gateway.kill()
