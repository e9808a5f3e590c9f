import { ArrowUp, Square, X } from "lucide-react";
import { type KeyboardEvent, useEffect, useLayoutEffect, useRef, useState } from "react";
import { readDraft, useDrafts, writeDraft } from "../../live/drafts";
import { dismissProblem, stop } from "../../live/thread";
import { useThread } from "../../live/thread-store";
import { classes } from "../../ui/classes";
import { folderName } from "../../ui/format";
import ui from "../../ui/ui.module.css";
import { useMedia } from "../../ui/useMedia";
import chat from "../chat.module.css";
import styles from "./composer.module.css";

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
  const [nudged, setNudged] = useState(false);
  useStopKey(running);
  useFocusOnOpen(field, session, byFinger);

  const send = () => {
    const text = draft.trim();
    if (text === "" || sending) return;
    if (running) return setNudged(true);
    setNudged(false);
    onSend(text);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing || byFinger) return;
    event.preventDefault();
    send();
  };

  return (
    <div className={classes(chat.inColumn, styles.composer)}>
      <SendProblem />
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
          onChange={(event) => {
            setNudged(false);
            writeDraft(session, event.target.value);
          }}
          onKeyDown={onKeyDown}
        />
        <div className={styles.bar}>
          <span className={styles.hint}>{hint({ running, nudged, byFinger })}</span>
          {running ? (
            <button type="button" className={classes(styles.act, styles.stop)} onClick={stop} disabled={stopping}>
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

function hint({ running, nudged, byFinger }: { running: boolean; nudged: boolean; byFinger: boolean }): string {
  if (nudged && running) return "Not sent: the agent is still working. Your text waits here.";
  if (running) return byFinger ? "" : "Esc stops the agent";
  return byFinger ? "" : "Enter sends, Shift+Enter makes a new line";
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

function useGrowingField(text: string) {
  const field = useRef<HTMLTextAreaElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the height follows the text
  useLayoutEffect(() => {
    const box = field.current;
    if (!box) return;
    box.style.height = "auto";
    box.style.height = `${box.scrollHeight}px`;
  }, [text]);
  return field;
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
