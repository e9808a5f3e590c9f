import { render, screen } from "@testing-library/react";
import { afterEach, expect, it } from "vitest";
import { foldAll } from "../live/fold";
import { useFeedLine } from "../live/page-connection";
import { emptyRun } from "../live/run-state";
import { NEW_THREAD, useThread } from "../live/thread-store";
import { LifeLine } from "./LifeLine";
import { phaseOf } from "./life";

type Event = [kind: string, data: object];

const stateOf = (...events: Event[]) =>
  foldAll(
    emptyRun("r"),
    events.map(([kind, data], index) => ({ seq: index + 1, kind, data })),
  );

const TOOL: Event = ["tool", { tid: "t", name: "terminal", args: { command: "ls" }, at: 1 }];
const ENDED: Event = ["tool_complete", { tid: "t", name: "terminal" }];
const ASKED: Event = ["clarify", { clarify_id: "q", session_id: "s", question: "Which?" }];
const CHILD: Event = ["subagent", { tid: "t", id: "a", step: "start", goal: "x" }];

it.each<[string, Event[]]>([
  ["Starting", []],
  ["Thinking", [["reasoning", { text: "hm" }]]],
  ["Writing", [["token", { text: "Yes" }]]],
  ["Running a command", [TOOL]],
  ["Waiting for the model", [TOOL, ENDED]],
  ["1 subagent at work", [TOOL, CHILD]],
  ["Waiting for you", [TOOL, ASKED]],
  ["Running a command", [TOOL, ASKED, ["answered", { question_id: "q", by: "person", text: "x" }]]],
])("says “%s”", (words, events) => expect(phaseOf(stateOf(...events))).toBe(words));

afterEach(() => useThread.setState(NEW_THREAD));

function shown(silentFor: number, ...events: Event[]): string {
  useFeedLine.setState({ line: "live" });
  const heardAt = Date.now() - silentFor * 1000;
  useThread.setState({
    live: { run: "r", startedAt: Date.now() / 1000 - 90, state: stateOf(...events), heardAt, stopping: false },
  });
  render(<LifeLine />);
  return screen.getByTestId("life-line").textContent ?? "";
}

it("says that there is no output, unless it is the person who is waited for", () => {
  expect(shown(65.5, TOOL)).toContain("No output for 1:05");
});

it("does not complain of silence while a question is open", () => {
  expect(shown(65.5, TOOL, ASKED)).not.toContain("No output");
});
