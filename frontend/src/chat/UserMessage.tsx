import { memo } from "react";
import { exactTime } from "../ui/format";
import styles from "./chat.module.css";
import { useEditing } from "./editing";
import { MessageActions } from "./MessageActions";
import { MessageEditor } from "./MessageEditor";

interface UserMessageProps {
  /** Absent while it is on its way. */
  id?: string;
  text: string;
  at?: number | undefined;
  sending?: boolean;
}

export const UserMessage = memo(function UserMessage({ id, text, at, sending = false }: UserMessageProps) {
  const editing = useEditing((state) => id !== undefined && state.id === id);
  return (
    <article className={styles.message} aria-label="You wrote" data-message="user" data-sending={sending}>
      {editing && id !== undefined ? (
        <MessageEditor id={id} />
      ) : (
        <>
          <p title={at ? exactTime(at) : undefined}>{text}</p>
          {sending ? <span className={styles.sending}>Sending</span> : null}
          {id === undefined ? null : <MessageActions id={id} text={text} className={styles.messageActions ?? ""} />}
        </>
      )}
    </article>
  );
});
