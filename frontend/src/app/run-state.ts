import type { Outcome } from "../live/run-state";
import { useThread } from "../live/thread-store";

export type RunStateName = "idle" | "sending" | "running" | "stopping" | Outcome;

export const useRunState = (): RunStateName =>
  useThread(({ live, sending, outcome }) => {
    if (live !== null) return live.stopping ? "stopping" : "running";
    if (sending !== null) return "sending";
    return outcome ?? "idle";
  });

export const RUN_STATE_WORDS: Record<RunStateName, string> = {
  idle: "",
  sending: "Sending",
  running: "Working",
  stopping: "Stopping",
  done: "Done",
  cancelled: "Stopped",
  failed: "Failed",
};
