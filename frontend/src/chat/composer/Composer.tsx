import { ArrowUp, Square, X } from "lucide-react";
import { type KeyboardEvent, useEffect } from "react";
import { readDraft, useDrafts, writeDraft } from "../../live/drafts";
import { enqueue } from "../../live/queue";
import { interrupt } from "../../live/sending";
import { steer } from "../../live/steering";
import { dismissProblem, stop } from "../../live/thread";
import { useThread } from "../../live/thread-store";
import { classes } from "../../ui/classes";
import { folderName } from "../../ui/format";
import ui from "../../ui/ui.module.css";
import { useGrowingField } from "../../ui/useGrowingField";
import { useMedia } from "../../ui/useMedia";
import chat from "../chat.module.css";
import { BusyChoice } from "./BusyChoice";
import { BUSY, type Busy, useBusyChoice } from "./busy";
import styles from "./composer.module.css";
import { QueueList } from "./QueueList";

interface ComposerProps {
  workspace: string;
  onSend: (text: string) => void;
}

export function Composer({ workspace, onSend }: ComposerProps) {
  const session = useThread((state) => state.sessionId) ?? "new";
  const draft = useDrafts((drafts) => drafts[session]) ?? readDraft(session);
  const running = useThread((state) => state.live !== null);
  const stopping = useThread((state) => state.live?.stopping ?? false);
  const sending = useThread((state) => state.sending !== null);
  const field = useGrowingField(draft);
  const byFinger = useMedia("(pointer: coarse)");
  const narrow = useMedia("(max-width: 560px)");
  const place = folderName(workspace) || "your files";
  const { choice } = useBusyChoice();
  useStopKey(running);
  useFocusOnOpen(field, session, byFinger);

  const send = () => {
    const text = draft.trim();
    if (text === "" || sending) return;
    if (!running) return onSend(text);
    void WHILE_BUSY[choice](session, text);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing || byFinger) return;
    event.preventDefault();
    send();
  };

  return (
    <div className={classes(chat.inColumn, styles.composer)}>
      <SendProblem />
      <QueueList />
      <form
        className={styles.box}
        onSubmit={(event) => {
          event.preventDefault();
          send();
        }}
      >
        <textarea
          ref={field}
          rows={1}
          aria-label="Message"
          placeholder={narrow ? `Ask about ${place}` : `Ask about ${place} or tell the agent what to do`}
          value={draft}
          data-composer
          onChange={(event) => writeDraft(session, event.target.value)}
          onKeyDown={onKeyDown}
        />
        <div className={styles.bar}>
          {running ? <BusyChoice /> : null}
          <span className={styles.hint}>{hint(running, choice, byFinger)}</span>
          {running && draft.trim() !== "" ? (
            <button
              type="submit"
              className={classes(styles.act, styles.later)}
              disabled={sending}
              title={doing(choice)}
            >
              <ArrowUp size={18} strokeWidth={2} aria-hidden />
              <span className={ui.hidden}>{doing(choice)}</span>
            </button>
          ) : null}
          {running ? (
            <button
              type="button"
              className={classes(styles.act, styles.stop)}
              onClick={stop}
              disabled={stopping}
              title="Stop (Esc)"
            >
              <Square size={14} strokeWidth={2} fill="currentColor" aria-hidden />
              <span className={ui.hidden}>Stop</span>
            </button>
          ) : (
            <button type="submit" className={styles.act} disabled={draft.trim() === "" || sending}>
              <ArrowUp size={18} strokeWidth={2} aria-hidden />
              <span className={ui.hidden}>Send</span>
            </button>
          )}
        </div>
      </form>
    </div>
  );
}

const WHILE_BUSY: Record<Busy, (session: string, text: string) => Promise<unknown>> = {
  queue: enqueue,
  steer: (_, text) => steer(text),
  interrupt: (_, text) => interrupt(text),
};

const doing = (choice: Busy): string => BUSY.find(({ id }) => id === choice)?.label ?? "";

function hint(running: boolean, choice: Busy, byFinger: boolean): string {
  if (byFinger) return "";
  if (running) return BUSY.find(({ id }) => id === choice)?.does ?? "";
  return "Enter sends, Shift+Enter makes a new line";
}

function SendProblem() {
  const problem = useThread((state) => state.sendProblem);
  if (problem === null) return null;
  return (
    <div className={styles.problem} role="alert">
      <span>{problem}</span>
      <button type="button" className={classes(ui.iconButton, ui.small)} onClick={dismissProblem}>
        <X size={14} strokeWidth={1.75} aria-hidden />
        <span className={ui.hidden}>Dismiss</span>
      </button>
    </div>
  );
}

function useStopKey(running: boolean): void {
  useEffect(() => {
    if (!running) return;
    const onKey = (event: globalThis.KeyboardEvent) => {
      const elsewhere = document.querySelector("dialog[open], :popover-open") !== null;
      if (event.key === "Escape" && !event.defaultPrevented && !elsewhere) void stop();
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [running]);
}

function useFocusOnOpen(field: React.RefObject<HTMLTextAreaElement | null>, session: string, byFinger: boolean): void {
  // biome-ignore lint/correctness/useExhaustiveDependencies: each session opened is ready to be typed in
  useEffect(() => {
    if (!byFinger) field.current?.focus({ preventScroll: true });
  }, [session, byFinger, field]);
}
