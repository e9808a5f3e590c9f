import type { LineState } from "../live/connection";
import styles from "./app.module.css";

const SENTENCES: Partial<Record<LineState, string>> = {
  reconnecting: "Reconnecting to the server. What you see is kept, and the agent goes on without this page.",
  offline: "Offline. You can read and write; what you write stays in the field until the connection is back.",
  signed_out: "You are signed out. Reload the page to sign in; your text is kept.",
};

/** A thin line over the thread that says what the missing connection means. */
export function ConnectionLine({ connection }: { connection: LineState }) {
  const sentence = SENTENCES[connection];
  return (
    <div className={styles.lineFrame} role="status">
      {sentence ? <p className={styles.connectionLine}>{sentence}</p> : null}
    </div>
  );
}
