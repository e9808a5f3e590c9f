import { PanelLeft } from "lucide-react";
import { useEffect, useState } from "react";
import { DemoNote } from "../chat/DemoNote";
import { useThread } from "../live/thread-store";
import { classes } from "../ui/classes";
import ui from "../ui/ui.module.css";
import styles from "./app.module.css";
import { RUN_STATE_WORDS, useRunState } from "./run-state";
import { ContextMeter } from "./session/ContextMeter";
import { EverythingBadge } from "./session/EverythingBadge";
import { SessionMenu } from "./session/SessionMenu";
import { Title } from "./session/Title";

export const NEW_TITLE = "New session";

interface HeaderProps {
  title: string;
  model: { model: string; model_provider: string };
  /** Whether the connection is lost, so that what the agent does is not known. */
  cut: boolean;
  paneOpen: boolean;
  onTogglePane: () => void;
  /** Whether some session, this one or another, waits for the person. */
  waiting: boolean;
  onOpen: (session: string) => void;
}

export function Header({ title, model, cut, paneOpen, onTogglePane, waiting, onOpen }: HeaderProps) {
  const state = useRunState();
  const unknown = cut && (state === "running" || state === "stopping");
  const asking = useThread(({ live }) => live !== null && live.state.asking.length > 0);
  const session = useThread((thread) => thread.sessionId);
  const [renaming, setRenaming] = useState<string | null>(null);
  useEffect(() => {
    const name = title && title !== NEW_TITLE ? `${title} · Propylon` : "Propylon";
    document.title = waiting || asking ? `Waiting for you · ${name}` : name;
  }, [title, waiting, asking]);
  return (
    <header className={styles.header}>
      <button type="button" className={ui.iconButton} aria-expanded={paneOpen} onClick={onTogglePane} title="Sessions">
        <PanelLeft size={20} strokeWidth={1.75} aria-hidden />
        <span className={ui.hidden}>Sessions</span>
      </button>
      <Title
        title={title}
        renaming={renaming !== null && renaming === session}
        onRenaming={(yes) => setRenaming(yes ? session : null)}
      />
      <span
        className={classes(styles.state, !unknown && (asking ? styles.asking : styles[state]))}
        data-testid="run-state"
      >
        {unknown ? "No connection" : asking && state === "running" ? "Waiting for you" : RUN_STATE_WORDS[state]}
      </span>
      <span className={styles.gap} />
      <EverythingBadge />
      <ContextMeter />
      <Model {...model} wide={session !== null} />
      <SessionMenu
        model={nameOf(model.model, model.model_provider === "demo")}
        onRename={() => setRenaming(session)}
        onOpen={onOpen}
      />
    </header>
  );
}

interface ModelProps {
  model: string;
  model_provider: string;
  /** Shown only where there is room beside the other things of a session. */
  wide: boolean;
}

function Model({ model, model_provider, wide }: ModelProps) {
  if (model === "") return null;
  const demo = model_provider === "demo";
  return (
    <>
      <button
        type="button"
        className={classes(styles.model, wide && styles.wide)}
        popoverTarget="model-note"
        aria-label={`Model: ${nameOf(model, demo)}`}
      >
        {nameOf(model, demo)}
      </button>
      <div id="model-note" popover="auto" className={styles.popover}>
        {demo ? (
          <p>
            <DemoNote />
          </p>
        ) : (
          <p>
            <strong>{model}</strong> by {model_provider}. To use another one, run <code>hermes model</code> in a
            terminal, then start a new session.
          </p>
        )}
      </div>
    </>
  );
}

const nameOf = (model: string, demo: boolean): string => (demo ? "Demo model" : (model.split("/").at(-1) ?? model));
