import { address, get, getText, post } from "./client";
import type {
  Branch,
  Choice,
  McpServer,
  Personality,
  Queue,
  Row,
  RunStarted,
  ServerStatus,
  SessionDetail,
  SessionFacts,
  SessionPage,
  StreamStatus,
} from "./types";

export const PAGE_SIZE = 50;

export const listSessions = (cursor: string | null, signal?: AbortSignal) =>
  get<SessionPage>(address("api/sessions", { limit: PAGE_SIZE, cursor }), signal);

export const readSession = async (id: string, before?: number, signal?: AbortSignal) =>
  (
    await get<{ session: SessionDetail }>(
      address("api/session", { session_id: id, msg_limit: PAGE_SIZE, msg_before: before }),
      signal,
    )
  ).session;

export const createSession = async () => (await post<{ session: SessionDetail }>("api/session/new", {})).session;

/** The session without its rows. */
export const readFacts = async (id: string, signal?: AbortSignal) =>
  (await get<{ session: SessionFacts }>(address("api/session", { session_id: id, messages: "false" }), signal)).session;

/** The message that another one replaces, with all after it. */
export interface Replaced {
  edit_message_id: string;
  revision: number | string | undefined;
}

export const startRun = (session: string, message: string, key: string, replaced?: Replaced) =>
  post<RunStarted>("api/chat/start", { session_id: session, message, ...replaced }, { "Idempotency-Key": key });

export const interruptRun = (session: string, message: string, key: string) =>
  post<RunStarted>("api/chat/interrupt", { session_id: session, message }, { "Idempotency-Key": key });

export const steerRun = (session: string, text: string, word: string) =>
  post<{ accepted: boolean; fallback?: string; stream_id: string }>("api/chat/steer", {
    session_id: session,
    text,
    word,
  });

export const answerApproval = (session: string, id: string, choice: Choice, reason: string) =>
  post<{ ok: boolean }>("api/approval/respond", {
    session_id: session,
    approval_id: id,
    choice,
    ...(reason ? { reason } : {}),
  });

export const answerClarify = (session: string, id: string, response: string) =>
  post<{ ok: boolean }>("api/clarify/respond", { session_id: session, clarify_id: id, response });

export const revokeGrant = (session: string, pattern: string) =>
  post<{ granted: string[] }>("api/approval/revoke", { session_id: session, pattern_key: pattern });

export const setYolo = (session: string, enabled: boolean) =>
  post<{ yolo_enabled: boolean }>("api/session/yolo", { session_id: session, enabled });

type QueueChange = Queue & { stream_id?: string | null };

export const readQueue = (session: string, signal?: AbortSignal) =>
  get<Queue>(address("api/queue", { session_id: session }), signal);

export const addToQueue = (session: string, id: string, message: string, first = false) =>
  post<QueueChange>("api/queue/add", { session_id: session, id, message, first });

export const editQueued = (session: string, id: string, message: string) =>
  post<QueueChange>("api/queue/edit", { session_id: session, id, message });

export const removeQueued = (session: string, id: string) =>
  post<QueueChange>("api/queue/remove", { session_id: session, id });

export const moveQueued = (session: string, id: string, before: string | null) =>
  post<QueueChange>("api/queue/move", { session_id: session, id, before });

export const sendQueued = (session: string) => post<QueueChange>("api/queue/send", { session_id: session });

export const undoExchange = (session: string, revision: number | string | undefined) =>
  post<{ removed_count: number; removed_preview: string }>("api/session/undo", { session_id: session, revision });

export const clearSession = (session: string, revision: number | string | undefined) =>
  post<{ ok: boolean }>("api/session/clear", { session_id: session, revision });

export const branchSession = (session: string, message: string) =>
  post<{ session_id: string; title: string }>("api/session/branch", { session_id: session, message_id: message });

export const duplicateSession = async (session: string) =>
  (await post<{ session: SessionFacts }>("api/session/duplicate", { session_id: session })).session;

export const renameSession = (session: string, title: string) =>
  post<unknown>("api/session/rename", { session_id: session, title });

export const readBranches = async (session: string, signal?: AbortSignal) =>
  (await get<{ branches: Branch[] }>(address("api/session/branches", { session_id: session }), signal)).branches;

export const restoreBranch = (session: string, branch: string) =>
  post<unknown>("api/session/restore", { session_id: session, branch });

export const cancelRun = (run: string) =>
  post<{ ok: boolean; cancelled: boolean }>("api/chat/cancel", { stream_id: run });

export const runStatus = (run: string, signal?: AbortSignal) =>
  get<StreamStatus>(address("api/chat/stream/status", { stream_id: run }), signal);

export const runStreamAddress = (run: string, after: number) =>
  address("api/chat/stream", { stream_id: run, after_seq: after, replay: 1 });

export const SESSION_EVENTS_ADDRESS = "api/sessions/events";

export const readToolPart = (session: string, tool: string, part: string) =>
  getText(address("api/tool-result", { session_id: session, tool_call_id: tool, part }));

export const serverStatus = (signal?: AbortSignal) => get<ServerStatus>("api/status", signal);

export const readPersonalities = async (session: string, signal?: AbortSignal) =>
  (await get<{ personalities: Personality[] }>(address("api/personalities", { session_id: session }), signal))
    .personalities;

/** A row as it was said, where what is shown has its secrets masked. */
export const revealRow = async (session: string, message: string) =>
  (await get<{ message: Row }>(address("api/session/reveal", { session_id: session, message_id: message }))).message;

export const readServers = async (session: string, signal?: AbortSignal) =>
  (await get<{ servers: McpServer[] }>(address("api/mcp/servers", { session_id: session }), signal)).servers;

export const updateSession = (session: string, settings: { personality?: string; reasoning_effort?: string }) =>
  post<unknown>("api/session/update", { session_id: session, ...settings });
