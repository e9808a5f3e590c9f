import { CircleAlert, LoaderCircle } from "lucide-react";
import type { Answering } from "../../live/answers";
import ui from "../../ui/ui.module.css";
import styles from "./questions.module.css";

/** Where the answer to a question is. */
export function Progress({ answering, expired }: { answering: Answering | undefined; expired: boolean }) {
  if (answering === undefined)
    return expired ? (
      <p className={styles.progress} role="status">
        Time is up. The agent goes on without an answer.
      </p>
    ) : null;
  if (answering.state === "failed")
    return (
      <p className={`${styles.progress} ${styles.failed}`} role="alert">
        <CircleAlert size={16} strokeWidth={1.75} aria-hidden />
        <span>Your answer did not arrive. {answering.problem}</span>
        <button type="button" className={ui.button} onClick={answering.again}>
          Try again
        </button>
      </p>
    );
  if (answering.state === "elsewhere")
    return (
      <p className={styles.progress} role="status">
        This was already decided, here or on another device. The decision is on its way.
      </p>
    );
  return (
    <p className={styles.progress} role="status">
      <LoaderCircle size={16} strokeWidth={1.75} aria-hidden className={styles.turning} />
      {answering.state === "sending" ? "Sending your answer" : "Answered; waiting for the agent"}
    </p>
  );
}
