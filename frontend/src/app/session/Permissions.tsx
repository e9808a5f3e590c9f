import { useState } from "react";
import { revoke } from "../../live/settling";
import { useThread } from "../../live/thread-store";
import { Dialog } from "../../ui/Dialog";
import ui from "../../ui/ui.module.css";
import styles from "./session.module.css";

const NONE: readonly string[] = [];

/** What was allowed for the rest of the session. */
export default function Permissions({ onClose }: { onClose: () => void }) {
  const granted = useThread((state) => state.session?.granted ?? NONE);
  const [busy, setBusy] = useState<string | null>(null);
  const take = async (pattern: string) => {
    setBusy(pattern);
    await revoke(pattern);
    setBusy(null);
  };
  return (
    <Dialog title="Allowed in this session" onClose={onClose}>
      {granted.length === 0 ? (
        <p className={styles.quiet}>
          Nothing yet. When you allow a command “for this session”, its kind is listed here and you can take it back.
        </p>
      ) : (
        <>
          <ul className={styles.list}>
            {granted.map((pattern) => (
              <li key={pattern}>
                <code>{pattern}</code>
                <button
                  type="button"
                  className={ui.button}
                  disabled={busy === pattern}
                  onClick={() => void take(pattern)}
                >
                  Ask again
                </button>
              </li>
            ))}
          </ul>
          <p className={styles.quiet}>The agent asks again from its next run on.</p>
        </>
      )}
    </Dialog>
  );
}
