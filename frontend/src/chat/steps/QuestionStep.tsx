import {
  CircleSlash,
  Hand,
  type LucideIcon,
  MessageCircleQuestion,
  ShieldCheck,
  ShieldX,
  TimerOff,
} from "lucide-react";
import { memo, useContext, useState } from "react";
import type { Question } from "../../api/types";
import { enqueue } from "../../live/queue";
import { send } from "../../live/sending";
import { useThread } from "../../live/thread-store";
import { exactTime } from "../../ui/format";
import ui from "../../ui/ui.module.css";
import { LastTurn } from "../last-turn";
import { askAgain, type DecisionTone, decisionOf } from "../questions/decision";
import { shownSafely } from "../questions/oddities";
import { Output } from "./Output";
import { StepLine } from "./StepLine";
import styles from "./steps.module.css";

const ICONS: Record<DecisionTone, LucideIcon> = {
  open: Hand,
  allowed: ShieldCheck,
  denied: ShieldX,
  missed: TimerOff,
  stopped: CircleSlash,
  answered: MessageCircleQuestion,
};

/** What the agent asked, under the step that asked, with the decision that is kept. */
export const QuestionStep = memo(function QuestionStep({ question }: { question: Question }) {
  const last = useContext(LastTurn);
  const { tone, words } = decisionOf(question);
  const approval = question.kind === "approval";
  const asked = approval ? question.command : question.question;
  return (
    <div className={styles.decision} data-decision={tone}>
      <StepLine
        id={`question ${question.id}`}
        icon={ICONS[tone]}
        verb={words}
        object={shownSafely(asked.trim().split("\n", 1)[0] ?? "")}
        objectIsText={!approval}
        tone={tone === "open" ? "waiting" : tone === "missed" ? "failed" : undefined}
        {...(question.answer && question.answer.at > 0 ? { end: time(question.answer.at) } : {})}
      >
        {() => <Details question={question} asked={shownSafely(asked)} />}
      </StepLine>
      {tone === "missed" && last ? <AskAgain question={question} /> : null}
    </div>
  );
});

const time = (at: number): string =>
  new Date(at * 1000).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });

function Details({ question, asked }: { question: Question; asked: string }) {
  const { answer } = question;
  return (
    <>
      <Output text={asked} label={question.kind === "approval" ? "Command" : "Question"} fromEnd={false} />
      {question.kind === "approval" && question.description ? (
        <p className={styles.quiet}>Asked because: {question.description}</p>
      ) : null}
      {answer?.text ? <p>Answer: {answer.text}</p> : null}
      {answer?.reason ? <p>Reason: {answer.reason}</p> : null}
      <p className={styles.quiet}>
        Asked {exactTime(question.requested_at)}
        {answer && answer.at > 0 ? `, decided ${exactTime(answer.at)}` : ""}
      </p>
    </>
  );
}

function AskAgain({ question }: { question: Question }) {
  const [asked, setAsked] = useState(false);
  const again = () => {
    const { live, sessionId } = useThread.getState();
    if (sessionId === null) return;
    setAsked(true);
    if (live === null) void send(askAgain(question), () => {});
    else void enqueue(sessionId, askAgain(question));
  };
  return (
    <button type="button" className={`${ui.button} ${styles.again}`} onClick={again} disabled={asked}>
      {asked ? "Asked again" : "Ask again"}
    </button>
  );
}
