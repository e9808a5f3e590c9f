"""Nothing that the agent flags runs unasked, and every answer hits its own question."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from agent_rig import Connection, Demo, Message, Template, Worker, alive, script, template_of, wait_until


def victim(worker: Worker, name: str = "precious") -> Path:
    folder = worker.workspace / name
    folder.mkdir()
    (folder / "file").write_text("x")
    return folder


def removing(*folders: Path, **step: Any) -> str:
    """A turn that wants to remove each folder, in commands one after the other."""
    return script(*[{"tools": [["terminal", {"command": f"rm -rf {folder}"}]]} | step for folder in folders], {"text": "done"})


def answered(server: Connection, run: str) -> dict[str, str]:
    """Who answered, by question; each once and before the end."""
    frames = server.of(run, "approval", "clarify", "answered", "end")
    found = {frame["q"]: frame["by"] for frame in frames if frame["k"] == "answered"}
    assert len(found) == sum(frame["k"] == "answered" for frame in frames)
    assert found.keys() == {frame["q"] for frame in frames if frame["k"] in ("approval", "clarify")}
    assert frames[-1]["k"] == "end"
    return found


def answer(server: Connection, question: Message, choice: str, reason: str = "") -> Message:
    return server.ask(c="answer", q=question["q"], choice=choice, reason=reason)


def test_b12_a_flagged_command_is_asked_at_once_and_waits(template: Template) -> None:
    worker = template.fork()
    folder = victim(worker)
    server = worker.attach()
    assert server.start("r1", removing(folder))["ok"]
    question = server.asked()
    assert question["command"] == f"rm -rf {folder}" and question["why"] and question["keys"]
    assert question["choices"] == ["once", "session", "always", "deny"] and not question["denied"] and question["sub"] == ""
    assert question["limit"] == 60 and question["until"] == pytest.approx(question["at"] + 60, abs=0.01)
    assert question["tid"] == server.of("r1", "tool")[0]["tid"]
    assert (folder / "file").exists()
    assert answer(server, question, "once")["ok"]
    assert server.end("r1")["outcome"] == "completed" and not folder.exists()
    assert answered(server, "r1") == {question["q"]: "person"}
    assert answer(server, question, "deny")["error"] == "gone"


def test_b14_a_denial_and_its_reason_reach_the_model(template: Template, demo: Demo) -> None:
    worker = template.fork()
    folder = victim(worker)
    server = worker.attach()
    assert server.start("r1", removing(folder))["ok"]
    question = server.asked()
    assert answer(server, question, "perhaps")["error"] == "choice" and answer(server, question, "")["error"] == "choice"
    assert server.ask(c="answer", q="nonsuch", choice="once")["error"] == "gone"
    assert answer(server, question, "deny", "use the bin instead-5512")["ok"]
    server.end("r1")
    result = server.of("r1", "result")[0]
    assert (folder / "file").exists() and "BLOCKED" in result["r"] and "use the bin instead-5512" in result["r"]
    assert any("use the bin instead-5512" in json.dumps(request["body"]) for request in demo.requests())
    told = server.of("r1", "answered")[0]
    assert (told["choice"], told["reason"], told["by"]) == ("deny", "use the bin instead-5512", "person")


def test_b14_session_lasts_for_the_session_until_it_is_taken_back(template: Template) -> None:
    worker = template.fork()
    folders = [victim(worker, f"p{i}") for i in range(5)]
    server = worker.attach()
    assert server.start("r1", removing(folders[0], folders[1]))["ok"]
    question = server.asked()
    assert answer(server, question, "session")["ok"]
    server.end("r1")
    assert not folders[0].exists() and not folders[1].exists() and len(answered(server, "r1")) == 1
    server.turn("r2", removing(folders[2]), base="r1", granted=question["keys"])
    assert not folders[2].exists() and answered(server, "r2") == {}
    assert server.start("r3", removing(folders[3]), base="r2", granted=[])["ok"]
    assert answer(server, server.asked(), "deny")["ok"]
    server.end("r3")
    assert folders[3].exists()
    other = template.fork().attach()
    other.turn("r4", removing(folders[4]), granted=question["keys"])
    assert not folders[4].exists(), "another worker of the session is told too"


def test_b14_always_is_kept_in_the_profile(place: Path, demo: Demo) -> None:
    with template_of(place, "always", demo) as template:
        worker = template.fork()
        folders = [victim(worker, f"p{i}") for i in range(2)]
        server = worker.attach()
        assert server.start("r1", removing(folders[0]))["ok"]
        question = server.asked()
        assert answer(server, question, "always")["ok"]
        server.end("r1")
        assert question["keys"][0] in (template.home / "config.yaml").read_text()
        server.turn("r2", removing(folders[1]), base="r1")
        assert not folders[1].exists() and answered(server, "r2") == {}


def test_d_s16_parallel_subagents_answered_in_reverse_order(template: Template) -> None:
    worker = template.fork()
    folders = [victim(worker, f"child{i}") for i in range(3)]
    goals = [script({"tools": [["terminal", {"command": f"rm -rf {folder}"}]]}, {"text": f"over {folder.name}"}) for folder in folders]
    server = worker.attach()
    delegate = ["delegate_task", {"tasks": [{"goal": goal} for goal in goals]}]
    assert server.start("r1", script({"tools": [delegate]}, {"text": "all is over"}))["ok"]
    questions = [server.asked() for _ in folders]
    (call,) = server.of("r1", "tool")
    assert {question["tid"] for question in questions} == {call["tid"]}
    started = {frame["id"]: frame for frame in server.of("r1", "sub") if frame["step"] == "start"}
    assert {question["sub"] for question in questions} == set(started)
    by_folder = {Path(question["command"].split()[-1]).name: question for question in questions}
    for question in questions:
        assert question["command"].split()[-1] in started[question["sub"]]["goal"], "the subagent that asks is the one that is named"
    kept = Path(questions[1]["command"].split()[-1]).name
    for question in reversed(questions):
        name = Path(question["command"].split()[-1]).name
        assert answer(server, by_folder[name], "deny" if name == kept else "once")["ok"]
    assert server.end("r1")["outcome"] == "completed"
    assert {folder.name for folder in folders if folder.exists()} == {kept}
    assert set(answered(server, "r1").values()) == {"person"}
    ends = [frame for frame in server.of("r1", "sub") if frame["step"] == "end"]
    assert len(ends) == 3 and {frame["summary"].split()[-1] for frame in ends} == {folder.name for folder in folders}


def test_a_cancel_closes_every_open_question_at_once(template: Template) -> None:
    worker = template.fork()
    folders = [victim(worker, f"child{i}") for i in range(3)]
    goals = [script({"tools": [["terminal", {"command": f"rm -rf {folder}"}]]}, {"text": "over"}) for folder in folders]
    server = worker.attach()
    assert server.start("r1", script({"tools": [["delegate_task", {"tasks": [{"goal": goal} for goal in goals]}]]}, {"text": "x"}))["ok"]
    for _ in folders:
        server.asked()
    assert server.ask(c="cancel", run="r1")["ok"]
    assert server.end("r1", 6)["outcome"] == "interrupted"
    assert list(answered(server, "r1").values()) == ["cancel"] * 3 and all(folder.exists() for folder in folders)
    assert len([frame for frame in server.of("r1", "sub") if frame["step"] == "end"]) == 3
    assert server.start("r2", removing(folders[0]), base="r1")["ok"]
    question = server.asked()
    assert folders[0].exists() and answer(server, question, "once")["ok"]
    server.end("r2")
    assert [folder.exists() for folder in folders] == [False, True, True]


def test_a_cancel_right_after_a_yes(template: Template) -> None:
    server = template.fork().attach()
    command = "rm -rf nothing-here; sleep 30"
    assert server.start("r1", script({"tools": [["terminal", {"command": command}]]}, {"text": "late"}))["ok"]
    question = server.asked()
    both = [{"c": "answer", "id": "a", "q": question["q"], "choice": "once"}, {"c": "cancel", "id": "b", "run": "r1"}]
    server.sock.sendall(b"".join(json.dumps(control).encode() + b"\n" for control in both))
    assert server.end("r1", 10)["outcome"] == "interrupted" and answered(server, "r1") == {question["q"]: "person"}


def test_sigterm_closes_every_open_question(template: Template) -> None:
    worker = template.fork()
    folder = victim(worker)
    server = worker.attach()
    assert server.start("r1", removing(folder))["ok"]
    question = server.asked()
    os.kill(worker.pid, signal.SIGTERM)
    assert server.end("r1", 6)["outcome"] == "interrupted"
    assert answered(server, "r1") == {question["q"]: "cancel"} and folder.exists()
    wait_until(lambda: not alive(worker.pid), 5)


def test_the_model_cannot_force_it(template: Template) -> None:
    worker = template.fork()
    folder = victim(worker)
    server = worker.attach()
    asked = {"command": f"rm -rf {folder}", "force": True, "approved": True, "background": True}
    assert server.start("r1", script({"tools": [["terminal", asked]]}, {"text": "done"}))["ok"]
    question = server.asked()
    assert folder.exists() and answer(server, question, "deny")["ok"]
    server.end("r1")
    assert folder.exists()


def test_scripts_are_asked_for_too(template: Template) -> None:
    worker = template.fork()
    folder = victim(worker)
    server = worker.attach()
    code = f"from hermes_tools import terminal\nopen('made.txt', 'w').write('x')\nprint(terminal('rm -rf {folder}'))"
    turn = script({"tools": [["execute_code", {"code": code}]]}, {"text": "done"})
    assert server.start("r1", turn)["ok"]
    question = server.asked()
    assert question["keys"] == ["execute_code"] and code in question["command"]
    assert answer(server, question, "deny")["ok"]
    server.end("r1")
    assert folder.exists() and not (worker.workspace / "made.txt").exists()
    assert server.start("r2", turn, base="r1")["ok"]
    assert answer(server, server.asked(), "once")["ok"]
    inner = server.asked()
    assert inner["command"] == f"rm -rf {folder}" and inner["tid"] == server.of("r2", "tool")[0]["tid"]
    assert answer(server, inner, "deny")["ok"]
    server.end("r2")
    assert folder.exists() and len(answered(server, "r2")) == 2


def test_whatever_the_environment_says(place: Path, demo: Demo) -> None:
    switches = "HERMES_INTERACTIVE=1\nHERMES_CRON_SESSION=1\nHERMES_YOLO_MODE=1\nHERMES_EXEC_ASK=0\nHERMES_GATEWAY_SESSION=0\n"
    settings = {"approvals": ", cron_mode: approve", "more": "delegation: {subagent_auto_approve: true}"}
    with template_of(place, "yolo", demo, env=switches, settings=settings, HERMES_YOLO_MODE="1") as template:
        worker = template.fork()
        folder = victim(worker)
        server = worker.attach()
        steps = [
            {"tools": [["terminal", {"command": f"rm -rf {folder}"}]]},
            {"tools": [["execute_code", {"code": f"import shutil\nshutil.rmtree({str(folder)!r})"}]]},
            {"tools": [["delegate_task", {"goal": removing(folder)}]]},
            {"text": "done"},
        ]
        assert server.start("r1", script(*steps))["ok"]
        for _ in range(3):
            assert answer(server, server.asked(), "deny")["ok"]
        server.end("r1")
        assert (folder / "file").exists() and len(answered(server, "r1")) == 3


def test_asking_takes_as_long_as_the_profile_says(place: Path, demo: Demo) -> None:
    with template_of(place, "short", demo, settings={"approvals": ", timeout: 1"}) as template:
        worker = template.fork()
        folder = victim(worker)
        server = worker.attach()
        server.turn("r1", removing(folder))
        (question,) = server.of("r1", "approval")
        assert question["limit"] == 1 and answered(server, "r1") == {question["q"]: "timeout"}
        assert folder.exists() and "timed out" in server.of("r1", "result")[0]["r"]


def test_nobody_there_while_it_waits(template: Template) -> None:
    worker = template.fork()
    folder = victim(worker)
    first = worker.attach(acks=False)
    assert first.start("r1", removing(folder))["ok"]
    question = first.asked()
    first.close()
    second = worker.attach(after=0, epoch=2)
    again = second.asked()
    assert again == question and folder.exists()
    assert answer(second, again, "once")["ok"]
    second.end("r1")
    assert not folder.exists() and answered(second, "r1") == {question["q"]: "person"}


def test_what_is_hard_to_write_down(template: Template) -> None:
    worker = template.fork()
    server = worker.attach()
    code = f"open('made.txt', 'w').write('x') # \ud800 {'é' * 50_000} end"
    assert server.start("r1", script({"tools": [["execute_code", {"code": code}]]}, {"text": "done"}))["ok"]
    question = server.asked()
    assert question["command"].rstrip().endswith("more bytes are not shown") and len(question["command"].encode()) < 65 * 1024
    assert answer(server, question, "deny")["ok"]
    server.end("r1")
    assert not (worker.workspace / "made.txt").exists()


def test_switched_off_for_a_run_and_in_a_run(template: Template) -> None:
    worker = template.fork()
    folders = [victim(worker, f"p{i}") for i in range(6)]
    server = worker.attach()
    server.turn("r1", removing(folders[0]), yolo=True)
    assert not folders[0].exists() and answered(server, "r1") == {}
    assert server.start("r2", removing(*folders[1:4]), base="r1")["ok"]
    waits = server.asked()
    assert folders[1].exists() and server.ask(c="yolo", on=True)["ok"]
    server.end("r2")
    assert not any(folder.exists() for folder in folders[1:4])
    assert answered(server, "r2") == {waits["q"]: "yolo"} and server.of("r2", "answered")[0]["choice"] == "once"
    assert server.ask(c="yolo", on=False)["ok"]
    assert server.start("r3", removing(folders[4]), base="r2", yolo=False)["ok"]
    assert answer(server, server.asked(), "deny")["ok"]
    server.end("r3")
    assert folders[4].exists()


def test_hard_refusals_hold_also_when_asking_is_off(template: Template) -> None:
    server = template.fork().attach()
    server.turn("r1", script({"tools": [["terminal", {"command": "mkfs.ext4 /dev/null"}]]}, {"text": "x"}), yolo=True)
    assert "BLOCKED" in server.of("r1", "result")[0]["r"] and not server.of("r1", "approval")


def test_the_person_may_choose_never_to_be_asked(place: Path, demo: Demo) -> None:
    with template_of(place, "off", demo, settings={"mode": '"off"'}) as template:
        worker = template.fork()
        folder = victim(worker)
        server = worker.attach()
        server.turn("r1", removing(folder))
        assert not folder.exists() and answered(server, "r1") == {}


def test_smart_mode_shows_what_it_allows_and_asks_for_the_rest(place: Path, demo: Demo) -> None:
    def judged(folder: Path, word: str) -> str:
        command = f"rm -rf {folder}; echo '{script({'text': word})}'"
        return script({"tools": [["terminal", {"command": command}]]}, {"text": "done"})

    with template_of(place, "smart", demo, settings={"mode": "smart"}) as template:
        worker = template.fork()
        folders = [victim(worker, f"p{i}") for i in range(3)]
        server = worker.attach()
        server.turn("r1", judged(folders[0], "APPROVE"))
        (note,) = server.of("r1", "note")
        assert not folders[0].exists() and answered(server, "r1") == {}
        assert note["level"] == "warn" and str(folders[0]) in note["t"] and "flagged" in note["t"] and "Smart mode" in note["t"]
        assert server.start("r2", judged(folders[1], "DENY"), base="r1")["ok"]
        question = server.asked()
        assert question["denied"] and question["choices"] == ["once", "deny"]
        assert answer(server, question, "session")["error"] == "choice" and answer(server, question, "deny")["ok"]
        server.end("r2")
        assert folders[1].exists()
        assert server.start("r3", judged(folders[2], "hm"), base="r2")["ok"]
        question = server.asked()
        assert not question["denied"] and "session" in question["choices"] and answer(server, question, "once")["ok"]
        server.end("r3")
        assert not folders[2].exists() and not server.of("r3", "note")
