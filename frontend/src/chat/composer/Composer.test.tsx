import { fireEvent, render, screen } from "@testing-library/react";
import { afterEach, expect, it, vi } from "vitest";
import { writeDraft } from "../../live/drafts";
import { useQueue } from "../../live/queue";
import { emptyRun } from "../../live/run-state";
import { NEW_THREAD, useThread } from "../../live/thread-store";
import { chooseBusy } from "./busy";
import { Composer } from "./Composer";

const live = { run: "r", startedAt: 0, state: emptyRun("r"), heardAt: 0, stopping: false };

function shown() {
  const onSend = vi.fn();
  render(<Composer workspace="/home/user/propylon" onSend={onSend} />);
  return { onSend, field: screen.getByRole("textbox", { name: "Message" }) };
}

afterEach(() => {
  useThread.setState(NEW_THREAD);
  useQueue.setState({ session: null, items: [], paused: false, busy: false, problem: null });
  chooseBusy("queue");
  for (const key of ["new", "s1"]) writeDraft(key, "");
  vi.unstubAllGlobals();
});

it("names the folder and sends with Enter, not with Shift+Enter", () => {
  const { onSend, field } = shown();
  expect(field.getAttribute("placeholder")).toContain("propylon/");
  fireEvent.change(field, { target: { value: " list files " } });
  fireEvent.keyDown(field, { key: "Enter", shiftKey: true });
  expect(onSend).not.toHaveBeenCalled();
  fireEvent.keyDown(field, { key: "Enter" });
  expect(onSend).toHaveBeenCalledWith("list files");
});

it("does not send nothing", () => {
  const { onSend, field } = shown();
  fireEvent.change(field, { target: { value: "  " } });
  fireEvent.keyDown(field, { key: "Enter" });
  expect(onSend).not.toHaveBeenCalled();
  expect(screen.getByRole("button", { name: "Send" }).hasAttribute("disabled")).toBe(true);
});

it("has Stop where Send was while the agent works, and Enter queues", async () => {
  const fetch = vi.fn(async () => new Response(JSON.stringify({ queue: [], paused: false })));
  vi.stubGlobal("fetch", fetch);
  useThread.setState({ live, sessionId: "s1" });
  const { onSend, field } = shown();
  expect(screen.queryByRole("button", { name: "Send" })).toBeNull();
  expect(screen.getByRole("button", { name: "Stop" })).toBeTruthy();
  fireEvent.change(field, { target: { value: "next" } });
  fireEvent.keyDown(field, { key: "Enter" });
  expect(onSend).not.toHaveBeenCalled();
  await vi.waitFor(() => expect(sent(fetch)).toMatchObject([["api/queue/add", { session_id: "s1", message: "next" }]]));
  await vi.waitFor(() => expect(field).toHaveProperty("value", ""));
});

it("gives the text back when it could not be queued, and queues it again as the same message", async () => {
  const fetch = vi.fn(async () => new Response(JSON.stringify({ error: "Restarting." }), { status: 503 }));
  vi.stubGlobal("fetch", fetch);
  useThread.setState({ live, sessionId: "s1" });
  useQueue.setState({ session: "s1" });
  const { field } = shown();
  for (const count of [1, 2]) {
    fireEvent.change(field, { target: { value: "next" } });
    fireEvent.keyDown(field, { key: "Enter" });
    await vi.waitFor(() => expect(sent(fetch)).toHaveLength(count));
    await screen.findByText(/Restarting/);
    expect(field).toHaveProperty("value", "next");
  }
  const [one, two] = sent(fetch);
  expect(one?.[1].id).toBe(two?.[1].id);
});

it("says what Enter does, and remembers the choice", async () => {
  const fetch = vi.fn(async () => new Response(JSON.stringify({ accepted: false, fallback: "not_listening" })));
  vi.stubGlobal("fetch", fetch);
  useThread.setState({ live, sessionId: "s1" });
  const { field } = shown();
  fireEvent.click(screen.getByRole("radio", { name: "Steer" }));
  expect(localStorage.getItem("propylon.busy")).toBe("steer");
  expect(screen.getByText(/tells the agent now/)).toBeTruthy();
  fireEvent.change(field, { target: { value: "faster" } });
  fireEvent.keyDown(field, { key: "Enter" });
  await screen.findByText(/does not listen any more/);
  expect(field).toHaveProperty("value", "faster");
});

/** What was posted: path and body. */
const sent = (fetch: { mock: { calls: unknown[][] } }): [string, Record<string, unknown>][] =>
  fetch.mock.calls.flatMap(([url, init]) => {
    const { method, body } = (init ?? {}) as { method?: string; body?: string };
    return method === "POST" ? [[String(url), JSON.parse(body ?? "{}")]] : [];
  });
