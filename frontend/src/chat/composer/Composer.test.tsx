import { fireEvent, render, screen } from "@testing-library/react";
import { afterEach, expect, it, vi } from "vitest";
import { writeDraft } from "../../live/drafts";
import { emptyRun } from "../../live/run-state";
import { NEW_THREAD, useThread } from "../../live/thread-store";
import { Composer } from "./Composer";

const live = { run: "r", startedAt: 0, state: emptyRun("r"), heardAt: 0, stopping: false };

function shown() {
  const onSend = vi.fn();
  render(<Composer workspace="/home/user/propylon" onSend={onSend} />);
  return { onSend, field: screen.getByRole("textbox", { name: "Message" }) };
}

afterEach(() => {
  useThread.setState(NEW_THREAD);
  writeDraft("new", "");
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

it("has Stop where Send was while the agent works, and keeps what is typed", () => {
  useThread.setState({ live });
  const { onSend, field } = shown();
  expect(screen.queryByRole("button", { name: "Send" })).toBeNull();
  expect(screen.getByRole("button", { name: "Stop" })).toBeTruthy();
  fireEvent.change(field, { target: { value: "next" } });
  fireEvent.keyDown(field, { key: "Enter" });
  expect(onSend).not.toHaveBeenCalled();
  expect(screen.getByText(/Your text waits here/)).toBeTruthy();
});
