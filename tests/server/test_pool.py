"""Templates and workers: caps, recycling, the ladder, configuration. The real template and worker; no run needs a model here."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from propylon.runtimes.base import Context, Controls, RunInput
from propylon.runtimes.hermes import processes
from propylon.runtimes.hermes.configuration import fingerprint
from propylon.runtimes.hermes.pool import Limits, NoPlace, Pool
from propylon.runtimes.hermes.runtime import HermesRuntime
from propylon.settings import Settings
from support.process import ServerProcess, script, until, write_config
from support.serving import collected, first_token, new_session, send, text_of


@pytest.fixture
def pool_of(folder: Path, model: str) -> Callable[..., object]:
    home = folder / "home"
    write_config(home, model)
    (folder / "workers").mkdir(exist_ok=True)

    @asynccontextmanager
    async def make(epoch: int = 1, **limits: float) -> AsyncGenerator[Pool]:
        pool = Pool(
            folder / "workers",
            python=Settings.load(home=home).agent_python,
            environment={"PATH": os.environ["PATH"], "HOME": str(folder)},
            home_of=lambda profile: home,
            epoch=epoch,
            output=folder / "agent.log",
            limits=Limits(**limits),  # type: ignore[arg-type]
        )
        try:
            yield pool
        finally:
            await pool.close()
            for note in processes.read_notes(folder / "workers"):
                processes.end(note, signal.SIGKILL)

    return make


async def turn(pool: Pool, folder: Path, session: str, text: str) -> str:
    async def nothing() -> list[dict[str, object]]:
        return []

    run = RunInput(
        run=f"r{time.monotonic_ns()}",
        branch="b",
        session=session,
        profile="default",
        workspace=folder,
        model="",
        provider="",
        text=text,
        note="",
        context=Context(base=None, load=nothing),
    )
    said = ""
    async for batch in HermesRuntime(pool).run(run, Controls()):
        said += "".join(getattr(event, "text", "") for event in batch.events)
    return said


async def test_one_session_has_one_worker_and_it_is_kept(pool_of: Callable[..., object], folder: Path) -> None:
    async with pool_of() as pool:
        found = await asyncio.gather(*(pool.acquire("a", "default", folder, None) for _ in range(4)))
        assert len({worker.note.pid for worker in found}) == 1
        assert await turn(pool, folder, "a", script({"text": "hello"})) == "hello"
        assert (await pool.acquire("a", "default", folder, None)).note.pid == found[0].note.pid


async def test_at_the_cap_the_longest_unused_worker_leaves(pool_of: Callable[..., object], folder: Path) -> None:
    async with pool_of(most_workers=2) as pool:
        first = await pool.acquire("a", "default", folder, None)
        await pool.acquire("b", "default", folder, None)
        await pool.acquire("c", "default", folder, None)
        await gone(first.note)


async def test_with_every_place_taken_a_run_waits_and_is_refused_in_the_end(pool_of: Callable[..., object], folder: Path) -> None:
    async with pool_of(most_workers=1, place_s=0.3) as pool:
        worker = await pool.acquire("a", "default", folder, "run-a")
        with pytest.raises(NoPlace):
            await pool.acquire("b", "default", folder, "run-b")
        waiting = asyncio.create_task(pool.acquire("b", "default", folder, "run-b"))
        await asyncio.sleep(0)
        pool.release(worker, "run-a", ended=True, cancelled=False)
        assert (await waiting).note.session == "b"


async def test_a_small_machine_has_two_places_and_then_reuses_them(
    pool_of: Callable[..., object], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=100 << 20))
    async with pool_of(place_s=0.2) as pool:
        first = await pool.acquire("a", "default", folder, None)
        await pool.acquire("b", "default", folder, None)
        await pool.acquire("c", "default", folder, None)
        await gone(first.note)


async def test_a_worker_that_lived_long_enough_is_replaced(pool_of: Callable[..., object], folder: Path) -> None:
    async with pool_of(recycle_turns=2) as pool:
        pids = []
        for _ in range(4):
            pids.append((await pool.acquire("a", "default", folder, None)).note.pid)
            await turn(pool, folder, "a", script({"text": "x"}))
        assert pids[0] == pids[1] != pids[2] == pids[3]


async def test_another_workspace_is_another_worker(pool_of: Callable[..., object], folder: Path) -> None:
    (folder / "other").mkdir()
    async with pool_of() as pool:
        first = await pool.acquire("a", "default", folder, None)
        second = await pool.acquire("a", "default", folder / "other", None)
        assert first.note.pid != second.note.pid
        await gone(first.note)


async def test_the_next_server_adopts_idle_workers_and_clears_what_dead_ones_left(pool_of: Callable[..., object], folder: Path) -> None:
    async with pool_of() as first:
        alive = await first.acquire("a", "default", folder, None)
        dead = await first.acquire("b", "default", folder, None)
        os.kill(dead.note.pid, signal.SIGKILL)
        await gone(dead.note)
        dead.note.write(folder / "workers")
        async with pool_of(epoch=2) as second:
            await second.adopt()
            assert (await second.acquire("a", "default", folder, None)).note.pid == alive.note.pid
            assert [note.session for note in processes.read_notes(folder / "workers")] == ["a"]


async def test_a_cancelled_run_on_a_frozen_worker_does_not_hold_the_session(server: ServerProcess) -> None:
    async with server.client() as client:
        session = await new_session(client)
        run = await send(client, session, script({"text": "one two three " * 200, "delay": 0.02}))
        await first_token(client, run)
        (note,) = server.workers()
        os.kill(note.pid, signal.SIGSTOP)
        assert (await client.post("/api/chat/cancel", json={"stream_id": run})).json()["cancelled"] is True
        began = time.monotonic()
        found = await collected(client, await send(client, session, script({"text": "on a new one"})), after_seq=0)
        assert text_of(found) == "on a new one" and time.monotonic() - began < 8
        await gone(note)


async def gone(note: processes.WorkerNote) -> None:
    await until(lambda: not processes.is_same(note))


def test_the_agents_own_notes_in_its_configuration_do_not_count(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("model: {default: a}\n")
    before = fingerprint(tmp_path)
    config.write_text("# a comment\nmodel:\n  default: a\ncommand_allowlist: [x]\n_config_version: 7\n")
    assert fingerprint(tmp_path) == before
    config.write_text("model: {default: b}\n")
    assert fingerprint(tmp_path) != before
    changed = fingerprint(tmp_path)
    (tmp_path / ".env").write_text("KEY=1\n")
    assert fingerprint(tmp_path) != changed


@pytest.mark.parametrize("content", ["not: [valid", "- a list", "\x00"])
def test_a_configuration_that_is_none_still_has_a_fingerprint(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.yaml").write_text(content)
    assert len(fingerprint(tmp_path)) == 16
