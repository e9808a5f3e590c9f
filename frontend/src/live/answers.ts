import { create } from "zustand";
import { ApiError, sentence } from "../api/client";
import { answerApproval, answerClarify } from "../api/endpoints";
import type { Choice } from "../api/types";

/** Where the person's answer to a question is: on its way, not arrived, or too late. Nothing: not given yet. */
export type Answering =
  | { state: "sending"; what: string }
  | { state: "sent"; what: string }
  | { state: "failed"; what: string; problem: string; again: () => void }
  | { state: "elsewhere" };

export const useAnswering = create<Record<string, Answering>>(() => ({}));

const put = (id: string, state: Answering): void => useAnswering.setState({ [id]: state });

export const approve = (session: string, id: string, choice: Choice, reason = ""): Promise<void> =>
  give(id, choice, () => answerApproval(session, id, choice, choice === "deny" ? reason : ""));

export const reply = (session: string, id: string, text: string): Promise<void> =>
  give(id, text, () => answerClarify(session, id, text));

/** The event stream says how the question was decided, whoever decided it; here only the way of this answer is kept. */
async function give(id: string, what: string, call: () => Promise<unknown>): Promise<void> {
  const state = useAnswering.getState()[id]?.state;
  if (state === "sending" || state === "sent" || state === "elsewhere") return;
  put(id, { state: "sending", what });
  try {
    await call();
    put(id, { state: "sent", what });
  } catch (error) {
    if (error instanceof ApiError && (error.body.stale === true || error.code === "stale"))
      return put(id, { state: "elsewhere" });
    put(id, { state: "failed", what, problem: sentence(error), again: () => void give(id, what, call) });
  }
}
