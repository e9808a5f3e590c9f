"""Serve: bind, say where, run until told to stop, leave everything closed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import Generator, Iterable
from types import FrameType
from typing import TextIO

import uvicorn
from fastapi import FastAPI

from propylon.app import Backends, __version__, create_app, policy_of
from propylon.errors import Unusable
from propylon.redaction import masked
from propylon.settings import Settings
from propylon.state import open_state

GRACE_S = 5
WANTED_FILES = 16_384
OWN_FILES = 256
"""Of the open files those that are kept for databases and agents, so that connections can never take them."""
SWITCH_S = 0.0005
"""Seconds that a thread at work on rows may keep the event loop waiting for the interpreter; Python's own default is ten times that."""


class Server(uvicorn.Server):
    """Ends the streams itself at a shutdown: they would never end by themselves."""

    def __init__(self, config: uvicorn.Config, streams: Iterable[asyncio.Future[None]]) -> None:
        super().__init__(config)
        self._streams = streams

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for stream in list(self._streams):
            stream.cancel()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """A stop that was asked for is a success: the signal is not raised again at the end."""
        before = {number: signal.signal(number, self._asked) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _asked(self, number: int, frame: FrameType | None) -> None:
        self.handle_exit(number, frame)


def serve(settings: Settings, backends: Backends | None = None) -> None:
    """Blocks until SIGTERM or SIGINT. Raises Unusable before anything is served."""
    os.umask(0o077)
    policy_of(settings)
    sys.setswitchinterval(SWITCH_S)
    log_to(sys.stderr)
    listener = bind(settings.host, settings.port)
    state = open_state(settings.state)
    app = create_app(settings, state, backends)
    app.state.doorway.in_all = min(app.state.doorway.in_all, open_files() - OWN_FILES)
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    sys.stdout.write(f"Propylon {__version__} is at http://{shown}:{port}/  (state: {settings.state}; stop: Ctrl-C)\n")
    sys.stdout.flush()
    server_of(app).run(sockets=[listener])


def server_of(app: FastAPI) -> Server:
    """The one way in which the application is served."""
    config = uvicorn.Config(
        app,
        http=app.state.doorway.protocol(),
        loop="uvloop",
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_S,
        backlog=2048,
    )
    return Server(config, app.state.streams)


def open_files() -> int:
    """How many files and connections the process may have open; raised as far as the system lets us, up to `WANTED_FILES`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = WANTED_FILES if hard == resource.RLIM_INFINITY else min(hard, WANTED_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        with contextlib.suppress(ValueError, OSError):  # some systems have lower limits than they say
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return WANTED_FILES if soft == resource.RLIM_INFINITY else soft


class OneLine(logging.Formatter):
    """What others say can hold line ends and escape sequences; in the log they are shown, not obeyed. Secrets are masked."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in record.message)
        return super().formatMessage(record)

    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record))


def log_to(stream: TextIO) -> None:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(OneLine("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("propylon.audit").setLevel(logging.INFO)


def bind(host: str, port: int) -> socket.socket:
    """Raises Unusable when the port is taken or the address is not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP, because asyncio switches off the gathering of small writes only for sockets that say so: 40 ms an answer.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise Unusable(f"Cannot listen on {host}:{port}: {error.strerror}. Name another with --port.") from error
    return listener
