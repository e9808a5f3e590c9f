import type { AssistantRow, Notice, RunError, RunRow, ToolRow } from "../api/types";
import type { EventData, KnownRecord, RunRecord } from "./events";
import { answerQuestion, approvalOf, ask, clarifyOf, closed } from "./fold-questions.ts";
import { addSubagent, interrupted } from "./fold-subagents.ts";
import { append, hasTools, type Outcome, opened, openRow, type RunState, replace } from "./run-state.ts";

export const foldAll = (state: RunState, records: Iterable<RunRecord>): RunState => {
  let next = state;
  for (const record of records) next = fold(next, record);
  return next;
};

export function fold(state: RunState, record: RunRecord): RunState {
  if (record.seq <= state.seq) return state;
  const moved = { ...state, seq: record.seq };
  if (state.outcome !== null) {
    return record.kind === "stream_end" && state.outcome === "done" ? { ...moved, ended: true } : moved;
  }
  return apply(moved, record as KnownRecord);
}

function apply(state: RunState, record: KnownRecord): RunState {
  switch (record.kind) {
    case "token":
      return addText(state, record.data.text);
    case "reasoning":
      return addReasoning(state, record.data.text);
    case "tool":
      return startTool(state, record.data);
    case "tool_complete":
      return finishTool(state, record.data);
    case "subagent":
      return addSubagent(state, record.data);
    case "approval":
      return ask(state, approvalOf(record.data));
    case "clarify":
      return ask(state, clarifyOf(record.data));
    case "answered":
      return answerQuestion(state, record.data);
    case "steered":
      return addNotice(state, { level: "steer", text: record.data.text });
    case "pending_steer_leftover":
      return addNotice(state, { level: "steer_leftover", text: record.data.text });
    case "status":
      return addNotice(state, { level: record.data.level ?? "info", text: record.data.text });
    case "compressed":
      return addNotice(state, { level: "compressed", text: record.data.message });
    case "answer":
      return setAnswer(state, record.data.text);
    case "done":
      return { ...state, outcome: "done", asking: [], usage: record.data.usage ?? null };
    case "stream_end":
      return { ...state, outcome: "done", ended: true };
    case "cancel": {
      const message = record.data.message ?? "Stopped";
      return end(state, "cancelled", message, { type: "cancelled", label: "Stopped", message, hint: "" });
    }
    case "apperror": {
      const { type, label, message, hint, details } = record.data;
      const error = { type, label, message, hint: hint ?? "", ...(details ? { details } : {}) };
      return end(state, "failed", `${label}: ${message}`, error);
    }
    default:
      return state;
  }
}

function addText(state: RunState, text: string): RunState {
  const [next, row] = opened(state, (row) => !hasTools(row));
  return replace(next, next.open, { ...row, content: row.content + text });
}

function addReasoning(state: RunState, text: string): RunState {
  const [next, row] = opened(state, (row) => !hasTools(row) && row.content === "");
  return replace(next, next.open, { ...row, reasoning: (row.reasoning ?? "") + text });
}

function setAnswer(state: RunState, text: string): RunState {
  const [next, row] = opened(state, (row) => !hasTools(row));
  return replace(next, next.open, { ...row, content: text });
}

function addNotice(state: RunState, notice: Notice): RunState {
  const [next, row] = opened(state);
  return replace(next, next.open, { ...row, notices: [...(row.notices ?? []), notice] });
}

const toolIndex = (state: RunState, tid: string): number =>
  state.rows.findLastIndex((row) => row.role === "tool" && row.tool_call_id === tid);

function startTool(state: RunState, event: EventData["tool"]): RunState {
  if (toolIndex(state, event.tid) !== -1) return state;
  const [next, row] = opened(state);
  const call = {
    id: event.tid,
    type: "function" as const,
    function: { name: event.name, arguments: JSON.stringify(event.args ?? {}) },
  };
  const called = replace(next, next.open, { ...row, tool_calls: [...(row.tool_calls ?? []), call] });
  const sizes = event.args_sizes ?? {};
  const added = append<ToolRow>(called, {
    role: "tool",
    tool_call_id: event.tid,
    name: event.name,
    content: "",
    is_error: false,
    duration: 0,
    started_at: event.at ?? 0,
    ...(Object.keys(sizes).length > 0 ? { args_sizes: sizes } : {}),
  });
  return { ...added, pending: [...added.pending, event.tid] };
}

function finishTool(state: RunState, event: EventData["tool_complete"]): RunState {
  const known = toolIndex(state, event.tid) === -1 ? startTool(state, { tid: event.tid, name: event.name }) : state;
  const index = toolIndex(known, event.tid);
  const { content_size: _, ...row } = known.rows[index] as ToolRow;
  const content = event.result ?? "";
  const size = event.result_size ?? 0;
  const filled: ToolRow = {
    ...row,
    content,
    duration: event.duration ?? 0,
    is_error: event.is_error ?? false,
    ...(size > byteLength(content) ? { content_size: size } : {}),
  };
  return { ...replace(known, index, filled), pending: known.pending.filter((tid) => tid !== event.tid) };
}

const encoder = new TextEncoder();
const byteLength = (text: string): number => encoder.encode(text).length;

function end(state: RunState, outcome: Outcome, content: string, error: RunError): RunState {
  const waiting = new Set(state.pending);
  const open = openRow(state);
  const partial = open !== null && !hasTools(open) && Boolean(open.content || open.reasoning);
  const rows = state.rows.map((row, index): RunRow => {
    if (row.role === "tool") {
      const left = interrupted(row);
      return waiting.has(row.tool_call_id) ? { ...left, is_error: true, interrupted: true } : left;
    }
    const answered = closed(row);
    return index === state.open && partial ? { ...answered, _partial: true } : answered;
  });
  const over: RunState = { ...state, rows, pending: [], asking: [], outcome, ended: true };
  return append<AssistantRow>(over, { role: "assistant", content, _error: true, error });
}
