import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Row } from "../api/types";
import { sessionRow } from "../testing/rows";
import { useToasts } from "../ui/toasts";
import { replaceMessage, undoLast } from "./history";
import { openSession } from "./thread";
import { useThread } from "./thread-store";

const ROWS: Row[] = [
  { message_id: "a.0", run_id: "a", role: "user", content: "Hi" },
  { message_id: "a.1", run_id: "a", role: "assistant", content: "Hello" },
];
const STARTED = { stream_id: "b", session_id: "s1", message_id: "b.0", pending_started_at: 5, title: "Hi" };

let rows: Row[];
let revision: number;
let refuse: (body: Record<string, unknown>) => boolean;
let asked: [string, Record<string, unknown>][];

const json = (value: unknown, status = 200) => new Response(JSON.stringify(value), { status });
const until = (check: () => void) => vi.waitFor(check, { timeout: 3000 });

beforeEach(async () => {
  rows = ROWS;
  revision = 1;
  refuse = () => false;
  asked = [];
  useToasts.setState({ toasts: [] });
  vi.stubGlobal("fetch", async (input: string, init: RequestInit = {}) => {
    const path = input.split("?")[0] ?? "";
    const body = init.body ? JSON.parse(String(init.body)) : {};
    if (init.method === "POST") asked.push([path, body]);
    if (path === "api/session")
      return json({
        session: { ...sessionRow(), messages: rows, _messages_offset: 0, revision, active_stream_id: null },
      });
    if (path === "api/session/branches") return json({ branches: [{ id: "main", active: true }] });
    if (init.method === "POST" && refuse(body))
      return json({ error: "The conversation changed meanwhile", code: "changed", revision }, 409);
    if (path === "api/chat/start") return json(STARTED);
    if (path === "api/session/undo") {
      rows = [];
      return json({ ok: true, removed_count: 2, removed_preview: "Hi" });
    }
    if (path === "api/session/restore") {
      rows = ROWS;
      return json({ ok: true });
    }
    return json({});
  });
  openSession("s1");
  await until(() => expect(useThread.getState().phase).toBe("ready"));
});

afterEach(() => {
  openSession(null);
  vi.unstubAllGlobals();
});

it("replaces a message and all after it, and names the state it was made for", async () => {
  expect(await replaceMessage("a.0", "Hello?")).toBeNull();
  expect(asked[0]).toEqual([
    "api/chat/start",
    { session_id: "s1", message: "Hello?", edit_message_id: "a.0", revision: 1 },
  ]);
  expect(useThread.getState().rows.map(({ content }) => content)).toEqual(["Hello?"]);
  expect(useToasts.getState().toasts[0]?.action?.label).toBe("Undo");
});

it("makes the change again when the state is another but what was said is the same", async () => {
  revision = 7;
  refuse = (body) => body.revision !== 7;
  expect(await replaceMessage("a.0", "Hello?")).toBeNull();
  expect(asked.map(([, body]) => body.revision)).toEqual([1, 7]);
});

it("reads the conversation again when it was changed elsewhere, and replaces nothing", async () => {
  rows = [...ROWS, { message_id: "c.0", run_id: "c", role: "user", content: "Elsewhere" }];
  refuse = () => true;
  expect(await replaceMessage("a.0", "Hello?")).toContain("changed elsewhere");
  expect(useThread.getState().rows).toHaveLength(3);
  expect(useThread.getState().sending).toBeNull();
});

it("takes an exchange back and brings it back", async () => {
  await undoLast();
  expect(useThread.getState().rows).toEqual([]);
  useToasts.getState().toasts.at(-1)?.action?.run();
  await until(() => expect(useThread.getState().rows).toHaveLength(2));
  expect(asked.at(-1)).toEqual(["api/session/restore", { session_id: "s1", branch: "main" }]);
});
