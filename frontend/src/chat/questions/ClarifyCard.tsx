import { CornerDownLeft, MessageCircleQuestion } from "lucide-react";
import { type KeyboardEvent, useRef } from "react";
import type { Clarify } from "../../api/types";
import { reply, useAnswering } from "../../live/answers";
import { readDraft, useDrafts, writeDraft } from "../../live/drafts";
import { classes } from "../../ui/classes";
import ui from "../../ui/ui.module.css";
import { useGrowingField } from "../../ui/useGrowingField";
import { useShortcuts } from "./ApprovalCard";
import { Countdown, useSecondsLeft } from "./Countdown";
import { useCalmFocus } from "./focus";
import { Progress } from "./Progress";
import styles from "./questions.module.css";

interface ClarifyCardProps {
  session: string;
  question: Clarify;
  pager: React.ReactNode;
}

export function ClarifyCard({ session, question, pager }: ClarifyCardProps) {
  const { id, choices } = question;
  const card = useRef<HTMLElement>(null);
  const draftKey = `question ${id}`;
  const text = useDrafts((drafts) => drafts[draftKey]) ?? readDraft(draftKey);
  const field = useGrowingField(text);
  const answering = useAnswering((state) => state[id]);
  const left = useSecondsLeft(question);
  const shut = left === 0 || (answering !== undefined && answering.state !== "failed");
  useCalmFocus(field, card);

  const give = (answer: string) => {
    if (answer.trim() === "" || shut) return;
    void reply(session, id, answer.trim()).then(() => {
      if (useAnswering.getState()[id]?.state === "sent") writeDraft(draftKey, "");
    });
  };
  useShortcuts(
    Object.fromEntries(
      choices.slice(0, 9).map((choice, index) => [`Digit${index + 1}`, shut ? null : () => give(choice)]),
    ),
  );
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    give(text);
  };

  return (
    <section ref={card} className={classes(styles.card, styles.asks)} aria-label="Question" data-question={id}>
      <header className={styles.head}>
        <MessageCircleQuestion size={20} strokeWidth={1.75} aria-hidden />
        <h2>The agent asks you</h2>
        {pager}
        {left === null ? (
          <span className={styles.left}>Waits for you</span>
        ) : (
          <Countdown question={question} left={left} />
        )}
      </header>
      <div className={styles.body}>
        <p className={styles.question}>{question.question}</p>
        {choices.length > 0 ? (
          <ol className={styles.choices}>
            {choices.map((choice, index) => (
              <li key={choice}>
                <button
                  type="button"
                  className={ui.button}
                  disabled={shut}
                  onClick={() => give(choice)}
                  title={index < 9 ? `Alt+Shift+${index + 1}` : undefined}
                >
                  <span aria-hidden>{index + 1}</span>
                  {choice}
                </button>
              </li>
            ))}
          </ol>
        ) : null}
      </div>
      <form
        className={styles.own}
        onSubmit={(event) => {
          event.preventDefault();
          give(text);
        }}
      >
        <textarea
          ref={field}
          rows={1}
          aria-label="Your own answer"
          placeholder={choices.length > 0 ? "Or answer in your own words" : "Your answer"}
          value={text}
          disabled={shut}
          onChange={(event) => writeDraft(draftKey, event.target.value)}
          onKeyDown={onKeyDown}
        />
        <button type="submit" className={ui.button} disabled={shut || text.trim() === ""}>
          <CornerDownLeft size={16} strokeWidth={1.75} aria-hidden />
          Answer
        </button>
      </form>
      <Progress answering={answering} expired={left === 0} />
    </section>
  );
}
