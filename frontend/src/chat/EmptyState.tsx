import { FolderOpen, Info, PenLine, Sparkles, Text } from "lucide-react";
import styles from "./chat.module.css";
import { DemoNote } from "./DemoNote";

const EXAMPLES = [
  { icon: FolderOpen, text: "List the files here" },
  { icon: PenLine, text: "Write a haiku to poem.txt" },
  { icon: Sparkles, text: "What can you do?" },
  { icon: Text, text: "Show me markdown" },
];

interface EmptyStateProps {
  demo: boolean;
  keyless: boolean;
  onSend: (text: string) => void;
}

export function EmptyState({ demo, keyless, onSend }: EmptyStateProps) {
  return (
    <div className={styles.empty}>
      <div className={styles.inColumn}>
        <h2>What should the agent do?</h2>
        <p>Hermes Agent reads and edits files, runs commands and searches for you. You see every step as it happens.</p>
      </div>
      <ul className={`${styles.inColumn} ${styles.examples}`}>
        {EXAMPLES.map(({ icon: Icon, text }) => (
          <li key={text}>
            <button type="button" onClick={() => onSend(text)}>
              <Icon size={16} strokeWidth={1.75} aria-hidden />
              {text}
            </button>
          </li>
        ))}
      </ul>
      <div className={`${styles.inColumn} ${styles.noteSpace}`}>
        {keyless ? (
          <p className={styles.note}>
            <Info size={16} strokeWidth={1.75} aria-hidden />
            <span>
              Answers come through a Hermes Gateway, and no key is set for it. If it wants one, set{" "}
              <code>HERMES_WEBUI_GATEWAY_API_KEY</code> and start the server again.
            </span>
          </p>
        ) : null}
        {demo ? (
          <p className={styles.note}>
            <Info size={16} strokeWidth={1.75} aria-hidden />
            <DemoNote />
          </p>
        ) : null}
      </div>
    </div>
  );
}
