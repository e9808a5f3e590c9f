import { expect, it } from "vitest";
import type { AssistantRow, Row, RunRow, ToolRow } from "../api/types";
import { mustStay, toItems, toParts, workOf } from "./turns";

const assistant = (id: string, fields: Partial<AssistantRow> = {}): AssistantRow => ({
  message_id: id,
  run_id: "r",
  role: "assistant",
  content: "",
  ...fields,
});
const tool = (id: string, fields: Partial<ToolRow> = {}): ToolRow => ({
  message_id: id,
  run_id: "r",
  role: "tool",
  tool_call_id: id,
  name: "terminal",
  content: "",
  is_error: false,
  duration: 1,
  started_at: 10,
  ...fields,
});
const call = (id: string) => ({ id, type: "function" as const, function: { name: "terminal", arguments: "{}" } });

const shape = (rows: RunRow[]) =>
  toParts(rows).map((part) => (part.kind === "steps" ? part.steps.map(({ kind }) => kind) : part.kind));

it("makes messages and answers of rows", () => {
  const rows: Row[] = [
    assistant("cut"),
    { message_id: "r.0", run_id: "r", role: "user", content: "a" },
    assistant("r.1", { content: "b" }),
    { message_id: "q.0", run_id: "q", role: "user", content: "c" },
  ];
  expect(toItems(rows).map(({ kind, key }) => [kind, key])).toEqual([
    ["answer", "answer r"],
    ["message", "r.0"],
    ["answer", "answer r"],
    ["message", "q.0"],
  ]);
});

it("keeps steps together until text comes between", () => {
  const rows = [
    assistant("1", { reasoning: "hm", content: "First.", tool_calls: [call("a"), call("b")] }),
    tool("a"),
    tool("b"),
    assistant("4", { reasoning: "so", tool_calls: [call("c")], notices: [{ level: "warn", text: "careful" }] }),
    tool("c"),
    assistant("6", { content: "Done." }),
  ];
  expect(shape(rows)).toEqual([["reasoning"], "text", ["tool", "tool", "reasoning", "tool", "notice"], "text"]);
});

it("shows tools whose call lies on an older page", () => {
  expect(shape([tool("a"), assistant("2", { content: "x" })])).toEqual([["tool"], "text"]);
});

it("ends with what went wrong", () => {
  const error = { type: "auth", label: "No", message: "no", hint: "" };
  expect(shape([assistant("1", { content: "par", _partial: true }), assistant("2", { _error: true, error })])).toEqual([
    "text",
    "end",
  ]);
});

it("keeps failures and warnings in sight, and counts the work", () => {
  const [part] = toParts([
    assistant("1", { tool_calls: [call("a"), call("b")], notices: [{ level: "warn", text: "careful" }] }),
    tool("a", { started_at: 10, duration: 2 }),
    tool("b", { started_at: 11, duration: 4, is_error: true }),
  ]);
  if (part?.kind !== "steps") throw new Error("no steps");
  expect(part.steps.map(mustStay)).toEqual([false, true, true]);
  expect(workOf(part.steps)).toEqual({ steps: 2, seconds: 5 });
});

it("puts a question under the step that asks, and keeps it in sight", () => {
  const question = (id: string, tid: string) => ({
    id,
    kind: "approval" as const,
    command: "rm",
    description: "",
    pattern_keys: [],
    choices: [],
    requested_at: 0,
    expires_at: null,
    smart_denied: false,
    tid,
    subagent: "",
    answer: null,
  });
  const [part] = toParts([
    assistant("1", { tool_calls: [call("a"), call("b")], questions: [question("q1", "a"), question("q2", "")] }),
    tool("a"),
    tool("b"),
  ]);
  if (part?.kind !== "steps") throw new Error("no steps");
  expect(part.steps.map(({ key }) => key)).toEqual(["a", "question q1", "b", "question q2"]);
  expect(part.steps.map(mustStay)).toEqual([false, true, false, true]);
  expect(workOf(part.steps).steps).toBe(2);
});
