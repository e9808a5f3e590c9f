import { create } from "zustand";
import type { Row, SessionFacts, Usage } from "../api/types";
import type { LineState } from "./connection";
import type { Outcome, RunState } from "./run-state";

export interface LiveRun {
  readonly run: string;
  /** Unix seconds by the server's clock. */
  readonly startedAt: number;
  readonly state: RunState;
  /** When this page last heard an event, in its own milliseconds. */
  readonly heardAt: number;
  readonly stopping: boolean;
}

export interface ThreadState {
  readonly sessionId: string | null;
  readonly phase: "new" | "loading" | "ready" | "missing" | "failed";
  readonly problem: string | null;
  readonly session: SessionFacts | null;
  readonly rows: readonly Row[];
  readonly offset: number;
  readonly loadingOlder: boolean;
  readonly live: LiveRun | null;
  readonly line: LineState;
  /** The text on its way to the server. */
  readonly sending: string | null;
  /** Why the last message did not go out. */
  readonly sendProblem: string | null;
  readonly outcome: Outcome | null;
  /** Of the last run that came to its end here. */
  readonly usage: Usage | null;
}

export const NEW_THREAD: ThreadState = {
  sessionId: null,
  phase: "new",
  problem: null,
  session: null,
  rows: [],
  offset: 0,
  loadingOlder: false,
  live: null,
  line: "live",
  sending: null,
  sendProblem: null,
  outcome: null,
  usage: null,
};

export const useThread = create<ThreadState>(() => NEW_THREAD);
