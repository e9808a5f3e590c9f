import type { Subagent, ToolRow } from "../api/types";
import type { EventData } from "./events";
import { type RunState, replace } from "./run-state.ts";

/** The last tools of a subagent that its row tells of; all are counted. */
const TOOLS = 50;

/** Subagents stand under the call that delegated to them; of a call that is not known nothing is shown. */
export function addSubagent(state: RunState, event: EventData["subagent"]): RunState {
  const known = toolRow(state, (row) => row.subagents?.some(({ id }) => id === event.id) === true);
  const index = known === -1 ? toolRow(state, (row) => row.tool_call_id === event.tid) : known;
  const row = state.rows[index] as ToolRow | undefined;
  if (row === undefined) return state;
  const before = known === -1 ? [...(row.subagents ?? []), started(event)] : (row.subagents ?? []);
  const subagents = before.map((subagent) => (subagent.id === event.id ? stepped(subagent, event) : subagent));
  return replace(state, index, { ...row, subagents });
}

const toolRow = (state: RunState, fits: (row: ToolRow) => boolean): number =>
  state.rows.findLastIndex((row) => row.role === "tool" && fits(row));

const started = (event: EventData["subagent"]): Subagent => ({
  id: event.id,
  parent: event.parent ?? "",
  index: event.index ?? 0,
  goal: event.goal ?? "",
  model: event.model ?? "",
  status: "running",
  started_at: event.at ?? 0,
  tools: [],
  tool_count: 0,
});

function stepped(subagent: Subagent, event: EventData["subagent"]): Subagent {
  if (event.step === "tool") {
    const tool = { name: event.name ?? "", preview: event.preview ?? "" };
    return { ...subagent, tool_count: subagent.tool_count + 1, tools: [...subagent.tools, tool].slice(-TOOLS) };
  }
  if (event.step !== "end") return subagent;
  return {
    ...subagent,
    status: event.status ?? "",
    duration: event.duration ?? 0,
    summary: event.summary ?? "",
    input_tokens: event.input_tokens ?? 0,
    output_tokens: event.output_tokens ?? 0,
  };
}

/** The row of a run that ended without success: its subagents do not run any more. */
export function interrupted(row: ToolRow): ToolRow {
  if (!row.subagents?.some(({ status }) => status === "running")) return row;
  return {
    ...row,
    subagents: row.subagents.map((subagent) =>
      subagent.status === "running" ? { ...subagent, status: "interrupted" } : subagent,
    ),
  };
}
