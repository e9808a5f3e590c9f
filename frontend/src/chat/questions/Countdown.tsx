import type { Question } from "../../api/types";
import { classes } from "../../ui/classes";
import { clock } from "../../ui/format";
import { useServerNow } from "../../ui/server-clock";
import styles from "./questions.module.css";

const SOON_S = 15;

/** Whole seconds until the question is decided without the person; null when it waits without end. */
export function useSecondsLeft({ expires_at }: Pick<Question, "expires_at">): number | null {
  const now = useServerNow();
  return expires_at === null ? null : Math.max(0, Math.ceil(expires_at - now));
}

export function Countdown({ question, left }: { question: Question; left: number }) {
  const whole = Math.max(1, (question.expires_at ?? 0) - question.requested_at);
  const soon = left <= SOON_S;
  return (
    <>
      <span className={classes(styles.left, soon && styles.soon)} role="timer">
        {left > 0 ? `${clock(left)} left` : "Time is up"}
      </span>
      <progress className={classes(styles.bar, soon && styles.soonBar)} max={whole} value={left} aria-hidden />
    </>
  );
}
