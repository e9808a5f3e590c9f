import type { Approval, AssistantRow, Clarify, Question, QuestionAnswer } from "../api/types";
import type { EventData } from "./events";
import { opened, type RunState, replace } from "./run-state.ts";

/** What the agent asks the person, and how it was decided. */
export const approvalOf = (event: EventData["approval"]): Approval => ({
  id: event.approval_id,
  kind: "approval",
  command: event.command,
  description: event.description ?? "",
  pattern_keys: event.pattern_keys ?? [],
  choices: event.choices ?? [],
  requested_at: event.requested_at ?? 0,
  expires_at: event.expires_at ?? null,
  smart_denied: event.smart_denied ?? false,
  tid: event.tid ?? "",
  subagent: event.subagent ?? "",
  answer: null,
});

export const clarifyOf = (event: EventData["clarify"]): Clarify => ({
  id: event.clarify_id,
  kind: "clarify",
  question: event.question,
  choices: event.choices_offered ?? [],
  requested_at: event.requested_at ?? 0,
  expires_at: event.expires_at ?? null,
  answer: null,
});

const askedIn = (state: RunState, id: string): number =>
  state.rows.findLastIndex(
    (row) => row.role === "assistant" && row.questions?.some((question) => question.id === id) === true,
  );

export function ask(state: RunState, question: Question): RunState {
  if (askedIn(state, question.id) !== -1) return state;
  const [next, row] = opened(state);
  const asked = replace(next, next.open, { ...row, questions: [...(row.questions ?? []), question] });
  return { ...asked, asking: [...asked.asking, question] };
}

export function answerQuestion(state: RunState, event: EventData["answered"]): RunState {
  const index = askedIn(state, event.question_id);
  const row = state.rows[index] as AssistantRow | undefined;
  if (row === undefined || !state.asking.some(({ id }) => id === event.question_id)) return state;
  const answer: QuestionAnswer = {
    by: event.by,
    choice: event.choice ?? "",
    text: event.text ?? "",
    reason: event.reason ?? "",
    at: event.at ?? 0,
  };
  const answered = replace(state, index, {
    ...row,
    questions: (row.questions ?? []).map((question) =>
      question.id === event.question_id ? { ...question, answer } : question,
    ),
  });
  return { ...answered, asking: answered.asking.filter(({ id }) => id !== event.question_id) };
}

/** The row of a run that ended without success: nobody will answer what is open. */
export function closed(row: AssistantRow): AssistantRow {
  if (!row.questions?.some(({ answer }) => answer === null)) return row;
  return {
    ...row,
    questions: row.questions.map((question) => {
      if (question.answer !== null) return question;
      const choice = question.kind === "approval" ? "deny" : "";
      return { ...question, answer: { by: "cancel", choice, text: "", reason: "", at: 0 } };
    }),
  };
}
