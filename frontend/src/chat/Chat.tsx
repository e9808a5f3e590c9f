import { send } from "../live/sending";
import { retryOpening } from "../live/thread";
import { useThread } from "../live/thread-store";
import ui from "../ui/ui.module.css";
import { Announcer } from "./Announcer";
import styles from "./chat.module.css";
import { Composer } from "./composer/Composer";
import { EmptyState } from "./EmptyState";
import { OpenSession } from "./navigation";
import { QuestionDock } from "./questions/QuestionDock";
import { Thread } from "./Thread";

interface ChatProps {
  workspace: string;
  demo: boolean;
  /** The agent is behind a gateway for which no key is set. */
  keyless: boolean;
  onOpened: (session: string) => void;
  onNew: () => void;
  /** Another session is to be shown. */
  onOpen: (session: string) => void;
}

export function Chat({ workspace, demo, keyless, onOpened, onNew, onOpen }: ChatProps) {
  const session = useThread((state) => state.sessionId);
  const phase = useThread((state) => state.phase);
  const problem = useThread((state) => state.problem);
  const empty = useThread((state) => state.rows.length === 0 && state.live === null && state.sending === null);
  const onSend = (text: string) => void send(text, onOpened);

  if (phase === "missing")
    return (
      <Middle title="This session does not exist" text="It may have been deleted on this or another device.">
        <button type="button" className={ui.button} onClick={onNew}>
          Start a new session
        </button>
      </Middle>
    );
  if (phase === "failed")
    return (
      <Middle title="The session could not be read" text={problem ?? ""}>
        <button type="button" className={ui.button} onClick={retryOpening}>
          Try again
        </button>
      </Middle>
    );
  return (
    <OpenSession value={onOpen}>
      {phase === "loading" ? (
        <Loading />
      ) : empty ? (
        <EmptyState demo={demo} keyless={keyless} onSend={onSend} />
      ) : (
        <Thread key={session ?? "new"} />
      )}
      <QuestionDock />
      <Composer workspace={workspace} onSend={onSend} />
      <Announcer />
    </OpenSession>
  );
}

function Middle({ title, text, children }: { title: string; text: string; children: React.ReactNode }) {
  return (
    <div className={styles.middle}>
      <h2>{title}</h2>
      <p>{text}</p>
      {children}
    </div>
  );
}

const Loading = () => (
  <div className={`${styles.inColumn} ${styles.skeletons}`} role="status" aria-label="Reading the session">
    <div className={ui.skeleton} />
    <div className={ui.skeleton} />
    <div className={ui.skeleton} />
    <div className={ui.skeleton} />
  </div>
);
