"""A gateway of our own on the loopback: it does what a `SCRIPT:` message says as the real one would, or misbehaves as it is told.

`chat` and `events` are lists of what is sent next in place of an answer of its own: bytes, or a function that gets the writer.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from propylon.runtimes.hermes.worker import script as scripts

KEY = "a-key-for-tests-0123456789"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
FEATURES = ("run_submission", "run_status", "run_events_sse", "run_stop", "run_approval_response", "session_resources")
FLAGGED = "rm -rf"
"""A command with this in it needs permission."""

Play = Callable[["Writer"], Awaitable[None]]


class Dropped(Exception):
    """The connection is closed in the middle."""


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: Any
    at: float


@dataclass
class AtWork:
    """A run of the Runs API."""

    id: str
    session: str
    steps: list[dict[str, Any]]
    status: str = "running"
    events: asyncio.Queue[dict[str, Any] | None] = field(default_factory=asyncio.Queue)
    answers: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    fields: dict[str, Any] = field(default_factory=dict)
    open: int = 0
    taken: bool = False
    task: asyncio.Task[None] | None = None


class Writer:
    """The body of a streamed answer."""

    def __init__(self, writer: asyncio.StreamWriter, *, chunked: bool = True) -> None:
        self.raw = writer
        self._chunked = chunked

    async def send(self, data: bytes) -> None:
        if self.raw.is_closing():
            raise Dropped
        self.raw.write(b"%x\r\n%s\r\n" % (len(data), data) if self._chunked else data)
        try:
            await self.raw.drain()
        except ConnectionError as error:
            raise Dropped from error

    async def event(self, value: Any, name: str = "") -> None:
        head = f"event: {name}\n" if name else ""
        await self.send(f"{head}data: {json.dumps(value)}\n\n".encode())

    async def delta(self, words: str) -> None:
        await self.event({"choices": [{"index": 0, "delta": {"content": words}, "finish_reason": None}]})

    async def finish(self, reason: str = "stop", **more: Any) -> None:
        await self.event({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}], **more})
        await self.send(b"data: [DONE]\n\n")


class ScriptedGateway:
    def __init__(self, key: str = KEY) -> None:
        self.key = key
        self.base = ""
        self.requests: list[Request] = []
        self.chat: list[bytes | Play] = []
        self.events: list[bytes | Play] = []
        self.refuse: dict[str, tuple[int, bytes]] = {}
        self.features: dict[str, Any] = dict.fromkeys(FEATURES, True)
        self.held: dict[str, list[dict[str, Any]]] = {}
        self.seen: list[list[dict[str, Any]]] = []
        self.runs: dict[str, AtWork] = {}
        self.left = 0
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 24, backlog=512)
        self.base = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def die(self) -> None:
        """As a killed process: every connection is reset, and nobody listens any more."""
        assert self._server is not None
        self._server.close()
        for writer in list(self._connections):
            writer.transport.abort()
        for task in list(self._tasks):
            task.cancel()
        self.runs.clear()
        await asyncio.sleep(0)

    def asked(self, path: str) -> list[Request]:
        return [request for request in self.requests if request.path == path]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                first, *rest = head.strip().split("\r\n")
                method, path, _ = first.split(" ")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
                raw = await reader.readexactly(int(headers.get("content-length") or 0))
                request = Request(method, path, headers, json.loads(raw) if raw else None, time.monotonic())
                self.requests.append(request)
                await self._answer(request, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        except Dropped:
            self.left += 1
        finally:
            writer.transport.abort()
            self._connections.discard(writer)
            self._tasks.discard(task)

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> None:
        path = request.path
        for prefix, (status, body) in self.refuse.items():
            if path.startswith(prefix):
                _send(writer, status, body)
                return
        if self.key and request.headers.get("authorization") != f"Bearer {self.key}":
            _send(writer, 401, b'{"error": {"message": "Invalid API key", "code": "invalid_api_key"}}')
        elif path == "/v1/capabilities":
            _json(writer, 200, {"object": "hermes.api_server.capabilities", "features": self.features})
        elif path == "/v1/chat/completions":
            await self._chat(request, writer)
        elif path == "/v1/runs":
            self._start(request, writer)
        elif path.startswith("/v1/runs/"):
            await self._run(request, writer)
        elif path.startswith("/api/sessions/") and path.endswith("/messages"):
            _json(writer, 200, {"object": "list", "data": self.held.get(path.split("/")[3], [])})
        else:
            _send(writer, 404, b"404: Not Found")

    async def _chat(self, request: Request, writer: asyncio.StreamWriter) -> None:
        session = request.headers.get("x-hermes-session-id", "")
        said = [message for message in request.body["messages"] if message["role"] != "system"][-1]
        held = self.held.setdefault(session, [])
        self.seen.append([*({"role": row["role"], "content": row["content"]} for row in held), said])
        writer.write(HEAD)
        out = Writer(writer)
        if self.chat:
            play = self.chat.pop(0)
            await (out.send(play) if isinstance(play, bytes) else play(out))
        else:
            await self._say(said, held, out)
        writer.write(b"0\r\n\r\n")

    async def _say(self, said: dict[str, Any], held: list[dict[str, Any]], out: Writer) -> None:
        held.append({"role": "user", "content": said["content"]})
        words: list[str] = []
        for number, raw in enumerate(_steps(said["content"])):
            step = scripts.step_of(raw)
            for piece in scripts.words(step.text * step.repeat):
                try:
                    await out.delta(piece)
                except Dropped:
                    held.append({"role": "assistant", "content": "".join(words)})
                    raise
                words.append(piece)
                await asyncio.sleep(step.pause)
            for index, (name, arguments) in enumerate(step.tools):
                call = {"tool": name, "toolCallId": f"call_{number}_{index}"}
                await out.event({**call, "label": str(arguments.get("command")), "status": "running"}, "hermes.tool.progress")
                await out.event({**call, "status": "completed"}, "hermes.tool.progress")
        held.append({"role": "assistant", "content": "".join(words)})
        await out.finish(usage={"prompt_tokens": 100, "completion_tokens": 20})

    def _start(self, request: Request, writer: asyncio.StreamWriter) -> None:
        body = request.body
        said = body["input"] if isinstance(body["input"], str) else body["input"][-1]["content"]
        run = AtWork(f"run_{len(self.runs)}", body.get("session_id", ""), _steps(said))
        self.seen.append([*body.get("conversation_history", []), {"role": "user", "content": said}])
        self.held.setdefault(run.session, []).append({"role": "user", "content": said})
        self.runs[run.id] = run
        run.task = asyncio.create_task(self._work(run))
        self._tasks.add(run.task)
        _json(writer, 202, {"run_id": run.id, "status": "started"})

    async def _work(self, run: AtWork) -> None:
        held = self.held[run.session]

        def tell(event: str, **more: Any) -> None:
            run.events.put_nowait({"event": event, "run_id": run.id, "timestamp": time.time(), **more})

        text = ""
        for number, raw in enumerate(run.steps):
            step = scripts.step_of(raw)
            text = step.text * step.repeat
            for piece in scripts.words(text):
                if run.stopping.is_set():
                    break
                tell("message.delta", delta=piece)
                await asyncio.sleep(step.pause)
            tell("reasoning.available", text=text)
            calls = [{"id": f"c{number}{i}", "function": {"name": n, "arguments": json.dumps(a)}} for i, (n, a) in enumerate(step.tools)]
            held.append({"role": "assistant", "content": text, "tool_calls": calls, "timestamp": time.time()})
            for index, (name, arguments) in enumerate(step.tools):
                if run.stopping.is_set():
                    break
                command = str(arguments.get("command"))
                tell("tool.started", tool=name, preview=command)
                refused = FLAGGED in command and await self._permission(run, command, tell) == "deny"
                tell("tool.completed", tool=name, duration=0.01, error=refused)
                content = json.dumps({"output": "", "error": "denied" if refused else None})
                held.append({"role": "tool", "tool_call_id": f"c{number}{index}", "content": content, "timestamp": time.time()})
            if run.stopping.is_set():
                tell("run.cancelled")
                run.status = "cancelled"
                run.events.put_nowait(None)
                return
        usage = {"input_tokens": 100, "output_tokens": 20}
        tell("run.completed", output=text, usage=usage)
        run.status, run.fields = "completed", {"output": text, "usage": usage}
        run.events.put_nowait(None)

    async def _permission(self, run: AtWork, command: str, tell: Any) -> str:
        run.status = "waiting_for_approval"
        run.open += 1
        tell("approval.request", command=command, description="recursive delete", pattern_key="rm", pattern_keys=["rm"])
        stopping = asyncio.create_task(run.stopping.wait())
        answering = asyncio.create_task(run.answers.get())
        await asyncio.wait({stopping, answering}, return_when=asyncio.FIRST_COMPLETED)
        choice = answering.result() if answering.done() else "deny"
        stopping.cancel()
        answering.cancel()
        return choice

    async def _run(self, request: Request, writer: asyncio.StreamWriter) -> None:
        _, _, _, number, *rest = request.path.split("/")
        run = self.runs.get(number)
        if run is None:
            _json(writer, 404, {"error": {"message": f"Run not found: {number}", "code": "run_not_found"}})
        elif not rest:
            _json(writer, 200, {"run_id": run.id, "status": run.status, "session_id": run.session, **run.fields})
        elif rest[0] == "events":
            await self._events(run, writer)
        elif rest[0] == "stop":
            run.stopping.set()
            _json(writer, 200, {"run_id": run.id, "status": "stopping"})
        elif not run.open:
            _json(writer, 409, {"error": {"code": "approval_not_pending"}})
        else:
            run.open -= 1
            run.status = "running"
            choice = request.body["choice"]
            run.events.put_nowait({"event": "approval.responded", "run_id": run.id, "choice": choice, "resolved": 1})
            run.answers.put_nowait(choice)
            _json(writer, 200, {"choice": choice, "resolved": 1})

    async def _events(self, run: AtWork, writer: asyncio.StreamWriter) -> None:
        if run.taken:
            _json(writer, 404, {"error": {"code": "run_not_found"}})
            return
        run.taken = True
        writer.write(HEAD)
        out = Writer(writer)
        if self.events:
            play = self.events.pop(0)
            await (out.send(play) if isinstance(play, bytes) else play(out))
        else:
            while (event := await run.events.get()) is not None:
                await out.event(event)
            await out.send(b": stream closed\n\n")
        writer.write(b"0\r\n\r\n")


def _steps(content: Any) -> list[dict[str, Any]]:
    text = scripts.text_of(content)
    start = text.rfind(scripts.MARK)
    if start < 0:
        return [{"text": "ok"}]
    steps: list[dict[str, Any]] = json.JSONDecoder().raw_decode(text, start + len(scripts.MARK) + 1)[0]
    return steps


def _send(writer: asyncio.StreamWriter, status: int, body: bytes, kind: str = "text/plain") -> None:
    writer.write(f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)


def _json(writer: asyncio.StreamWriter, status: int, value: Any) -> None:
    _send(writer, status, json.dumps(value).encode(), "application/json")


@asynccontextmanager
async def scripted_gateway(key: str = KEY) -> AsyncGenerator[ScriptedGateway]:
    gateway = ScriptedGateway(key)
    await gateway.start()
    try:
        yield gateway
    finally:
        await gateway.die()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0.01)
