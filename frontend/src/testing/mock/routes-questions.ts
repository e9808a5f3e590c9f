import type { SessionFacts } from "../../api/types.ts";
import { Refusal, type Routes } from "./routes.ts";
import { scenarioFor } from "./scenarios.ts";
import type { World } from "./world.ts";

/** Answers, permissions and words to the agent at work. */
export function questionRoutes(world: World): Routes {
  const session = (id: string | null | undefined): SessionFacts => {
    const found = world.sessions.get(id ?? "");
    if (!found) throw new Refusal(404, "Session not found");
    return found;
  };
  const decide = (id: string, decision: { by: string; choice?: string; text?: string; reason?: string }) => {
    const run = [...world.runs.values()].find((one) => one.knows(id));
    const before = run?.decide(id, decision);
    if (before !== null)
      throw new Refusal(409, "This question is no longer open", { code: "stale", stale: true, answer: before ?? null });
  };
  return {
    "POST api/approval/respond": (_, body) => {
      if (body.reason?.includes("refuse me")) throw new Refusal(503, "The server is restarting.");
      const choice = body.choice ?? "";
      decide(body.approval_id ?? "", { by: "person", choice, reason: body.reason ?? "" });
      const asked = session(body.session_id);
      if (choice === "session" || choice === "always")
        world.settle(asked, { granted: [...new Set([...(asked.granted ?? []), "recursive delete"])] }, "settings");
      return { ok: true, choice };
    },
    "POST api/clarify/respond": (_, body) => {
      const text = (body.response ?? "").trim();
      if (text === "") throw new Refusal(400, "response: nothing was written");
      if (text.includes("refuse me")) throw new Refusal(503, "The server is restarting.");
      decide(body.clarify_id ?? "", { by: "person", text });
      return { ok: true, response: text };
    },
    "POST api/approval/revoke": (_, body) => {
      const asked = session(body.session_id);
      const granted = (asked.granted ?? []).filter((key) => key !== body.pattern_key);
      world.settle(asked, { granted }, "settings");
      return { ok: true, granted };
    },
    "POST api/session/yolo": (_, body) => {
      const asked = session(body.session_id);
      const on = Boolean(body.enabled);
      world.settle(asked, { yolo_enabled: on }, "settings");
      if (on) world.liveRun(asked)?.decideAll();
      return { ok: true, yolo_enabled: on };
    },
    "POST api/chat/steer": (_, body) => {
      const run = world.liveRun(session(body.session_id));
      if (run === undefined) return { accepted: false, fallback: "not_running", stream_id: "" };
      const accepted = run.steer(body.text ?? "");
      return { accepted, stream_id: run.id, ...(accepted ? {} : { fallback: "not_listening" }) };
    },
    "POST api/chat/interrupt": (_, body, { request }) => {
      const asked = session(body.session_id);
      const text = body.message ?? "";
      if (text.includes("refuse me")) throw new Refusal(503, "The server is restarting.");
      world.liveRun(asked)?.finish("cancel", { message: "Stopped" });
      return world.start(asked, text, scenarioFor(text), String(request.headers["idempotency-key"] ?? ""));
    },
  };
}
