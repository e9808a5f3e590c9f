import { ShieldAlert, ShieldQuestion } from "lucide-react";
import { type FormEvent, useCallback, useEffect, useRef, useState } from "react";
import type { Approval, Choice } from "../../api/types";
import { approve, useAnswering } from "../../live/answers";
import { readDraft, useDrafts, writeDraft } from "../../live/drafts";
import { classes } from "../../ui/classes";
import ui from "../../ui/ui.module.css";
import { CommandText } from "./CommandText";
import { Countdown, useSecondsLeft } from "./Countdown";
import { useCalmFocus } from "./focus";
import { Progress } from "./Progress";
import styles from "./questions.module.css";

/** A card that has just come may lie where something else was about to be pressed. */
const SETTLE_MS = 500;

interface ApprovalCardProps {
  session: string;
  question: Approval;
  /** The goal of the subagent that asks, "" for the agent itself. */
  asker: string;
  pager: React.ReactNode;
}

export function ApprovalCard({ session, question, asker, pager }: ApprovalCardProps) {
  const { id, command, description, choices, smart_denied } = question;
  const card = useRef<HTMLElement>(null);
  const deny = useRef<HTMLButtonElement>(null);
  const [seen, setSeen] = useState(false);
  const [giving, setGiving] = useState(false);
  const answering = useAnswering((state) => state[id]);
  const left = useSecondsLeft(question);
  const reasonKey = `question ${id}`;
  const reason = useDrafts((drafts) => drafts[reasonKey]) ?? readDraft(reasonKey);
  const shut = left === 0 || (answering !== undefined && answering.state !== "failed");
  const settled = useSettled();
  useCalmFocus(deny, card);

  const decide = useCallback(
    (choice: Choice) => {
      if (choice !== "deny" && !settled()) return;
      void approve(session, id, choice, reason.trim()).then(() => {
        if (useAnswering.getState()[id]?.state === "sent") writeDraft(reasonKey, "");
      });
    },
    [session, id, reason, reasonKey, settled],
  );
  const may = (choice: Choice) => choices.includes(choice);
  const cannotAllow = shut || !seen;
  useShortcuts({
    KeyD: shut ? null : () => decide("deny"),
    KeyO: cannotAllow || !may("once") ? null : () => decide("once"),
  });
  const denyWithReason = (event: FormEvent) => {
    event.preventDefault();
    if (!shut) decide("deny");
  };

  return (
    <section ref={card} className={styles.card} aria-label="Permission" data-question={id}>
      <header className={styles.head}>
        <ShieldQuestion size={20} strokeWidth={1.75} aria-hidden />
        <h2>Run this command?</h2>
        {pager}
        {left === null ? (
          <span className={styles.left}>Waits for you</span>
        ) : (
          <Countdown question={question} left={left} />
        )}
      </header>
      <div className={styles.body}>
        {asker ? <p className={styles.asker}>Asked by the subagent with the task “{asker}”</p> : null}
        <CommandText text={command} seen={seen} onSeen={() => setSeen(true)} />
        {description ? (
          <p className={styles.why}>
            <span>Asked because:</span> {description}
          </p>
        ) : null}
        {smart_denied ? (
          <p className={styles.danger}>
            <ShieldAlert size={16} strokeWidth={1.75} aria-hidden />
            <span>
              The automatic check judged this command dangerous. If you allow it, it is allowed for this one time only.
            </span>
          </p>
        ) : null}
      </div>
      <form className={styles.actions} onSubmit={denyWithReason}>
        <button
          ref={deny}
          type="submit"
          className={classes(ui.button, styles.deny)}
          disabled={shut}
          title="Deny (Alt+Shift+D)"
        >
          Deny
        </button>
        {may("once") ? (
          <button
            type="button"
            className={classes(ui.button, styles.allow)}
            disabled={cannotAllow}
            onClick={() => decide("once")}
            title="Allow once (Alt+Shift+O)"
          >
            Allow once
          </button>
        ) : null}
        {may("session") ? (
          <button type="button" className={ui.button} disabled={cannotAllow} onClick={() => decide("session")}>
            For this session
          </button>
        ) : null}
        {may("always") ? (
          <button
            type="button"
            className={ui.button}
            disabled={cannotAllow}
            onClick={() => decide("always")}
            aria-describedby={`always ${id}`}
          >
            Always
          </button>
        ) : null}
        {giving || reason ? (
          <input
            className={styles.reason}
            aria-label="Reason for the denial"
            placeholder="Why not, or what to do instead"
            value={reason}
            disabled={shut}
            // biome-ignore lint/a11y/noAutofocus: the person has just asked for this field
            autoFocus={giving}
            onChange={(event) => writeDraft(reasonKey, event.target.value)}
          />
        ) : (
          <button type="button" className={styles.quiet} disabled={shut} onClick={() => setGiving(true)}>
            Deny with a reason
          </button>
        )}
      </form>
      <Progress answering={answering} expired={left === 0} />
      {may("always") ? (
        <p className={styles.note} id={`always ${id}`}>
          “Always” is written to the profile's configuration and holds in every session of it.
        </p>
      ) : null}
    </section>
  );
}

function useSettled(): () => boolean {
  const since = useRef(Date.now());
  return useCallback(() => Date.now() - since.current >= SETTLE_MS, []);
}

/** Alt+Shift and a key; nothing is decided by a single key. */
export function useShortcuts(keys: Record<string, (() => void) | null>): void {
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const act = latest.current[event.code];
      if (!act || !event.altKey || !event.shiftKey || event.ctrlKey || event.metaKey || event.repeat) return;
      event.preventDefault();
      act();
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);
}
