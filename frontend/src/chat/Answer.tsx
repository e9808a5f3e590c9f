import { memo } from "react";
import { CopyButton } from "../ui/CopyButton";
import styles from "./chat.module.css";
import { Ending } from "./Ending";
import { Markdown } from "./markdown/Markdown";
import { StepGroup } from "./steps/StepGroup";
import type { Part } from "./turns";

interface AnswerProps {
  parts: readonly Part[];
  live: boolean;
  pending: readonly string[];
}

export const Answer = memo(function Answer({ parts, live, pending }: AnswerProps) {
  return (
    <article className={styles.answer} aria-label="The agent answered" data-message="assistant">
      {parts.map((part, index) => (
        <PartView
          key={part.key}
          part={part}
          pending={pending}
          newest={live && index === parts.length - 1}
          copyable={!live && index === parts.length - 1}
        />
      ))}
    </article>
  );
});

interface PartViewProps extends Omit<AnswerProps, "parts" | "live"> {
  part: Part;
  newest: boolean;
  copyable: boolean;
}

function PartView({ part, pending, newest, copyable }: PartViewProps) {
  switch (part.kind) {
    case "steps":
      return <StepGroup id={part.key} steps={part.steps} pending={pending} newest={newest} />;
    case "end":
      return part.row.error ? <Ending error={part.row.error} /> : <p>{part.row.content}</p>;
    case "text":
      return (
        <div className={styles.text}>
          <Markdown text={part.text} growing={newest} />
          {copyable ? <CopyButton text={() => part.text} label="Copy answer" className={styles.copy ?? ""} /> : null}
        </div>
      );
  }
}
