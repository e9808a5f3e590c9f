"""The template: everything imported, one throw-away turn done, single-threaded; it forks workers.

What must not be in it when it forks: threads (a forked lock may never open), sockets and databases (parent and child would share them).
"""

from __future__ import annotations

import gc
import json
import logging
import os
import selectors
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from . import hermes, process, prompt
from .demo import Endpoint
from .spec import Spec
from .waker import Waker

SETTLE_S = 3.0
"""How long threads of the throw-away turn may take to end."""
DATABASES = (".db", ".db-wal", ".db-shm", ".sqlite", ".sqlite3")

log = logging.getLogger(__name__)


def open_files() -> dict[int, str]:
    """What each descriptor of this process points at; empty where the system does not say."""
    found: dict[int, str] = {}
    folder = Path("/proc/self/fd")
    for entry in folder.iterdir() if folder.is_dir() else []:
        try:
            found[int(entry.name)] = str(entry.readlink())
        except OSError:
            continue
    return found


def threads() -> int:
    """Threads of this process, those of C libraries included."""
    tasks = Path("/proc/self/task")
    return len(list(tasks.iterdir())) if tasks.is_dir() else threading.active_count()


def unsafe(before: dict[int, str]) -> str:
    """Why this process should not fork, or "". `before` is what was open at the start."""
    if sys.platform != "linux":
        return f"forking after imports is not safe on {sys.platform}"
    until = time.monotonic() + SETTLE_S
    while threads() > 1 and time.monotonic() < until:
        time.sleep(0.02)
    if threads() > 1:
        return f"{threads()} threads: {', '.join(thread.name for thread in threading.enumerate())}"
    for number, target in open_files().items():
        if number in before:
            continue
        if target.startswith("socket:") or target.endswith(DATABASES):
            return f"open before the fork: {target}"
    return ""


def warm_up() -> None:
    """One throw-away turn against our own endpoint; nothing of it is stored. Raises what the agent raises."""
    endpoint = Endpoint()
    endpoint.start()
    try:
        agent = hermes.make(
            hermes.DEMO,
            hermes.DEMO,
            session="warm-up",
            callbacks={"stream_delta_callback": lambda text: None},
            demo_address=endpoint.address,
            session_db=None,
            skip_memory=True,
            skip_context_files=True,
        )
        agent.run_conversation('SCRIPT: [{"text": "ready"}]', task_id="warm-up")
        agent.close()
    finally:
        endpoint.stop()
    os.environ.pop("HERMES_SESSION_ID", None)


class Template:
    """Reads `fork` commands from stdin and writes answers to a private stdout, until stdin closes."""

    def __init__(self, out: int, before: dict[int, str]) -> None:
        self._out = out
        self._before = before
        self._waker = Waker()
        self._selector = selectors.DefaultSelector()
        self._children: set[int] = set()
        self._received = b""

    def say(self, message: dict[str, Any]) -> None:
        """Write one answer. Raises OSError when nobody reads any more."""
        data = json.dumps(message).encode() + b"\n"
        while data:
            data = data[os.write(self._out, data) :]

    def run(self) -> None:
        """Serve until stdin closes."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._waker.writer, warn_on_full_buffer=False)
        self._selector.register(0, selectors.EVENT_READ)
        self._selector.register(self._waker.reader, selectors.EVENT_READ)
        while True:
            ready = {key.fd for key, _ in self._selector.select()}
            self._waker.clear()
            self._reap()
            if 0 in ready:
                data = os.read(0, 65536)
                if not data:
                    return
                *lines, self._received = (self._received + data).split(b"\n")
                for line in lines:
                    self._command(line)

    def _reap(self) -> None:
        for pid in list(self._children):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                self._children.discard(pid)
                code = os.waitstatus_to_exitcode(status)
                self.say({"k": "exit", "pid": pid, "code": max(code, 0), "signal": max(-code, 0)})

    def _command(self, line: bytes) -> None:
        if not line.strip():
            return
        number: Any = None
        try:
            command = json.loads(line)
            number = command.get("id")
            if command.get("c") != "fork":
                raise ValueError(f"unknown command {command.get('c')}")
            spec = Spec.of(command["spec"])
            why = unsafe(self._before)
            if why:
                raise RuntimeError(why)
        except (ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
            self.say({"k": "error", "id": number, "error": f"{type(error).__name__}: {error}"})
            return
        pid = os.fork()
        if pid == 0:
            self._become(spec)
        self._children.add(pid)
        self.say({"k": "forked", "id": number, "pid": pid, "start": process.start_time(pid)})

    def _become(self, spec: Spec) -> None:
        """In the child: leave everything of the template behind and be the worker. Never returns."""
        try:
            # A group of its own, to be signalled as one, in the template's session: Linux shares the processor between sessions, so
            # all workers together weigh as much as the server, instead of each as much as it.
            os.setpgid(0, 0)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._selector.close()
            os.close(self._waker.reader)
            os.close(self._waker.writer)
            os.close(self._out)
            process.close_stdin()
            hermes.resume_log()
            process.serve(spec)
        except BaseException:
            log.exception("fork")
        finally:
            os._exit(1)


def main() -> int:
    """Warm up, say `ready`, serve."""
    out = process.own_streams()
    process.start_log()
    before = open_files()
    template = Template(out, before)
    began = time.monotonic()
    try:
        version = hermes.load()
        provider = hermes.provider()
        why = ""
        try:
            warm_up()
        except Exception as error:
            log.exception("warm-up")
            why = f"the warm-up turn failed: {error}"
        os.environ["HERMES_SKIP_SSL_GUARD"] = "1"
        hermes.pause_log()
        gc.collect()
        gc.freeze()
        why = why or unsafe(before)
    except Exception as error:
        log.exception("template")
        template.say({"k": "failed", "error": f"{type(error).__name__}: {error}"})
        return 1
    template.say(
        {
            "k": "ready",
            "version": version,
            "pid": os.getpid(),
            "warm_s": round(time.monotonic() - began, 2),
            "fork": not why,
            "why": why,
            "provider": {
                "configured": provider.configured,
                "model": provider.model,
                "provider": provider.provider,
                "reason": provider.reason,
            },
            "personalities": prompt.offered(hermes.configuration()),
        }
    )
    try:
        template.run()
    except BrokenPipeError:
        log.info("nobody reads the template's answers any more")
    return 0
