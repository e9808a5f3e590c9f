import { PanelLeft } from "lucide-react";
import { useEffect } from "react";
import { DemoNote } from "../chat/DemoNote";
import { classes } from "../ui/classes";
import ui from "../ui/ui.module.css";
import styles from "./app.module.css";
import { RUN_STATE_WORDS, useRunState } from "./run-state";

export const NEW_TITLE = "New session";

interface HeaderProps {
  title: string;
  model: { model: string; model_provider: string };
  /** Whether the connection is lost, so that what the agent does is not known. */
  cut: boolean;
  paneOpen: boolean;
  onTogglePane: () => void;
}

export function Header({ title, model, cut, paneOpen, onTogglePane }: HeaderProps) {
  const state = useRunState();
  const unknown = cut && (state === "running" || state === "stopping");
  useEffect(() => {
    document.title = title && title !== NEW_TITLE ? `${title} · Propylon` : "Propylon";
  }, [title]);
  return (
    <header className={styles.header}>
      <button type="button" className={ui.iconButton} aria-expanded={paneOpen} onClick={onTogglePane} title="Sessions">
        <PanelLeft size={20} strokeWidth={1.75} aria-hidden />
        <span className={ui.hidden}>Sessions</span>
      </button>
      <h1 className={styles.title} title={title}>
        {title}
      </h1>
      <span className={classes(styles.state, !unknown && styles[state])} data-testid="run-state">
        {unknown ? "No connection" : RUN_STATE_WORDS[state]}
      </span>
      <Model {...model} />
    </header>
  );
}

function Model({ model, model_provider }: { model: string; model_provider: string }) {
  if (model === "") return null;
  const demo = model_provider === "demo";
  return (
    <>
      <button
        type="button"
        className={styles.model}
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
