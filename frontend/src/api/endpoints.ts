import { address, get, getText, post } from "./client";
import type { RunStarted, ServerStatus, SessionDetail, SessionPage, StreamStatus } from "./types";

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

export const startRun = (session: string, message: string, key: string) =>
  post<RunStarted>("api/chat/start", { session_id: session, message }, { "Idempotency-Key": key });

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
