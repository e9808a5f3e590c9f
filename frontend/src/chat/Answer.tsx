import { memo } from "react";
import type { UserRow } from "../api/types";
import { classes } from "../ui/classes";
import styles from "./chat.module.css";
import { Ending } from "./Ending";
import { LastTurn } from "./last-turn";
import { AnswerActions } from "./MessageActions";
import { Markdown } from "./markdown/Markdown";
import { StepGroup } from "./steps/StepGroup";
import type { Part } from "./turns";

interface AnswerProps {
  parts: readonly Part[];
  live: boolean;
  pending: readonly string[];
  /** The last row of it, "" while it grows. */
  id?: string;
  /** The message it answers, where this is the last exchange. */
  asked?: UserRow | undefined;
}

export const Answer = memo(function Answer({ parts, live, pending, id = "", asked }: AnswerProps) {
  const end = parts.at(-1);
  return (
    <LastTurn value={live || asked !== undefined}>
      <article className={styles.answer} aria-label="The agent answered" data-message="assistant">
        {parts.map((part, index) => (
          <PartView key={part.key} part={part} pending={pending} newest={live && index === parts.length - 1} />
        ))}
        {live || id === "" ? null : (
          <AnswerActions
            id={id}
            text={end?.kind === "text" ? end.text : ""}
            asked={asked}
            failed={end?.kind === "end"}
            className={classes(styles.answerActions, asked !== undefined && styles.lasting)}
          />
        )}
      </article>
    </LastTurn>
  );
});

interface PartViewProps {
  part: Part;
  pending: readonly string[];
  newest: boolean;
}

function PartView({ part, pending, newest }: PartViewProps) {
  switch (part.kind) {
    case "steps":
      return <StepGroup id={part.key} steps={part.steps} pending={pending} newest={newest} />;
    case "end":
      return part.row.error ? <Ending error={part.row.error} /> : <p>{part.row.content}</p>;
    case "text":
      return <Markdown text={part.text} growing={newest} />;
  }
}
