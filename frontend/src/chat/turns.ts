import type { AssistantRow, Notice, Question, Row, ToolCall, ToolRow, UserRow } from "../api/types";

/** What the thread shows, derived from rows: a person's message, or all that answers it. */
export type Item =
  | { kind: "message"; key: string; row: UserRow }
  | { kind: "answer"; key: string; parts: readonly Part[]; last: string };

export type Part =
  | { kind: "text"; key: string; text: string; partial: boolean }
  | { kind: "steps"; key: string; steps: readonly Step[] }
  | { kind: "end"; key: string; row: AssistantRow };

export type Step =
  | { kind: "reasoning"; key: string; text: string }
  | { kind: "tool"; key: string; call: ToolCall; row: ToolRow | undefined }
  | { kind: "notice"; key: string; notice: Notice }
  | { kind: "question"; key: string; question: Question };

export function toItems(rows: readonly Row[]): Item[] {
  const items: Item[] = [];
  let answer: Exclude<Row, UserRow>[] = [];
  const close = () => {
    if (answer.length > 0) items.push(toAnswer(answer));
    answer = [];
  };
  for (const row of rows) {
    if (row.role === "user") {
      close();
      items.push({ kind: "message", key: row.message_id, row });
    } else {
      answer.push(row);
    }
  }
  close();
  return items;
}

export const answerKey = (run: string): string => `answer ${run}`;

export function toAnswer(rows: readonly Exclude<Row, UserRow>[]): Item {
  const first = rows[0];
  const key = answerKey(first?.run_id ?? first?.message_id ?? "");
  return { kind: "answer", key, parts: toParts(rows), last: rows.at(-1)?.message_id ?? "" };
}

export function toParts(rows: readonly Exclude<Row, UserRow>[]): Part[] {
  const parts: Part[] = [];
  const tools = new Map(rows.flatMap((row) => (row.role === "tool" ? [[row.tool_call_id, row] as const] : [])));
  const called = new Set<string>();

  const step = (step: Step) => {
    const last = parts.at(-1);
    if (last?.kind === "steps") (last.steps as Step[]).push(step);
    else parts.push({ kind: "steps", key: `steps ${step.key}`, steps: [step] });
  };

  for (const row of rows) {
    const id = row.message_id;
    if (row.role === "tool") {
      if (!called.has(row.tool_call_id)) step({ kind: "tool", key: row.tool_call_id, call: uncalled(row), row });
      continue;
    }
    if (row._error) {
      parts.push({ kind: "end", key: id, row });
      continue;
    }
    if (row.reasoning) step({ kind: "reasoning", key: `${id} reasoning`, text: row.reasoning });
    if (row.content) parts.push({ kind: "text", key: id, text: row.content, partial: row._partial === true });
    const questions = row.questions ?? [];
    for (const call of row.tool_calls ?? []) {
      called.add(call.id);
      step({ kind: "tool", key: call.id, call, row: tools.get(call.id) });
      for (const question of questions.filter((one) => askedBy(one) === call.id)) step(asked(question));
    }
    for (const question of questions.filter((one) => !called.has(askedBy(one)))) step(asked(question));
    for (const [index, notice] of (row.notices ?? []).entries())
      step({ kind: "notice", key: `${id} notice ${index}`, notice });
  }
  return parts;
}

const asked = (question: Question): Step => ({ kind: "question", key: `question ${question.id}`, question });

/** The call that asks, "" where that is not known. */
const askedBy = (question: Question): string => (question.kind === "approval" ? question.tid : "");

/** The call of a row whose assistant row lies on an older page. */
const uncalled = (row: ToolRow): ToolCall => ({
  id: row.tool_call_id,
  type: "function",
  function: { name: row.name, arguments: "{}" },
});

export const failed = (step: Step): boolean => step.kind === "tool" && step.row?.is_error === true;

const LASTING: ReadonlySet<string> = new Set(["warn", "error", "steer", "steer_leftover"]);

/** Steps that stay in sight when the others fold away: what failed, and all that passed between the agent and the person. */
export const mustStay = (step: Step): boolean =>
  failed(step) || step.kind === "question" || (step.kind === "notice" && LASTING.has(step.notice.level));

export interface Work {
  steps: number;
  seconds: number;
}

/** How many steps, and the time from the first tool's start to the last one's end. */
export function workOf(steps: readonly Step[]): Work {
  const rows = steps.flatMap((step) => (step.kind === "tool" && step.row ? [step.row] : []));
  const timed = rows.filter((row) => row.started_at > 0);
  const start = Math.min(...timed.map((row) => row.started_at));
  const end = Math.max(...timed.map((row) => row.started_at + row.duration));
  return {
    steps: steps.filter(({ kind }) => kind === "tool" || kind === "reasoning").length,
    seconds: timed.length > 0 ? end - start : 0,
  };
}
