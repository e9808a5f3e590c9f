import type { EventSourceMessage } from "eventsource-parser";
import { ApiError } from "../api/client";
import { runStatus, runStreamAddress } from "../api/endpoints";
import { keepConnected, type LineState, type Surroundings } from "./connection";
import { isTerminal, type RunRecord } from "./events";

const QUIET_MS = 12_000;

export interface FollowOptions {
  run: string;
  after: number;
  signal: AbortSignal;
  onRecord: (record: RunRecord) => void;
  onLine: (line: LineState) => void;
  status?: typeof runStatus;
  surroundings?: Surroundings;
}

/** Follows a run from a cursor to its end, each event once. "gone": the server no longer has it, read the session instead. */
export async function followRun(options: FollowOptions): Promise<"ended" | "gone" | "left"> {
  const { run, signal, onRecord, onLine, status = runStatus } = options;
  let cursor = options.after;
  let ended = false;
  let gone = false;
  await keepConnected({
    url: () => runStreamAddress(run, cursor),
    signal,
    quietMs: QUIET_MS,
    onLine,
    over: () => ended,
    onFrame: (frame) => {
      const record = readRecord(frame);
      if (record === null || record.seq <= cursor) return;
      cursor = record.seq;
      onRecord(record);
      ended ||= isTerminal(frame.event ?? "");
    },
    afterLoss: async (code) => {
      gone = code === 404 || (await isForgotten(run, signal, status));
      return gone ? "stop" : "retry";
    },
    ...(options.surroundings ? { surroundings: options.surroundings } : {}),
  });
  if (ended) return "ended";
  return gone ? "gone" : "left";
}

/** The number after the last colon of the id is the event's place in its run. */
export function readRecord(frame: EventSourceMessage): RunRecord | null {
  const seq = Number.parseInt(frame.id?.slice(frame.id.lastIndexOf(":") + 1) ?? "", 10);
  if (!Number.isSafeInteger(seq) || seq < 1) return null;
  try {
    const data: unknown = JSON.parse(frame.data);
    if (typeof data === "object" && data !== null) return { seq, kind: frame.event ?? "message", data };
  } catch {
    // An unreadable frame still moves the cursor.
  }
  return { seq, kind: "unreadable", data: null };
}

async function isForgotten(run: string, signal: AbortSignal, status: typeof runStatus): Promise<boolean> {
  try {
    const { active, replay_available } = await status(run, signal);
    return !active && !replay_available;
  } catch (error) {
    return error instanceof ApiError && error.status === 404;
  }
}
