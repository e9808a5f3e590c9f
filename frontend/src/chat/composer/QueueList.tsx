import { ArrowDown, ArrowUp, Pencil, Trash2, X } from "lucide-react";
import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import type { Queued } from "../../api/types";
import {
  dismissQueueProblem,
  editWaiting,
  moveWaiting,
  removeWaiting,
  restoreWaiting,
  sendNext,
  useQueue,
} from "../../live/queue";
import { useThread } from "../../live/thread-store";
import { classes } from "../../ui/classes";
import { plural } from "../../ui/format";
import { IconButton } from "../../ui/IconButton";
import { toast } from "../../ui/toasts";
import ui from "../../ui/ui.module.css";
import { useGrowingField } from "../../ui/useGrowingField";
import styles from "./queue.module.css";

/** The messages that wait until the agent is free, above the field. */
export function QueueList() {
  const { items, paused, busy, problem } = useQueue();
  const outcome = useThread((state) => state.outcome);
  const live = useThread((state) => state.live !== null);
  if (items.length === 0 && problem === null) return null;
  return (
    <section className={styles.queue} aria-label="Queue">
      {items.length > 0 ? (
        <header>
          <span>
            {plural(items.length, "message")} {items.length === 1 ? "waits" : "wait"}
            {paused && !live ? `: ${pausedBecause(outcome)}` : " until the agent is done"}
          </span>
          {paused && !live ? (
            <button type="button" className={ui.button} disabled={busy} onClick={() => void sendNext()}>
              Send now
            </button>
          ) : null}
        </header>
      ) : null}
      <ol>
        {items.map((item, index) => (
          <Row
            key={item.id}
            item={item}
            first={index === 0}
            last={index === items.length - 1}
            next={items[index + 1]}
          />
        ))}
      </ol>
      {problem ? (
        <p className={styles.problem} role="alert">
          <span>{problem}</span>
          <IconButton icon={X} label="Dismiss" onClick={dismissQueueProblem} />
        </p>
      ) : null}
    </section>
  );
}

function pausedBecause(outcome: string | null): string {
  if (outcome === "cancelled") return "the run was stopped, so nothing is sent by itself";
  if (outcome === "failed") return "the run failed, so nothing is sent by itself";
  return "nothing is sent by itself";
}

interface RowProps {
  item: Queued;
  first: boolean;
  last: boolean;
  next: Queued | undefined;
}

function Row({ item, first, last, next }: RowProps) {
  const [editing, setEditing] = useState(false);
  const row = useRef<HTMLLIElement>(null);
  const move = (by: -1 | 1) => void moveWaiting(item.id, by).then(() => row.current?.focus());
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.target !== row.current) return;
    if (event.altKey && event.key === "ArrowUp" && !first) move(-1);
    else if (event.altKey && event.key === "ArrowDown" && !last) move(1);
    else if (event.key === "Delete") void remove();
    else if (event.key === "Enter") setEditing(true);
    else return;
    event.preventDefault();
  };
  const remove = async () => {
    const removed = await removeWaiting(item.id);
    if (removed)
      toast("Removed from the queue.", {
        label: "Undo",
        run: () => void restoreWaiting(item, next?.id ?? null),
      });
  };
  if (editing)
    return (
      <li className={styles.editing}>
        <Editor item={item} onClose={() => setEditing(false)} />
      </li>
    );
  return (
    // biome-ignore lint/a11y: a row that takes the focus, so that keys can move it
    <li ref={row} tabIndex={0} onKeyDown={onKeyDown} title="Alt+Up and Alt+Down move, Enter edits, Delete removes">
      <p>{item.text}</p>
      <div className={styles.tools}>
        <IconButton icon={ArrowUp} label="Move up" disabled={first} onClick={() => move(-1)} />
        <IconButton icon={ArrowDown} label="Move down" disabled={last} onClick={() => move(1)} />
        <IconButton icon={Pencil} label="Edit" onClick={() => setEditing(true)} />
        <IconButton icon={Trash2} label="Remove" onClick={() => void remove()} />
      </div>
    </li>
  );
}

function Editor({ item, onClose }: { item: Queued; onClose: () => void }) {
  const [text, setText] = useState(item.text);
  const field = useGrowingField(text);
  useEffect(() => field.current?.focus(), [field]);
  const save = async () => {
    const trimmed = text.trim();
    if (trimmed === "" || trimmed === item.text) return onClose();
    if (await editWaiting(item.id, trimmed)) onClose();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      onClose();
    }
    if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) {
      event.preventDefault();
      void save();
    }
  };
  return (
    <>
      <textarea
        ref={field}
        rows={1}
        aria-label="Queued message"
        value={text}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={onKeyDown}
      />
      <div className={classes(styles.tools, styles.shown)}>
        <button type="button" className={ui.button} onClick={onClose}>
          Cancel
        </button>
        <button type="button" className={classes(ui.button, ui.primary)} onClick={() => void save()}>
          Save
        </button>
      </div>
    </>
  );
}
