from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from propylon.runtimes.hermes.worker import spool as module
from propylon.runtimes.hermes.worker.frames import DELTA_LIMIT
from propylon.runtimes.hermes.worker.spool import Spool


def make(folder: Path, memory: int = 1 << 20, hard: int = 1 << 22) -> Spool:
    return Spool(folder / "spill", lambda: None, memory, hard)


def taken(spool: Spool, after: int = 0) -> list[dict[str, Any]]:
    out = []
    while (kept := spool.next(after)) is not None:
        out.append(json.loads(spool.read(kept)))
        after = kept.n
    return out


def test_unsent_text_grows_and_sent_text_does_not(tmp_path: Path) -> None:
    spool = make(tmp_path)
    for word in ("a ", "b ", "c"):
        spool.add_text("text", "r", word)
    spool.add_text("reason", "r", "hm")
    assert taken(spool) == [{"n": 1, "k": "text", "run": "r", "t": "a b c"}, {"n": 2, "k": "reason", "run": "r", "t": "hm"}]
    spool.add_text("reason", "r", "m")
    assert taken(spool, 2) == [{"n": 3, "k": "reason", "run": "r", "t": "m"}]


def test_text_of_another_run_or_beyond_the_limit_is_another_frame(tmp_path: Path) -> None:
    spool = make(tmp_path)
    spool.add_text("text", "r", "x" * DELTA_LIMIT)
    spool.add_text("text", "r", "y")
    spool.add_text("text", "s", "z")
    assert [(frame["run"], frame["t"][0]) for frame in taken(spool)] == [("r", "x"), ("r", "y"), ("s", "z")]


def test_nothing_follows_an_end(tmp_path: Path) -> None:
    spool = make(tmp_path)
    spool.add_text("text", "r", "x")
    spool.add({"k": "end", "run": "r"})
    spool.add_text("text", "r", "late")
    spool.add({"k": "note", "run": "r"})
    spool.add({"k": "end", "run": "r"})
    assert [frame["k"] for frame in taken(spool)] == ["text", "end"]
    assert spool.done() == ["r"]
    spool.acknowledge(2)
    assert spool.done() == [] and not spool.pending()


def test_acknowledged_frames_are_gone_and_the_rest_stays(tmp_path: Path) -> None:
    spool = make(tmp_path)
    for i in range(10):
        spool.add({"k": "note", "run": "r", "t": str(i)})
    spool.acknowledge(7)
    assert [frame["n"] for frame in taken(spool)] == [8, 9, 10]
    spool.acknowledge(99)
    assert not spool.pending() and spool.seal() == 10


def test_what_is_too_much_for_memory_goes_to_the_file_and_comes_back(tmp_path: Path) -> None:
    spool = make(tmp_path, memory=10_000)
    for i in range(100):
        spool.add({"k": "note", "run": "r", "t": str(i) * 500})
    assert (tmp_path / "spill").stat().st_size > 10_000
    assert [frame["t"][0] for frame in taken(spool)] == [str(i)[0] for i in range(100)]
    assert len(list(spool.lines())) == 100
    spool.acknowledge(100)
    assert (tmp_path / "spill").stat().st_size == 0
    spool.add({"k": "note", "run": "r", "t": "after"})
    assert [frame["t"] for frame in taken(spool, 100)] == ["after"]
    spool.close()
    assert not (tmp_path / "spill").exists()


def test_a_full_disk_holds_the_agent_and_never_the_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = module.os.pwrite

    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.os, "pwrite", full)
    spool = make(tmp_path, memory=2_000, hard=8_000)
    done = threading.Event()

    def agent() -> None:
        for i in range(100):
            spool.add({"k": "note", "run": "r", "t": f"{i:03}" * 100})
        done.set()

    thread = threading.Thread(target=agent)
    thread.start()
    assert not done.wait(0.3), "the agent waits at the limit"
    got = taken(spool)
    assert 20 < len(got) < 30
    spool.acknowledge(got[-1]["n"])
    assert not done.wait(0.3)
    monkeypatch.setattr(module.os, "pwrite", real)
    assert done.wait(5), "it goes on when the disk takes frames again"
    thread.join()
    got += taken(spool, got[-1]["n"])
    assert [frame["t"][:3] for frame in got] == [f"{i:03}" for i in range(100)]
    spool.close()


def test_a_frame_above_the_limit_is_admitted(tmp_path: Path) -> None:
    spool = make(tmp_path, memory=100, hard=200)
    spool.add({"k": "note", "run": "r", "t": "x" * 1000})
    spool.add({"k": "note", "run": "r", "t": "y" * 1000})
    assert len(taken(spool)) == 2
    spool.close()


def _frames(spool: Spool) -> list[dict[str, Any]]:
    return [{name: value for name, value in json.loads(line).items() if name not in ("n", "run")} for line in spool.lines()]


@pytest.mark.parametrize("kind", ["tool", "answer", "approval", "clarify", "leftover", "end"])
def test_text_that_is_held_back_goes_out_before_what_comes_after_it(tmp_path: Path, kind: str) -> None:
    spool = Spool(tmp_path / "spill", lambda: None)
    spool.add_text("text", "r", "an sk-fa")
    assert _frames(spool) == [{"k": "text", "t": "an "}]
    spool.add({"k": kind, "run": "r"})
    assert _frames(spool) == [{"k": "text", "t": "an "}, {"k": "text", "t": "sk-fa"}, {"k": kind}]


def test_text_that_is_held_back_goes_out_before_the_other_kind(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spill", lambda: None)
    spool.add_text("reason", "r", "an sk-fa")
    spool.add_text("text", "r", "ke")
    assert _frames(spool) == [{"k": "reason", "t": "an sk-fa"}, {"k": "text", "t": "ke"}]


def test_a_note_does_not_cut_a_secret(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spill", lambda: None)
    spool.add_text("text", "r", "an sk-fa")
    spool.add({"k": "note", "run": "r"})
    spool.add_text("text", "r", "ke1234567 is")
    assert _frames(spool) == [{"k": "text", "t": "an "}, {"k": "note"}, {"k": "text", "t": "sk-fake1234567 is"}]


def test_a_frame_says_what_its_masks_depend_on_also_when_it_grew(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spill", lambda: None)
    spool.add_text("text", "r", "the API_")
    spool.seal()
    for piece in ("KEY", "=", "fake", "fake", " it is"):
        spool.add_text("text", "r", piece)
    assert _frames(spool) == [{"k": "text", "t": "the API_"}, {"k": "text", "t": "KEY=fakefake it is", "lead": "the API_"}]
