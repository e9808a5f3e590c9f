import { ChevronLeft, ChevronRight } from "lucide-react";
import { useState } from "react";
import type { Question } from "../../api/types";
import { useThread } from "../../live/thread-store";
import { classes } from "../../ui/classes";
import ui from "../../ui/ui.module.css";
import chat from "../chat.module.css";
import { ApprovalCard } from "./ApprovalCard";
import { ClarifyCard } from "./ClarifyCard";
import styles from "./questions.module.css";

const NONE: readonly Question[] = [];

/** What waits for the person, above the composer however the thread is scrolled; one card at a time, each within reach. */
export function QuestionDock() {
  const asking = useThread((state) => state.live?.state.asking ?? NONE);
  const session = useThread((state) => state.sessionId);
  const [chosen, choose] = useState<string | null>(null);
  const at = Math.max(
    0,
    asking.findIndex(({ id }) => id === chosen),
  );
  const question = asking[at];
  const asker = useAsker(question);
  if (question === undefined || session === null) return null;
  const turn = (by: number) => choose(asking[(at + by + asking.length) % asking.length]?.id ?? null);
  const pager =
    asking.length > 1 ? (
      <span className={styles.pager}>
        <button type="button" className={classes(ui.iconButton, ui.small)} onClick={() => turn(-1)} title="Previous">
          <ChevronLeft size={16} strokeWidth={1.75} aria-hidden />
          <span className={ui.hidden}>Previous question</span>
        </button>
        <span>
          {at + 1} of {asking.length}
        </span>
        <button type="button" className={classes(ui.iconButton, ui.small)} onClick={() => turn(1)} title="Next">
          <ChevronRight size={16} strokeWidth={1.75} aria-hidden />
          <span className={ui.hidden}>Next question</span>
        </button>
      </span>
    ) : null;
  return (
    <div className={classes(chat.inColumn, styles.dock)}>
      <p className={ui.hidden} role="alert">
        {spoken(question, asking.length)}
      </p>
      {question.kind === "approval" ? (
        <ApprovalCard key={question.id} session={session} question={question} asker={asker} pager={pager} />
      ) : (
        <ClarifyCard key={question.id} session={session} question={question} pager={pager} />
      )}
    </div>
  );
}

function spoken(question: Question, count: number): string {
  const more = count > 1 ? ` ${count} questions wait.` : "";
  if (question.kind === "clarify") return `The agent asks: ${question.question}${more}`;
  return `The agent asks for permission to run: ${question.command}. ${question.description}${more}`;
}

/** What the subagent that asks is there for. */
function useAsker(question: Question | undefined): string {
  const id = question?.kind === "approval" ? question.subagent : "";
  return useThread((state) => {
    if (id === "") return "";
    for (const row of state.live?.state.rows ?? []) {
      const found = row.role === "tool" ? row.subagents?.find((subagent) => subagent.id === id) : undefined;
      if (found) return found.goal;
    }
    return "";
  });
}
