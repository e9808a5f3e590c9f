import { memo } from "react";
import { CopyButton } from "../ui/CopyButton";
import { exactTime } from "../ui/format";
import styles from "./chat.module.css";

interface UserMessageProps {
  text: string;
  at?: number | undefined;
  sending?: boolean;
}

export const UserMessage = memo(function UserMessage({ text, at, sending = false }: UserMessageProps) {
  return (
    <article className={styles.message} aria-label="You wrote" data-message="user" data-sending={sending}>
      <p title={at ? exactTime(at) : undefined}>{text}</p>
      {sending ? <span className={styles.sending}>Sending</span> : null}
      <CopyButton text={() => text} label="Copy message" className={styles.copy ?? ""} />
    </article>
  );
});
