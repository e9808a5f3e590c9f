import { act, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { useAnswering } from "../../live/answers";
import { writeDraft } from "../../live/drafts";
import { foldAll } from "../../live/fold";
import { emptyRun } from "../../live/run-state";
import { NEW_THREAD, useThread } from "../../live/thread-store";
import { QuestionDock } from "./QuestionDock";

const now = () => Date.now() / 1000;
const CHOICES = ["once", "session", "always", "deny"];

const approval = (id: string, more: object = {}) => ({
  kind: "approval",
  data: {
    approval_id: id,
    session_id: "s1",
    command: `rm -rf ${id}`,
    choices: CHOICES,
    requested_at: now(),
    expires_at: now() + 60,
    ...more,
  },
});
const clarify = (id: string, choices: string[]) => ({
  kind: "clarify",
  data: { clarify_id: id, session_id: "s1", question: "Which?", choices_offered: choices, requested_at: now() },
});

let fetched: ReturnType<typeof vi.fn>;

function shown(...events: { kind: string; data: object }[]) {
  const state = foldAll(
    emptyRun("r"),
    events.map((event, index) => ({ seq: index + 1, ...event })),
  );
  useThread.setState({
    sessionId: "s1",
    live: { run: "r", startedAt: 0, state, heardAt: 0, stopping: false },
  });
  render(<QuestionDock />);
  settle();
}

/** A card that has just come allows nothing yet. */
const settle = () => act(() => vi.setSystemTime(Date.now() + 1000));

const press = (name: string) => fireEvent.click(screen.getByRole("button", { name }));
const bodies = () => fetched.mock.calls.map(([url, { body }]) => [url, JSON.parse(body)]);

beforeEach(() => {
  vi.useFakeTimers({ shouldAdvanceTime: true });
  fetched = vi.fn(async () => new Response('{"ok": true}'));
  vi.stubGlobal("fetch", fetched);
});

afterEach(() => {
  useThread.setState(NEW_THREAD);
  useAnswering.setState({}, true);
  for (const id of ["a", "b", "c"]) writeDraft(`question ${id}`, "");
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

it("shows the whole command and only the choices that there are", () => {
  shown(approval("a", { choices: ["once", "deny"], smart_denied: true, description: "deletes a folder" }));
  expect(screen.getByLabelText("Command").textContent).toBe("rm -rf a");
  expect(screen.queryByRole("button", { name: "Always" })).toBeNull();
  expect(screen.getByText(/judged this command dangerous/)).toBeTruthy();
  expect(screen.getByText("Asked because:").parentElement?.textContent).toContain("deletes a folder");
});

it("answers each question by its own id, with a reason only for a denial", async () => {
  shown(approval("a"), approval("b"));
  expect(screen.getByText("1 of 2")).toBeTruthy();
  press("Next question");
  settle();
  press("Allow once");
  press("Previous question");
  press("Deny with a reason");
  fireEvent.change(screen.getByLabelText("Reason for the denial"), { target: { value: "keep it" } });
  press("Deny");
  await vi.waitFor(() =>
    expect(bodies()).toEqual([
      ["api/approval/respond", { session_id: "s1", approval_id: "b", choice: "once" }],
      ["api/approval/respond", { session_id: "s1", approval_id: "a", choice: "deny", reason: "keep it" }],
    ]),
  );
});

it("answers once, however often it is pressed", () => {
  shown(approval("a"));
  press("Allow once");
  fireEvent.click(screen.getByRole("button", { name: "Deny" }));
  expect(fetched).toHaveBeenCalledTimes(1);
});

it("does not take a press that was meant for what lay there before", () => {
  const state = foldAll(emptyRun("r"), [{ seq: 1, ...approval("a") }]);
  useThread.setState({ sessionId: "s1", live: { run: "r", startedAt: 0, state, heardAt: 0, stopping: false } });
  render(<QuestionDock />);
  press("Allow once");
  expect(fetched).not.toHaveBeenCalled();
});

it("decides nothing by a key alone", () => {
  shown(approval("a"));
  for (const key of ["Enter", "o", "d", "y"]) fireEvent.keyDown(window, { key, code: `Key${key.toUpperCase()}` });
  expect(fetched).not.toHaveBeenCalled();
  fireEvent.keyDown(window, { code: "KeyO", altKey: true, shiftKey: true });
  expect(bodies()[0]?.[1]).toMatchObject({ choice: "once" });
});

it("says that an answer did not arrive, keeps its reason, and gives it again", async () => {
  fetched.mockResolvedValueOnce(new Response('{"error": "Restarting."}', { status: 503 }));
  shown(approval("a"));
  press("Deny with a reason");
  fireEvent.change(screen.getByLabelText("Reason for the denial"), { target: { value: "keep it" } });
  press("Deny");
  await screen.findByText(/did not arrive. Restarting/);
  expect(screen.getByLabelText("Reason for the denial")).toHaveProperty("value", "keep it");
  press("Try again");
  await vi.waitFor(() => expect(fetched).toHaveBeenCalledTimes(2));
  expect(bodies()[1]?.[1]).toMatchObject({ choice: "deny", reason: "keep it" });
});

it("says that it was decided elsewhere", async () => {
  const stale = { error: "No longer open", code: "stale", stale: true, answer: null };
  fetched.mockResolvedValueOnce(new Response(JSON.stringify(stale), { status: 409 }));
  shown(approval("a"));
  press("Allow once");
  await screen.findByText(/already decided/);
  expect(screen.getByRole("button", { name: "Deny" })).toHaveProperty("disabled", true);
});

it("counts down and takes no answer after that", async () => {
  shown(approval("a", { expires_at: now() + 3 }));
  expect(screen.getByRole("timer").textContent).toMatch(/0:0\d left/);
  await act(() => vi.advanceTimersByTimeAsync(4000));
  expect(screen.getByRole("timer").textContent).toBe("Time is up");
  expect(screen.getByRole("button", { name: "Allow once" })).toHaveProperty("disabled", true);
});

it("takes a choice or a person's own words for a question, never nothing", async () => {
  shown(clarify("c", ["red", "blue"]));
  expect(screen.queryByRole("timer")).toBeNull();
  expect(screen.getByRole("button", { name: "Answer" })).toHaveProperty("disabled", true);
  const field = screen.getByLabelText("Your own answer");
  fireEvent.change(field, { target: { value: " green " } });
  fireEvent.keyDown(field, { key: "Enter" });
  await vi.waitFor(() =>
    expect(bodies()).toEqual([["api/clarify/respond", { session_id: "s1", clarify_id: "c", response: "green" }]]),
  );
});

it("spells out what would not be seen in a command", () => {
  shown(approval("a", { command: "echo \u202eevil" }));
  expect(screen.getByLabelText("Command").textContent).toBe("echo U+202Eevil");
});
