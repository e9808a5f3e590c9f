import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { sentence } from "../../api/client";
import { readBranches } from "../../api/endpoints";
import type { Branch } from "../../api/types";
import { restore } from "../../live/history";
import { useThread } from "../../live/thread-store";
import { Dialog } from "../../ui/Dialog";
import { ago, exactTime, plural } from "../../ui/format";
import { serverNow } from "../../ui/server-clock";
import ui from "../../ui/ui.module.css";
import styles from "./session.module.css";

const REASONS: Record<string, string> = {
  edit: "Made by sending a message again",
  undo: "Made by taking an exchange back",
  retry: "Made by asking for another answer",
  clear: "Made by clearing",
  truncate: "Made by cutting",
};

/** What a conversation was before something of it was replaced or taken back. */
export default function Versions({ session, onClose }: { session: string; onClose: () => void }) {
  const { data, error, isPending, refetch } = useQuery({
    queryKey: ["branches", session],
    queryFn: ({ signal }) => readBranches(session, signal),
    staleTime: 0,
    gcTime: 0,
  });
  const [busy, setBusy] = useState<string | null>(null);
  const live = useThread((state) => state.live !== null);
  const earlier = (data ?? []).filter(({ active }) => !active).sort((a, b) => b.created_at - a.created_at);
  const bring = async ({ id }: Branch) => {
    setBusy(id);
    if (await restore(session, id)) onClose();
    else setBusy(null);
  };
  return (
    <Dialog title="Earlier versions" onClose={onClose}>
      {isPending ? <p className={styles.quiet}>Reading the versions</p> : null}
      {error ? (
        <p className={styles.quiet}>
          They could not be read. {sentence(error)}{" "}
          <button type="button" className={ui.button} onClick={() => refetch()}>
            Try again
          </button>
        </p>
      ) : null}
      {data && earlier.length === 0 ? (
        <p className={styles.quiet}>
          None. When you edit a message, ask for another answer, undo or clear, what was there before is kept here.
        </p>
      ) : null}
      {earlier.length > 0 ? (
        <ul className={styles.list}>
          {earlier.map((branch) => (
            <li key={branch.id} className={styles.version}>
              <div>
                <p className={styles.preview}>{branch.preview || "Nothing was said here"}</p>
                <p className={styles.quiet}>
                  {REASONS[branch.reason] ?? "The first version"} · {plural(branch.message_count, "message")} ·{" "}
                  <time title={exactTime(branch.created_at)}>{ago(branch.created_at, serverNow())}</time>
                </p>
              </div>
              <button
                type="button"
                className={ui.button}
                disabled={busy !== null || live}
                title={live ? "The agent is working" : undefined}
                onClick={() => void bring(branch)}
              >
                Restore
              </button>
            </li>
          ))}
        </ul>
      ) : null}
    </Dialog>
  );
}
