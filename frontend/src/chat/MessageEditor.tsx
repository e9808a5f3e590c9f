import { type KeyboardEvent, useEffect } from "react";
import { readDraft, useDrafts, writeDraft } from "../live/drafts";
import { useThread } from "../live/thread-store";
import ui from "../ui/ui.module.css";
import { useGrowingField } from "../ui/useGrowingField";
import styles from "./chat.module.css";
import { cancelEdit, editKey, sendEdit, useEditing } from "./editing";

/** A message written anew in its place. */
export function MessageEditor({ id }: { id: string }) {
  const key = editKey(id);
  const text = useDrafts((drafts) => drafts[key]) ?? readDraft(key);
  const problem = useEditing((state) => state.problem);
  const busy = useThread((state) => state.live !== null || state.sending !== null);
  const field = useGrowingField(text);
  useEffect(() => {
    const box = field.current;
    box?.focus();
    box?.setSelectionRange(box.value.length, box.value.length);
  }, [field]);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape") {
      event.preventDefault();
      cancelEdit(id);
    }
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !busy) {
      event.preventDefault();
      void sendEdit(id);
    }
  };
  return (
    <form
      className={styles.editor}
      onSubmit={(event) => {
        event.preventDefault();
        void sendEdit(id);
      }}
    >
      <textarea
        ref={field}
        rows={1}
        aria-label="Edit message"
        value={text}
        onChange={(event) => writeDraft(key, event.target.value)}
        onKeyDown={onKeyDown}
      />
      {problem ? (
        <p className={styles.editProblem} role="alert">
          {problem}
        </p>
      ) : null}
      <div>
        <span>{busy ? "The agent is working; stop it first." : "What came after becomes an earlier version."}</span>
        <button type="button" className={ui.button} onClick={() => cancelEdit(id)} title="Escape">
          Cancel
        </button>
        <button
          type="submit"
          className={`${ui.button} ${ui.primary}`}
          disabled={busy || text.trim() === ""}
          title="Ctrl+Enter"
        >
          Send again
        </button>
      </div>
    </form>
  );
}
