import { sentence } from "../api/client";
import { steerRun } from "../api/endpoints";
import { uuid } from "../api/uuid";
import { keep, takeAway } from "./drafts";
import { useThread } from "./thread-store";

const REASONS: Record<string, string> = {
  not_running: "the agent is not at work any more",
  unsupported: "this agent cannot be steered while it works",
  agent_lacks_steer: "this agent cannot be steered while it works",
  not_listening: "the agent is about to finish and does not listen any more",
};

let unsure: { session: string; text: string; word: string } | null = null;

/** Says something to the agent at work. They leave the field when it took them; else the reason is said. */
export async function steer(text: string): Promise<void> {
  const { sessionId: session } = useThread.getState();
  if (session === null) return;
  const word = unsure?.session === session && unsure.text === text ? unsure.word : uuid();
  unsure = { session, text, word };
  useThread.setState({ sendProblem: null });
  try {
    const { accepted, fallback } = await steerRun(session, text, word);
    unsure = null;
    if (accepted) takeAway(session, text);
    else refuse(session, text, `The agent did not take it: ${reason(fallback)}.`);
  } catch (error) {
    refuse(session, text, `It was not said to the agent. ${sentence(error)}`);
  }
}

const reason = (fallback: string | undefined): string =>
  REASONS[fallback ?? ""] ?? (fallback?.includes(" ") ? fallback.replace(/\.$/, "") : "it does not listen just now");

function refuse(session: string, text: string, problem: string): void {
  keep(session, text);
  if (useThread.getState().sessionId === session)
    useThread.setState({ sendProblem: `${problem} Your text is still in the field; you can queue it instead.` });
}
