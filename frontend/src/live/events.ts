import type { RunError } from "../api/types";

/** The run's events as they travel: `event: <kind>`, `data: <the rest>`. */
export interface EventData {
  token: { text: string };
  reasoning: { text: string };
  tool: {
    tid: string;
    name: string;
    preview?: string;
    args?: Record<string, unknown>;
    args_sizes?: Record<string, number>;
    at?: number;
  };
  tool_complete: {
    tid: string;
    name: string;
    result?: string;
    result_size?: number;
    duration?: number;
    is_error?: boolean;
  };
  status: { text: string; level?: string };
  compressed: { message: string; count?: number };
  answer: { text: string };
  done: { session_id: string; end: number };
  stream_end: { session_id: string };
  cancel: { session_id: string; message?: string };
  apperror: { session_id: string } & RunError;
}

export type EventKind = keyof EventData;

export type KnownRecord = { [K in EventKind]: { seq: number; kind: K; data: EventData[K] } }[EventKind];

/** One numbered event of a run. Kinds this page does not know only move the cursor. */
export interface RunRecord {
  seq: number;
  kind: string;
  data: unknown;
}

const TERMINAL: ReadonlySet<string> = new Set(["stream_end", "cancel", "apperror"]);

export const isTerminal = (kind: string): boolean => TERMINAL.has(kind);
