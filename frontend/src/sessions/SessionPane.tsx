import { Hand, Plus, X } from "lucide-react";
import { Fragment } from "react";
import type { SessionRow } from "../api/types";
import { ago, exactTime } from "../ui/format";
import { Mark } from "../ui/Mark";
import { serverNow } from "../ui/server-clock";
import ui from "../ui/ui.module.css";
import { useNow } from "../ui/useNow";
import { byDay, lastActivity } from "./groups";
import { useSessions } from "./queries";
import styles from "./sessions.module.css";

const MINUTE_MS = 60_000;

interface SessionPaneProps {
  current: string | null;
  /** Address of a session's page. */
  linkTo: (session: string) => string;
  onNew: () => void;
  /** Given where the pane lies over the page. */
  onClose?: (() => void) | undefined;
  onChosen: () => void;
  footer: React.ReactNode;
}

export function SessionPane({ current, linkTo, onNew, onClose, onChosen, footer }: SessionPaneProps) {
  return (
    <div className={styles.pane}>
      <div className={styles.top}>
        <div className={styles.brand}>
          <Mark />
          <span>Propylon</span>
          {onClose ? (
            <button type="button" className={ui.iconButton} onClick={onClose}>
              <X size={20} strokeWidth={1.75} aria-hidden />
              <span className={ui.hidden}>Close</span>
            </button>
          ) : null}
        </div>
        <button type="button" className={ui.button} onClick={onNew}>
          <Plus size={16} strokeWidth={1.75} aria-hidden />
          New session
        </button>
      </div>
      <nav className={styles.list} aria-label="Sessions">
        <SessionList current={current} linkTo={linkTo} onChosen={onChosen} />
      </nav>
      <div className={styles.footer}>{footer}</div>
    </div>
  );
}

function SessionList({ current, linkTo, onChosen }: Pick<SessionPaneProps, "current" | "linkTo" | "onChosen">) {
  const { sessions, isPending, isError, hasNextPage, isFetchingNextPage, fetchNextPage, refetch } = useSessions();
  const now = useNow(MINUTE_MS);
  if (isPending) return <Skeletons />;
  if (isError && sessions.length === 0)
    return (
      <div className={styles.quiet}>
        <p>The list could not be read.</p>
        <button type="button" className={ui.button} onClick={() => refetch()}>
          Try again
        </button>
      </div>
    );
  if (sessions.length === 0) return <p className={styles.quiet}>Your sessions will be listed here.</p>;
  return (
    <>
      {byDay(sessions, new Date(now)).map((group) => (
        <Fragment key={group.label}>
          <h2 className={styles.day}>{group.label}</h2>
          <ul>
            {group.sessions.map((session) => (
              <li key={session.session_id}>
                <SessionLink
                  session={session}
                  current={session.session_id === current}
                  href={linkTo(session.session_id)}
                  onChosen={onChosen}
                />
              </li>
            ))}
          </ul>
        </Fragment>
      ))}
      {hasNextPage ? (
        <button type="button" className={styles.more} disabled={isFetchingNextPage} onClick={() => fetchNextPage()}>
          {isFetchingNextPage ? "Reading older sessions" : "Show older sessions"}
        </button>
      ) : null}
    </>
  );
}

interface SessionLinkProps {
  session: SessionRow;
  current: boolean;
  href: string;
  onChosen: () => void;
}

function SessionLink({ session, current, href, onChosen }: SessionLinkProps) {
  const then = lastActivity(session);
  return (
    <a
      className={styles.session}
      href={href}
      aria-current={current ? "page" : undefined}
      data-session={session.session_id}
      onClick={onChosen}
    >
      <span className={styles.title}>{session.title}</span>
      {session.pending_question ? (
        <span className={styles.asking}>
          <Hand size={14} strokeWidth={1.75} aria-hidden />
          Asks you
        </span>
      ) : session.is_streaming ? (
        <span className={styles.working}>Working</span>
      ) : (
        <time className={styles.time} title={exactTime(then)}>
          {ago(then, serverNow())}
        </time>
      )}
    </a>
  );
}

const Skeletons = () => (
  <div role="status" aria-label="Reading sessions" className={styles.skeletons}>
    {[70, 52, 84, 60, 44].map((width) => (
      <div key={width} className={ui.skeleton} />
    ))}
  </div>
);
