import { useEffect, useState } from "react";
import { useHashLocation } from "wouter/use-hash-location";
import type { SessionRow } from "../api/types";
import { Chat } from "../chat/Chat";
import { isCut, useConnection } from "../live/page-connection";
import { openSession } from "../live/thread";
import { useThread } from "../live/thread-store";
import { Unprotected } from "../login/Unprotected";
import { useServerStatus, useSessions } from "../sessions/queries";
import { SessionPane } from "../sessions/SessionPane";
import { classes } from "../ui/classes";
import { Drawer } from "../ui/Drawer";
import { Toasts } from "../ui/Toasts";
import { useMedia } from "../ui/useMedia";
import styles from "./app.module.css";
import { ConnectionLine } from "./ConnectionLine";
import { Header, NEW_TITLE } from "./Header";
import { PaneFooter } from "./PaneFooter";
import { setPane, usePreferences } from "./preferences";
import { linkTo, pathOf, sessionOf } from "./routes";
import { useRunState } from "./run-state";
import { useFeed } from "./useFeed";

export function App() {
  const [path, navigate] = useHashLocation();
  const route = sessionOf(path);
  const narrow = useMedia("(max-width: 899px)");
  const pane = usePreferences((state) => state.pane);
  const [drawer, setDrawer] = useState(false);
  const connection = useConnection();
  const runState = useRunState();
  const session = useOpenSession(route);
  const status = useServerStatus();
  useFeed();

  const startNew = () => {
    setDrawer(false);
    navigate(pathOf(null));
  };
  const open = (id: string) => navigate(pathOf(id));
  const waiting = useSessions().sessions.some(({ pending_question }) => pending_question === true);
  const sessions = (
    <SessionPane
      current={route}
      linkTo={linkTo}
      onNew={startNew}
      onClose={narrow ? () => setDrawer(false) : undefined}
      onChosen={() => setDrawer(false)}
      footer={<PaneFooter connection={connection} status={status} />}
    />
  );
  const model = session ?? { model: status?.default_model ?? "", model_provider: status?.default_provider ?? "" };
  const demo = session ? session.model_provider === "demo" : (status?.demo ?? false);

  return (
    <div className={styles.app} data-connection={connection} data-run-state={runState}>
      {narrow ? (
        <Drawer open={drawer} onClose={() => setDrawer(false)} label="Sessions">
          {sessions}
        </Drawer>
      ) : (
        <aside className={classes(styles.aside, !pane && styles.closed)}>{sessions}</aside>
      )}
      <main className={styles.main}>
        <Header
          title={titleOf(route, session)}
          model={model}
          cut={isCut(connection)}
          paneOpen={narrow ? drawer : pane}
          waiting={waiting}
          onOpen={open}
          onTogglePane={() => (narrow ? setDrawer(true) : setPane(!pane))}
        />
        <Unprotected on={status?.unprotected === true} />
        <ConnectionLine connection={connection} />
        <Chat
          workspace={session?.workspace ?? status?.default_workspace ?? ""}
          demo={demo}
          keyless={status?.gateway_chat?.enabled === true && !status.gateway_chat.api_key_configured}
          onOpened={(id) => navigate(pathOf(id), { replace: true })}
          onNew={startNew}
          onOpen={open}
        />
      </main>
      <Toasts />
    </div>
  );
}

/** A session without a name yet is a new one to its reader. */
function titleOf(route: string | null, session: SessionRow | null): string {
  if (route === null) return NEW_TITLE;
  if (session === null) return "";
  return session.title === "Untitled" ? NEW_TITLE : session.title;
}

/** Opens the session of the address; its row is the list's where the list has it, because that one is kept fresh. */
function useOpenSession(route: string | null) {
  useEffect(() => openSession(route), [route]);
  const opened = useThread((state) => state.session);
  const { sessions } = useSessions();
  if (route === null) return null;
  const listed = sessions.find(({ session_id }) => session_id === route);
  return listed ?? (opened?.session_id === route ? opened : null);
}
