import type { IncomingMessage, ServerResponse } from "node:http";
import { Refusal, type Routes } from "./routes.ts";
import { questionRoutes } from "./routes-questions.ts";
import { sessionRoutes } from "./routes-sessions.ts";
import { scenarioFor } from "./scenarios.ts";
import { World } from "./world.ts";

/** The contract's routes over a world in memory. */
const world = new World();
world.fill();

const routes: Routes = {
  ...questionRoutes(world),
  ...sessionRoutes(world),
  "GET health": () => ({ status: "ok" }),
  "GET api/status": () => ({
    status: "ok",
    version: "0.1.0",
    default_model: "demo",
    default_provider: "demo",
    default_workspace: "/home/user/propylon",
    demo: true,
    agent: { state: "ready", version: "0.19.0", error: null },
  }),
  "GET api/sessions": (query) => world.list(Number(query.get("limit") ?? 50), query.get("cursor")),
  "GET api/session": (query) => {
    const before = query.get("msg_before");
    const detail = world.detail(
      query.get("session_id") ?? "",
      Number(query.get("msg_limit") ?? 50),
      before === null ? undefined : Number(before),
    );
    if (detail === null) throw new Refusal(404, "Session not found");
    return { session: detail };
  },
  "POST api/session/new": () => ({ session: world.detail(world.create().session_id, 50) }),
  "POST api/chat/start": (_, body, { request }) => {
    const session = world.sessions.get(body.session_id ?? "");
    const text = body.message ?? "";
    if (session && body.edit_message_id) {
      const rows = world.rows.get(session.session_id) ?? [];
      const at = rows.findIndex((row) => row.message_id === body.edit_message_id);
      if (at === -1 || text.includes("changed elsewhere"))
        throw new Refusal(409, "The conversation changed meanwhile", { code: "changed", revision: session.revision });
      world.rewrite(session, rows.slice(0, at), rows[at]?.content === text ? "regenerate" : "edit");
    }
    if (!session) throw new Refusal(404, "Session not found");
    if (text.trim() === "") throw new Refusal(400, "The message is empty");
    if (text.includes("refuse me")) throw new Refusal(503, "The server is restarting.");
    if (session.active_stream_id !== null)
      throw new Refusal(409, "A run is live in this session", { active_stream_id: session.active_stream_id });
    return world.start(session, text, scenarioFor(text), String(request.headers["idempotency-key"] ?? ""));
  },
  "POST api/chat/cancel": (_, body) => {
    const run = world.runs.get(body.stream_id ?? "");
    const cancelled = run?.finish("cancel", { message: "Stopped" }) ?? false;
    return { ok: true, cancelled, stream_id: body.stream_id };
  },
  "GET api/chat/stream/status": (query) => {
    const run = world.runs.get(query.get("stream_id") ?? "");
    return { active: run?.live ?? false, stream_id: run?.id ?? null, replay_available: run !== undefined };
  },
  "GET api/chat/stream": (query, _, { request, response }) => {
    const run = world.runs.get(query.get("stream_id") ?? "");
    if (run === undefined) throw new Refusal(404, "stream not found");
    const send = openStream(request, response);
    const leave = run.watch(Number(query.get("after_seq") ?? 0), (record) => {
      if (record === null) return response.end();
      send(`id: ${run.id}:${record.seq}\nevent: ${record.kind}\ndata: ${JSON.stringify(record.data)}\n\n`);
    });
    request.on("close", leave);
    const dropAfter = run.dropsAfterMs;
    if (dropAfter > 0) setTimeout(() => response.destroy(), dropAfter);
  },
  "GET api/sessions/events": (_query, _body, { request, response }) => {
    const send = openStream(request, response);
    request.on(
      "close",
      world.watch((change) => send(`event: sessions_changed\ndata: ${JSON.stringify(change)}\n\n`)),
    );
  },
  "GET api/tool-result": (query, _, { response }) => {
    response.setHeader("Content-Type", "text/plain; charset=utf-8");
    response.end(world.toolPart(query.get("tool_call_id") ?? "", query.get("part") ?? ""));
  },
};

/** True if the request was one of the contract's. */
export function answer(request: IncomingMessage, response: ServerResponse): boolean {
  const url = new URL(request.url ?? "/", "http://mock");
  const handler = routes[`${request.method} ${url.pathname.slice(1)}`];
  if (handler === undefined) return false;
  void readBody(request)
    .then((body) => handler(url.searchParams, body, { request, response }))
    .then(
      (value) => value !== undefined && !response.headersSent && json(response, 200, value),
      (error: unknown) => {
        const refusal = error instanceof Refusal ? error : new Refusal(500, String(error));
        json(response, refusal.status, { error: refusal.message, ...refusal.more });
      },
    );
  return true;
}

function json(response: ServerResponse, status: number, value: unknown): void {
  response.statusCode = status;
  response.setHeader("Content-Type", "application/json");
  response.end(JSON.stringify(value));
}

async function readBody(request: IncomingMessage): Promise<Record<string, string>> {
  if (request.method !== "POST") return {};
  let text = "";
  for await (const chunk of request) text += chunk;
  return JSON.parse(text || "{}");
}

function openStream(request: IncomingMessage, response: ServerResponse): (text: string) => void {
  response.setHeader("Content-Type", "text/event-stream");
  response.setHeader("Cache-Control", "no-store");
  response.write(": open\n\n");
  const beat = setInterval(() => response.write(": heartbeat\n\n"), 5000);
  request.on("close", () => clearInterval(beat));
  return (text) => response.write(text);
}
