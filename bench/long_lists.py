"""Opening the end of a long session and the head of a long list, over HTTP, beside short ones: neither may grow with the length."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any

from sqlalchemy import Connection

from bench import processes
from bench.client import Http
from bench.report import Report, median, shown
from propylon.store import messages as message_rows
from propylon.store import sessions as session_rows
from propylon.store.engine import Database
from propylon.store.schema import sessions

SHORT, LONG, MANY = 500, 10_000, 50_000
TEXT = "A paragraph of an answer, as long as they usually are, with some code and a list. " * 6


def rows_of(run: str, count: int) -> list[dict[str, Any]]:
    """Messages of people and of the agent, every fourth with a tool between."""
    rows: list[dict[str, Any]] = []
    while len(rows) < count:
        kind, number = len(rows) % 4, len(rows)
        row: dict[str, Any] = {"message_id": f"{run}.{number}", "run_id": run, "role": "assistant", "content": TEXT}
        if kind == 0:
            row |= {"role": "user", "content": "And then?"}
        elif kind == 1:
            call = {"id": f"c{number}", "type": "function", "function": {"name": "terminal", "arguments": '{"command": "ls"}'}}
            row |= {"content": "", "reasoning": TEXT, "tool_calls": [call]}
        elif kind == 2:
            row |= {"role": "tool", "tool_call_id": f"c{number - 1}", "name": "terminal", "content": TEXT * 2}
        rows.append(row)
    return rows


def long_session(connection: Connection, name: str, count: int) -> None:
    """A session with so many rows."""
    session_rows.create(connection, name, at=time.time(), profile="default", workspace="/", title=name, title_source="person")
    rows = rows_of(f"r{name}", count)
    message_rows.append(connection, name, f"r{name}", 0, rows, at=time.time())
    people = sum(row["role"] == "user" for row in rows)
    connection.execute(sessions.update().where(sessions.c.id == name).values(message_count=count, user_message_count=people))


def many_sessions(connection: Connection, count: int) -> None:
    """A list so long."""
    now = time.time()
    first = session_rows.create(connection, "first", at=now, profile="default", workspace="/", title="A title of a session")
    fields = {name: getattr(first, name) for name in type(first).__struct_fields__}
    rows = [{**fields, "id": f"s{number:06}", "updated_at": now - number, "created_at": now - number} for number in range(count - 1)]
    connection.execute(sessions.insert(), rows)


async def fill(where: processes.Place, *parts: Callable[[Connection], None]) -> None:
    """Write a state before the server starts."""
    if not where.state.is_relative_to(where.folder):
        raise RuntimeError(f"{where.state} is not ours to fill")
    where.state.mkdir(parents=True)
    database = await asyncio.to_thread(Database.open, where.state / "app.db")
    for part in parts:
        await database.write(part)
    await database.close()


async def measure(report: Report, quick: bool) -> None:
    report.section("Long sessions, long lists")
    times = 30 if quick else 200
    async with AsyncExitStack() as stack:
        large, small = stack.enter_context(processes.place()), stack.enter_context(processes.place())
        await fill(
            large,
            lambda connection: many_sessions(connection, MANY),
            lambda connection: long_session(connection, "long", LONG),
            lambda connection: long_session(connection, "short", SHORT),
        )
        await fill(small, lambda connection: many_sessions(connection, SHORT))
        server = await stack.enter_async_context(processes.server(large, scripted=True))
        few = await stack.enter_async_context(processes.server(small, scripted=True))
        http, other = Http(server.base), Http(few.base)
        asked = {
            "status": lambda: http.get("/api/status"),
            "long": lambda: http.get("/api/session?session_id=long&msg_limit=50"),
            "short": lambda: http.get("/api/session?session_id=short&msg_limit=50"),
            "many": lambda: http.get("/api/sessions?limit=50"),
            "few": lambda: other.get("/api/sessions?limit=50"),
        }
        if len((await asked["long"]())["session"]["messages"]) < 50 or len((await asked["many"]())["sessions"]) != 50:
            raise RuntimeError("the answers are not what was asked for")
        took = await _took(asked, times)
        beside = f"of {SHORT}: {shown(took['short'])}; /api/status {shown(took['status'])}"
        report.add(f"opening the last 50 of {LONG:,} messages", took["long"], "ms", reference=beside, at_most=10)
        beside = f"of {SHORT}: {shown(took['few'])}; /api/status {shown(took['status'])}"
        report.add(f"listing 50 of {MANY:,} sessions", took["many"], "ms", reference=beside, at_most=5)
        http.close()
        other.close()


async def _took(asked: Mapping[str, Callable[[], Awaitable[Any]]], times: int) -> dict[str, float]:
    """Median ms of each, asked in turn."""
    took: dict[str, list[float]] = {name: [] for name in asked}
    for turn in range(times + 5):
        for name, ask in asked.items():
            began = time.monotonic_ns()
            await ask()
            if turn >= 5:
                took[name].append((time.monotonic_ns() - began) / 1e6)
    return {name: median(found) for name, found in took.items()}
