"""The life of a worker process, forked or cold."""

from __future__ import annotations

import contextlib
import gc
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from . import gate, hermes
from .agent import Session
from .server import Server
from .spec import Spec
from .spool import Spool
from .waker import Waker

CLOSING_WAIT = 2.0
"""Seconds that ending the agent's own processes may take."""

SWITCH_S = 0.0005
"""Seconds that a busy thread may keep the socket thread waiting for the interpreter; Python's own default is ten times that."""

NICE = 5
"""Agents and their commands step back behind the server, so that pages stay quick while agents work."""

log = logging.getLogger(__name__)


def start_log() -> None:
    """Our own log lines to stderr, with times; the agent's records keep going where it sends them."""
    handler = logging.StreamHandler(sys.__stderr__)
    handler.setFormatter(logging.Formatter("%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"))
    ours = logging.getLogger(__package__)
    ours.handlers[:] = [handler]
    ours.setLevel(logging.INFO)
    ours.propagate = False


def own_streams() -> int:
    """Point fd 1 at stderr, because tools print; a private copy of the real one."""
    private = os.dup(1)
    os.set_inheritable(private, False)
    os.dup2(2, 1)
    return private


def close_stdin() -> None:
    """Read nothing any more."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)


def start_time(pid: int) -> int:
    """Clock ticks after boot at which a process started; 0 if unknown."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return 0


def serve(spec: Spec, load: Callable[[], object] = lambda: None) -> None:
    """Be the worker of `spec` until it leaves. `load` imports the agent if that is still to be done. Never returns."""
    code = 1
    try:
        sys.setswitchinterval(SWITCH_S)
        os.nice(NICE)
        os.chdir(spec.workspace)
        gate.set_environment()
        os.environ["HERMES_SESSION_KEY"] = spec.session
        os.environ["TERMINAL_CWD"] = str(spec.workspace)
        os.environ.pop("HERMES_SESSION_ID", None)
        waker = Waker()
        spool = Spool(spec.spill, waker.wake)
        session = Session(spec.session, spool, waker.wake, load)
        server = Server(spec, waker, spool, session)
        signal.signal(signal.SIGTERM, lambda *_: server.terminate())
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        server.listen()
        session.start()
        server.run()
        code = 0
    except BaseException:
        log.exception("worker %s", spec.id)
    finally:
        _end_agent()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)


def _end_agent() -> None:
    """End what the agent started and write its log, without waiting for either for long."""

    def end() -> None:
        try:
            hermes.stop_background_work()
        except Exception:
            log.exception("ending the agent")

    thread = threading.Thread(target=end, daemon=True)
    thread.start()
    thread.join(CLOSING_WAIT)


def main() -> int:
    """A cold worker: its spec is one line on stdin."""
    line = sys.stdin.readline()
    os.close(own_streams())
    close_stdin()
    start_log()
    try:
        spec = Spec.of(json.loads(line))
    except (ValueError, KeyError, TypeError) as error:
        log.error("unfit spec: %s", error)
        return 2
    if os.getpid() != os.getsid(0):
        os.setsid()
    began = time.monotonic()

    def load() -> None:
        hermes.load()
        os.environ["HERMES_SKIP_SSL_GUARD"] = "1"
        # What is imported stays; collections need not look at it.
        gc.freeze()
        log.info("agent imported in %.1f s", time.monotonic() - began)

    serve(spec, load)
    return 1
