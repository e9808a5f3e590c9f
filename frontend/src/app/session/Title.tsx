import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import { rename } from "../../live/settling";
import { refreshSessions } from "../../sessions/queries";
import app from "../app.module.css";
import styles from "./session.module.css";

interface TitleProps {
  title: string;
  renaming: boolean;
  onRenaming: (yes: boolean) => void;
}

/** The session's name; renamed in its place. */
export function Title({ title, renaming, onRenaming }: TitleProps) {
  return renaming ? (
    <NameField title={title} onDone={() => onRenaming(false)} />
  ) : (
    <h1 className={app.title} title={title}>
      {title}
    </h1>
  );
}

function NameField({ title, onDone }: { title: string; onDone: () => void }) {
  const [name, setName] = useState(title);
  const field = useRef<HTMLInputElement>(null);
  const over = useRef(false);
  useEffect(() => field.current?.select(), []);
  const finish = async (keep: boolean) => {
    if (over.current) return;
    over.current = true;
    const wanted = name.trim();
    if (keep && wanted !== "" && wanted !== title) {
      if (!(await rename(wanted))) {
        over.current = false;
        return;
      }
      refreshSessions();
    }
    onDone();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Enter" && event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    void finish(event.key === "Enter");
  };
  return (
    <input
      ref={field}
      className={styles.name}
      aria-label="Name of the session"
      value={name}
      maxLength={200}
      // biome-ignore lint/a11y/noAutofocus: renaming was asked for just now
      autoFocus
      onChange={(event) => setName(event.target.value)}
      onKeyDown={onKeyDown}
      onBlur={() => void finish(true)}
    />
  );
}
