"""No flagged command runs unasked, and there is nobody to ask yet."""

from __future__ import annotations

from pathlib import Path

from agent_rig import Connection, Demo, Template, Worker, script, write_home


def victim(worker: Worker) -> Path:
    folder = worker.workspace / "precious"
    folder.mkdir()
    (folder / "file").write_text("x")
    return folder


def refused(server: Connection, run: str) -> bool:
    notes = [frame for frame in server.of(run, "note") if frame["level"] == "warn"]
    return any("rm -rf" in note["t"] and "flagged" in note["t"] for note in notes)


def test_a_flagged_command_is_refused_at_once(template: Template) -> None:
    worker = template.fork()
    folder = victim(worker)
    server = worker.attach()
    server.turn("r1", script({"tools": [["terminal", {"command": f"rm -rf {folder}"}]]}, {"text": "done"}))
    assert (folder / "file").exists() and refused(server, "r1")
    result = server.of("r1", "result")[0]
    assert "BLOCKED" in result["r"] and "cannot ask" in result["r"] and result["s"] < 3


def test_also_in_a_subagent(template: Template) -> None:
    worker = template.fork()
    folder = victim(worker)
    server = worker.attach()
    goal = script({"tools": [["terminal", {"command": f"rm -rf {folder}"}]]}, {"text": "the child is done"})
    end = server.turn("r1", script({"tools": [["delegate_task", {"goal": goal}]]}, {"text": "delegated"}))
    assert end["outcome"] == "completed" and (folder / "file").exists() and refused(server, "r1")


def test_also_a_script(template: Template) -> None:
    worker = template.fork()
    server = worker.attach()
    code = "open('made.txt', 'w').write('x')"
    server.turn("r1", script({"tools": [["execute_code", {"code": code}]]}, {"text": "done"}))
    assert not (worker.workspace / "made.txt").exists() and server.of("r1", "note")


def test_whatever_the_environment_says(place: Path, demo: Demo) -> None:
    folder = place / "yolo"
    folder.mkdir()
    home = write_home(folder / "home", demo.address)
    (home / ".env").write_text(
        "HERMES_INTERACTIVE=1\nHERMES_CRON_SESSION=1\nHERMES_YOLO_MODE=1\nHERMES_EXEC_ASK=0\nHERMES_GATEWAY_SESSION=0\n"
    )
    template = Template(home, folder, HERMES_YOLO_MODE="1")
    try:
        worker = template.fork()
        precious = victim(worker)
        server = worker.attach()
        server.turn("r1", script({"tools": [["terminal", {"command": f"rm -rf {precious}"}]]}, {"text": "done"}))
        assert (precious / "file").exists() and refused(server, "r1")
    finally:
        template.close()


def test_but_the_person_may_switch_asking_off(place: Path, demo: Demo) -> None:
    folder = place / "off"
    folder.mkdir()
    template = Template(write_home(folder / "home", demo.address, mode='"off"'), folder)
    try:
        worker = template.fork()
        precious = victim(worker)
        server = worker.attach()
        server.turn("r1", script({"tools": [["terminal", {"command": f"rm -rf {precious}"}]]}, {"text": "done"}))
        assert not precious.exists() and not refused(server, "r1")
    finally:
        template.close()
