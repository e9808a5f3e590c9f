import type { Question } from "../../api/types";

export type DecisionTone = "open" | "allowed" | "denied" | "missed" | "stopped" | "answered";

/** How a question stands, in the words that are kept. */
export interface Decision {
  tone: DecisionTone;
  words: string;
}

const ALLOWED: Record<string, string> = {
  once: "Allowed once",
  session: "Allowed for this session",
  always: "Always allowed",
};

export function decisionOf(question: Question): Decision {
  const { answer } = question;
  const approval = question.kind === "approval";
  if (answer === null) return { tone: "open", words: approval ? "Asks for permission" : "Asks you" };
  if (answer.by === "cancel") return { tone: "stopped", words: "Stopped before an answer" };
  if (answer.by === "timeout")
    return { tone: "missed", words: approval ? "No answer in time: denied" : "No answer in time" };
  if (answer.by === "yolo" && answer.choice !== "deny")
    return { tone: "allowed", words: "Allowed, as everything in this session" };
  if (!approval) return { tone: "answered", words: `You answered: ${answer.text}` };
  const allowed = ALLOWED[answer.choice];
  if (allowed !== undefined) return { tone: "allowed", words: allowed };
  return { tone: "denied", words: answer.reason ? `Denied: ${answer.reason}` : "Denied" };
}

/** What a person sends to be asked once more. */
export const askAgain = (question: Question): string =>
  question.kind === "approval"
    ? `I did not see your request for permission in time. Please try this again:\n\n\`\`\`\n${question.command}\n\`\`\``
    : `I did not see your question in time. Please ask me again: ${question.question}`;
