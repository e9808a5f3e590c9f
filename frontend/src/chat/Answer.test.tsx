import { fireEvent, render, screen } from "@testing-library/react";
import { expect, it } from "vitest";
import type { RunRecord } from "../live/events";
import { foldAll } from "../live/fold";
import { emptyRun } from "../live/run-state";
import { Answer } from "./Answer";
import { toParts } from "./turns";

const records = (...events: [string, object][]): RunRecord[] =>
  events.map(([kind, data], index) => ({ seq: index + 1, kind, data }));

const WORK = records(
  ["tool", { tid: "a", name: "terminal", args: { command: "ls" }, at: 10 }],
  ["tool_complete", { tid: "a", name: "terminal", result: '{"output":"file.txt"}', duration: 2 }],
  ["tool", { tid: "b", name: "read_file", args: { path: "x.py" }, at: 12 }],
  ["tool_complete", { tid: "b", name: "read_file", result: "text", duration: 60 }],
  ["tool", { tid: "c", name: "terminal", args: { command: "false" }, at: 80 }],
  ["tool_complete", { tid: "c", name: "terminal", result: "", duration: 2, is_error: true }],
  ["token", { text: "All **done**." }],
);

function answer(run: string, events: RunRecord[], live: boolean) {
  const state = foldAll(emptyRun(run), events);
  return <Answer parts={toParts(state.rows)} live={live} pending={state.pending} />;
}

const tools = () => [...document.querySelectorAll("[data-tool]")].map((node) => node.getAttribute("data-tool-state"));

it("shows steps while the agent is at them, then folds all but the failed one", () => {
  const view = render(answer("one", WORK.slice(0, 5), true));
  expect(tools()).toEqual(["done", "done", "running"]);
  view.rerender(answer("one", WORK, true));
  expect(tools()).toEqual(["failed"]);
  fireEvent.click(screen.getByRole("button", { name: "Worked for 1 m 12 s, 3 steps" }));
  expect(tools()).toEqual(["done", "done", "failed"]);
});

it("opens a step to its details in place", () => {
  render(answer("two", WORK.slice(0, 2), true));
  expect(screen.queryByText("file.txt")).toBeNull();
  fireEvent.click(screen.getByRole("button", { name: /Ran/ }));
  expect(screen.getByText("file.txt")).toBeTruthy();
});

it("says what a failure is, what it means and what to do", () => {
  const failure = { type: "auth", label: "The key was refused", message: "Not accepted.", hint: "Run `hermes model`." };
  render(answer("three", records(["token", { text: "I beg" }], ["apperror", { session_id: "s", ...failure }]), false));
  const card = screen.getByRole("region", { name: "Failure" });
  expect(card.textContent).toContain("Not accepted.");
  expect(card.querySelector("code")?.textContent).toBe("hermes model");
});

it("leads nowhere unsafe and loads nothing from elsewhere", () => {
  const text =
    "[a](javascript:alert(1)) [b](https://example.org/x) ![c](https://img.example.org/p.png) <img src=x onerror=1>";
  render(answer("four", records(["token", { text }]), false));
  expect(screen.getAllByRole("link").map((link) => link.getAttribute("href"))).toEqual([
    "https://example.org/x",
    "https://img.example.org/p.png",
  ]);
  expect(document.querySelector("img")).toBeNull();
  for (const link of screen.getAllByRole("link")) expect(link.getAttribute("rel")).toContain("noopener");
});
