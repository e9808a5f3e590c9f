import type { AssistantRow, Question, RunRow, ToolRow, Usage } from "../api/types";

export type Outcome = "done" | "cancelled" | "failed";

/** The transcript of one run so far. Rows are replaced, never changed: an untouched row keeps its identity. */
export interface RunState {
  readonly run: string;
  readonly seq: number;
  readonly rows: readonly RunRow[];
  /** Index of the assistant row that takes the next text, -1 before there is one. */
  readonly open: number;
  /** Tools that have not returned. */
  readonly pending: readonly string[];
  /** Questions that wait for the person, oldest first. */
  readonly asking: readonly Question[];
  readonly usage: Usage | null;
  readonly outcome: Outcome | null;
  readonly ended: boolean;
}

export const emptyRun = (run: string): RunState => ({
  run,
  seq: 0,
  rows: [],
  open: -1,
  pending: [],
  asking: [],
  usage: null,
  outcome: null,
  ended: false,
});

export const openRow = (state: RunState): AssistantRow | null =>
  (state.rows[state.open] as AssistantRow | undefined) ?? null;

export const hasTools = (row: AssistantRow): boolean => row.tool_calls !== undefined;

export function append<R extends AssistantRow | ToolRow>(
  state: RunState,
  row: Omit<R, "message_id" | "run_id">,
): RunState {
  const stamped = { message_id: `${state.run}.${state.rows.length + 1}`, run_id: state.run, ...row } as R;
  const open = row.role === "assistant" ? state.rows.length : state.open;
  return { ...state, rows: [...state.rows, stamped], open };
}

export const replace = (state: RunState, index: number, row: RunRow): RunState => ({
  ...state,
  rows: state.rows.with(index, row),
});

const newAnswer = (state: RunState): RunState => append<AssistantRow>(state, { role: "assistant", content: "" });

/** The state with an open assistant row that `fits`, and that row. */
export function opened(state: RunState, fits: (row: AssistantRow) => boolean = () => true): [RunState, AssistantRow] {
  const row = openRow(state);
  if (row && fits(row)) return [state, row];
  const next = newAnswer(state);
  return [next, next.rows[next.open] as AssistantRow];
}
