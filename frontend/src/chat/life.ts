import type { RunState } from "../live/run-state";
import { plural } from "../ui/format";
import { describe, readArgs } from "./steps/describe";

/** What the agent is at, in words. */
export function phaseOf(state: RunState): string {
  if (state.asking.length > 0) return "Waiting for you";
  const tid = state.pending.at(-1);
  if (tid !== undefined) return toolPhase(state, tid);
  const last = state.rows.findLast((row) => row.role === "assistant");
  if (last?.role !== "assistant") return "Starting";
  if (last.tool_calls) return "Waiting for the model";
  if (last.content) return "Writing";
  return last.reasoning ? "Thinking" : "Waiting for the model";
}

function toolPhase(state: RunState, tid: string): string {
  const row = state.rows.findLast((row) => row.role === "tool" && row.tool_call_id === tid);
  const at = row?.role === "tool" ? (row.subagents ?? []).filter(({ status }) => status === "running").length : 0;
  if (at > 0) return `${plural(at, "subagent")} at work`;
  const calls = state.rows.flatMap((row) => (row.role === "assistant" ? (row.tool_calls ?? []) : []));
  const call = calls.findLast(({ id }) => id === tid);
  if (call === undefined) return "Using a tool";
  const { topic, doing } = describe(call.function.name, readArgs(call.function.arguments));
  return topic === "command" && doing === "Running" ? "Running a command" : doing;
}
