import type { SessionFacts } from "../../api/types.ts";
import { Refusal, type Routes } from "./routes.ts";
import type { World } from "./world.ts";

/** The queue, and what is done with a session as a whole. */
export function sessionRoutes(world: World): Routes {
  const session = (id: string | null | undefined): SessionFacts => {
    const found = world.sessions.get(id ?? "");
    if (!found) throw new Refusal(404, "Session not found");
    return found;
  };
  const changed = (asked: SessionFacts, run: string | null = null) => {
    world.settle(asked, {}, "queue");
    return { ok: true, ...world.waiting(asked), stream_id: run };
  };
  const rowsOf = (asked: SessionFacts) => world.rows.get(asked.session_id) ?? [];
  return {
    "GET api/queue": (query) => world.waiting(session(query.get("session_id"))),
    "POST api/queue/add": (_, body) => {
      const asked = session(body.session_id);
      const text = body.message ?? "";
      if (text.includes("refuse me")) throw new Refusal(503, "The server is restarting.");
      const free = asked.active_stream_id === null && world.queue.of(asked.session_id).length === 0;
      world.queue.add(asked.session_id, body.id ?? "", text, Boolean(body.first));
      return changed(asked, free ? world.sendNext(asked) : null);
    },
    "POST api/queue/edit": (_, body) => {
      world.queue.edit(session(body.session_id).session_id, body.id ?? "", body.message ?? "");
      return changed(session(body.session_id));
    },
    "POST api/queue/remove": (_, body) => {
      world.queue.remove(session(body.session_id).session_id, body.id ?? "");
      return changed(session(body.session_id));
    },
    "POST api/queue/move": (_, body) => {
      world.queue.move(session(body.session_id).session_id, body.id ?? "", body.before ?? null);
      return changed(session(body.session_id));
    },
    "POST api/queue/send": (_, body) => {
      const asked = session(body.session_id);
      return changed(asked, world.sendNext(asked));
    },
    "POST api/session/undo": (_, body) => {
      const asked = session(body.session_id);
      const rows = rowsOf(asked);
      const at = rows.findLastIndex((row) => row.role === "user");
      if (at === -1) throw new Refusal(400, "There is nothing to take back");
      world.rewrite(asked, rows.slice(0, at), "undo");
      return { ok: true, removed_count: rows.length - at, removed_preview: rows[at]?.content ?? "" };
    },
    "POST api/session/clear": (_, body) => {
      world.rewrite(session(body.session_id), [], "clear");
      return { ok: true };
    },
    "POST api/session/branch": (_, body) => {
      const asked = session(body.session_id);
      const at = rowsOf(asked).findIndex((row) => row.message_id === body.message_id);
      const made = world.copy(asked, rowsOf(asked).slice(0, at + 1), `${asked.title} (branch)`);
      return { session_id: made.session_id, title: made.title };
    },
    "POST api/session/duplicate": (_, body) => {
      const asked = session(body.session_id);
      return { session: world.copy(asked, rowsOf(asked), `${asked.title} (copy)`) };
    },
    "GET api/session/branches": (query) => {
      const asked = session(query.get("session_id"));
      return { branches: world.versions.list(asked.session_id, rowsOf(asked)) };
    },
    "POST api/session/restore": (_, body) => {
      if (!world.restore(session(body.session_id), body.branch ?? ""))
        throw new Refusal(404, "There is no such version");
      return { ok: true };
    },
    "GET api/personalities": () => ({
      personalities: [
        { name: "concise", description: "Short answers without ornament" },
        { name: "teacher", description: "Explains each step as it goes" },
      ],
    }),
    "GET api/mcp/servers": () => ({
      servers: [
        { name: "calendar", transport: "stdio", status: "connected", tools: 4, error: "" },
        { name: "wiki", transport: "http", status: "failed", tools: 0, error: "The server closed the connection" },
      ],
    }),
    "POST api/session/update": (_, body) => {
      const { session_id, ...settings } = body;
      world.settle(session(session_id), settings, "settings");
      return { ok: true };
    },
    "POST api/session/rename": (_, body) => {
      const title = (body.title ?? "").trim();
      if (title.includes("refuse me")) throw new Refusal(503, "The server is restarting.");
      world.settle(session(body.session_id), { title }, "title");
      return { ok: true };
    },
  };
}
