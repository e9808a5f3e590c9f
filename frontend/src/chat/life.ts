import type { RunState } from "../live/run-state";
import { describe, readArgs } from "./steps/describe";

/** What the agent is at, in words. */
export function phaseOf(state: RunState): string {
  const tid = state.pending.at(-1);
  if (tid !== undefined) return toolPhase(state, tid);
  const last = state.rows.findLast((row) => row.role === "assistant");
  if (last?.role !== "assistant") return "Waiting for the agent";
  if (last.tool_calls) return "Thinking";
  if (last.content) return "Writing";
  return "Thinking";
}

function toolPhase(state: RunState, tid: string): string {
  const calls = state.rows.flatMap((row) => (row.role === "assistant" ? (row.tool_calls ?? []) : []));
  const call = calls.findLast(({ id }) => id === tid);
  if (call === undefined) return "Using a tool";
  const { topic, doing } = describe(call.function.name, readArgs(call.function.arguments));
  return topic === "command" && doing === "Running" ? "Running a command" : doing;
}
