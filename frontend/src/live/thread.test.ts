import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Row, SessionDetail } from "../api/types";
import { sessionRow } from "../testing/rows";
import { frame } from "../testing/streams";
import { readDraft, writeDraft } from "./drafts";
import { send } from "./sending";
import { onSessionsChanged, openSession, stop } from "./thread";
import { useThread } from "./thread-store";

type Answer = (url: URL, init: RequestInit) => Response | Promise<Response>;

let routes: Record<string, Answer>;
let asked: { path: string; query: string; init: RequestInit }[];

const json = (value: unknown, status = 200) => new Response(JSON.stringify(value), { status });
const detail = (more: Partial<SessionDetail> = {}): SessionDetail => ({
  ...sessionRow(),
  pending_user_message: null,
  pending_started_at: null,
  messages: [],
  _messages_offset: 0,
  _messages_truncated: false,
  ...more,
});
const STARTED = { stream_id: "r1", session_id: "s1", message_id: "r1.0", pending_started_at: 5, title: "Hi" };
const RUN = [
  frame(1, "token", { text: "Hello" }),
  frame(2, "done", { session_id: "s1", end: 2 }),
  frame(3, "stream_end"),
];
const shown = () => useThread.getState().rows.map(({ message_id, content }) => [message_id, content]);
const until = (check: () => void) => vi.waitFor(check, { timeout: 3000 });

beforeEach(() => {
  asked = [];
  routes = {
    "api/session": () => json({ session: detail() }),
    "api/session/new": () => json({ session: detail() }),
    "api/chat/start": () => json(STARTED),
    "api/chat/stream": () => new Response(RUN.join("")),
    "api/chat/stream/status": () => json({ active: true, stream_id: "r1", replay_available: true }),
  };
  vi.stubGlobal("fetch", async (input: string, init: RequestInit = {}) => {
    const url = new URL(input, "http://page/");
    asked.push({ path: url.pathname.slice(1), query: url.search, init });
    const route = routes[url.pathname.slice(1)];
    if (!route) throw new TypeError("no route");
    return route(url, init);
  });
});

afterEach(() => {
  openSession(null);
  for (const key of ["new", "s1", "s2"]) writeDraft(key, "");
  vi.unstubAllGlobals();
});

async function ready(): Promise<void> {
  openSession("s1");
  await until(() => expect(useThread.getState().phase).toBe("ready"));
}

it("makes a session of the first message and keeps the run's rows without reading them again", async () => {
  const opened = vi.fn();
  await send("Hi", opened);
  expect(opened).toHaveBeenCalledWith("s1");
  await until(() => expect(useThread.getState().outcome).toBe("done"));
  expect(shown()).toEqual([
    ["r1.0", "Hi"],
    ["r1.1", "Hello"],
  ]);
  expect(asked.filter(({ path, query }) => path === "api/session" && !query.includes("messages=false"))).toEqual([]);
});

it("shows stored rows and folds the live run of a session that is opened again", async () => {
  const messages: Row[] = [{ message_id: "r1.0", run_id: "r1", role: "user", content: "Hi" }];
  routes["api/session"] = () => json({ session: detail({ messages, active_stream_id: "r1", pending_started_at: 5 }) });
  await ready();
  await until(() => expect(useThread.getState().live).toBeNull());
  expect(shown()).toEqual([
    ["r1.0", "Hi"],
    ["r1.1", "Hello"],
  ]);
});

it("gives the text back when the message does not go out, and sends it again as the same message", async () => {
  await ready();
  routes["api/chat/start"] = () => Promise.reject(new TypeError("no network"));
  await send("Hi", vi.fn());
  expect(readDraft("s1")).toBe("Hi");
  expect(useThread.getState()).toMatchObject({ sending: null, live: null });
  expect(useThread.getState().sendProblem).toContain("not sent");
  routes["api/chat/start"] = () => json(STARTED);
  await send("Hi", vi.fn());
  const keys = asked
    .filter(({ path }) => path === "api/chat/start")
    .map(({ init }) => new Headers(init.headers).get("Idempotency-Key"));
  expect(keys).toHaveLength(2);
  expect(keys[0]).toBe(keys[1]);
  expect(readDraft("s1")).toBe("");
});

it("joins the run that is already live instead of starting another", async () => {
  await ready();
  routes["api/chat/start"] = () => json({ error: "A run is live", active_stream_id: "r1" }, 409);
  routes["api/session"] = () =>
    json({
      session: detail({
        messages: [{ message_id: "r1.0", run_id: "r1", role: "user", content: "From the other tab" }],
        active_stream_id: "r1",
      }),
    });
  await send("Hi", vi.fn());
  expect(readDraft("s1")).toBe("Hi");
  await until(() => expect(shown().at(-1)).toEqual(["r1.1", "Hello"]));
});

it("joins a run that another tab started", async () => {
  await ready();
  routes["api/session"] = () =>
    json({
      session: detail({
        messages: [{ message_id: "r1.0", run_id: "r1", role: "user", content: "Elsewhere" }],
        active_stream_id: "r1",
      }),
    });
  onSessionsChanged({ reason: "run_started", session_id: "s1", active_stream_id: "r1" });
  await until(() =>
    expect(shown()).toEqual([
      ["r1.0", "Elsewhere"],
      ["r1.1", "Hello"],
    ]),
  );
});

it("reads the session again when the server no longer has the stream", async () => {
  const messages: Row[] = [{ message_id: "r1.0", run_id: "r1", role: "user", content: "Hi" }];
  let reads = 0;
  routes["api/chat/stream"] = () => json({ error: "stream not found" }, 404);
  routes["api/session"] = () => {
    reads += 1;
    if (reads === 1) return json({ session: detail({ messages, active_stream_id: "r1" }) });
    return json({
      session: detail({
        messages: [...messages, { message_id: "r1.1", run_id: "r1", role: "assistant", content: "Stored" }],
      }),
    });
  };
  openSession("s1");
  await until(() => expect(shown().at(-1)).toEqual(["r1.1", "Stored"]));
  expect(useThread.getState().live).toBeNull();
});

it("says that a stop did not reach the server", async () => {
  await ready();
  routes["api/chat/stream"] = (_, { signal }) =>
    new Response(
      new ReadableStream({
        start: (controller) => signal?.addEventListener("abort", () => controller.error(new Error("left"))),
      }),
    );
  await send("Hi", vi.fn());
  await stop();
  expect(useThread.getState().sendProblem).toContain("not stopped");
  expect(useThread.getState().live?.stopping).toBe(false);
});

it("knows a session that does not exist", async () => {
  routes["api/session"] = () => json({ error: "Session not found" }, 404);
  openSession("s2");
  await until(() => expect(useThread.getState().phase).toBe("missing"));
});
