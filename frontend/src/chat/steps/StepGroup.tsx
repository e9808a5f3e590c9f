import { ChevronRight, Info, ListChecks, MessageSquareReply, Minimize2, Sparkles, TriangleAlert } from "lucide-react";
import { memo, useState } from "react";
import type { Notice } from "../../api/types";
import { classes } from "../../ui/classes";
import { useDisclosure } from "../../ui/disclosure";
import { plural, wholeDuration } from "../../ui/format";
import { isReaderAway } from "../reader";
import { mustStay, type Step, workOf } from "../turns";
import { QuestionStep } from "./QuestionStep";
import { StepLine } from "./StepLine";
import styles from "./steps.module.css";
import { ToolStep } from "./ToolStep";

interface StepGroupProps {
  id: string;
  steps: readonly Step[];
  pending: readonly string[];
  /** True while the run is at these steps. */
  newest: boolean;
}

/**
 * Steps one below the other while the agent is at them; folded to one line once it goes on to write, except those that
 * went wrong. Folding then, and not at the end of the run, keeps the answer where it is read.
 */
export function StepGroup({ id, steps, pending, newest }: StepGroupProps) {
  const live = newest || steps.some((step) => step.kind === "tool" && pending.includes(step.call.id));
  const [open, toggle] = useDisclosure(`group ${id}`, useHeldOpen(live));
  const foldable = steps.filter((step) => !mustStay(step));
  const folds = !live && foldable.length > 1;
  const shown = folds && !open ? steps.filter(mustStay) : steps;
  return (
    <div className={styles.group}>
      {folds ? <Summary steps={steps} open={open} toggle={toggle} /> : null}
      <div className={classes(folds && open && styles.unfolded)}>
        {shown.map((step, index) => (
          <StepView
            key={step.key}
            step={step}
            running={step.kind === "tool" && pending.includes(step.call.id)}
            thinking={newest && index === shown.length - 1}
          />
        ))}
      </div>
    </div>
  );
}

/** Steps do not fold under the eyes of someone who reads further up. */
function useHeldOpen(live: boolean): boolean {
  const [before, setBefore] = useState(live);
  const [held, setHeld] = useState(false);
  if (before !== live) {
    setBefore(live);
    setHeld(before && isReaderAway());
  }
  return held;
}

function Summary({ steps, open, toggle }: { steps: readonly Step[]; open: boolean; toggle: () => void }) {
  const work = workOf(steps);
  const count = plural(work.steps, "step");
  const text = work.seconds >= 1 ? `Worked for ${wholeDuration(work.seconds)}, ${count}` : `Worked, ${count}`;
  return (
    <button type="button" className={classes(styles.line, styles.summary)} aria-expanded={open} onClick={toggle}>
      <ListChecks size={16} strokeWidth={1.75} aria-hidden className={styles.icon} />
      <span>{text}</span>
      <ChevronRight size={14} strokeWidth={1.75} aria-hidden className={styles.chevron} />
    </button>
  );
}

function StepView({ step, running, thinking }: { step: Step; running: boolean; thinking: boolean }) {
  switch (step.kind) {
    case "tool":
      return <ToolStep call={step.call} row={step.row} running={running} />;
    case "notice":
      return <NoticeLine level={step.notice.level} text={step.notice.text} />;
    case "question":
      return <QuestionStep question={step.question} />;
    case "reasoning":
      return <ReasoningStep id={step.key} text={step.text} thinking={thinking} />;
  }
}

const ReasoningStep = memo(function ReasoningStep(props: { id: string; text: string; thinking: boolean }) {
  const { id, text, thinking } = props;
  const preview =
    text
      .trimStart()
      .split("\n", 1)[0]
      ?.slice(0, 160)
      .replace(/[*_`#]/g, "") ?? "";
  return (
    <div data-step="reasoning">
      <StepLine
        id={id}
        icon={Sparkles}
        verb={thinking ? "Thinking" : "Thought"}
        object={preview}
        objectIsText
        tone={thinking ? "running" : undefined}
      >
        {() => <p className={styles.reasoning}>{text}</p>}
      </StepLine>
    </div>
  );
});

const NoticeLine = memo(function NoticeLine({ level, text }: Notice) {
  const loud = level === "warn" || level === "error";
  const said = SAID[level];
  const Icon = said ? MessageSquareReply : level === "compressed" ? Minimize2 : loud ? TriangleAlert : Info;
  return (
    <p className={classes(styles.notice, loud && styles.loud)} data-notice={level}>
      <Icon size={16} strokeWidth={1.75} aria-hidden className={styles.icon} />
      <span>
        {said ? <strong>{said}: </strong> : null}
        {text}
      </span>
    </p>
  );
});

/** Words of the person to the agent at work. */
const SAID: Record<string, string> = { steer: "You said", steer_leftover: "Not heard in time, so it comes next" };
