import type { RunError, Usage } from "../api/types";

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
  subagent: {
    tid: string;
    id: string;
    step: string;
    parent?: string;
    index?: number;
    goal?: string;
    model?: string;
    name?: string;
    preview?: string;
    status?: string;
    duration?: number;
    summary?: string;
    input_tokens?: number;
    output_tokens?: number;
    at?: number;
  };
  approval: {
    approval_id: string;
    session_id: string;
    command: string;
    description?: string;
    pattern_keys?: string[];
    choices?: string[];
    requested_at?: number;
    expires_at?: number | null;
    smart_denied?: boolean;
    tid?: string;
    subagent?: string;
  };
  clarify: {
    clarify_id: string;
    session_id: string;
    question: string;
    choices_offered?: string[];
    requested_at?: number;
    expires_at?: number | null;
  };
  answered: { question_id: string; by: string; choice?: string; text?: string; reason?: string; at?: number };
  steered: { text: string; at?: number };
  pending_steer_leftover: { text: string };
  status: { text: string; level?: string };
  context_status: { session_id: string; prefill?: Record<string, unknown> };
  compressed: { message: string; count?: number };
  answer: { text: string };
  done: { session_id: string; end: number; usage?: Usage };
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
