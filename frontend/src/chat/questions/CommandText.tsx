import { ArrowDownToLine } from "lucide-react";
import { useCallback, useLayoutEffect, useMemo, useRef } from "react";
import { CopyButton } from "../../ui/CopyButton";
import { spelledOut } from "./oddities";
import styles from "./questions.module.css";

interface CommandTextProps {
  text: string;
  /** Told once the end has been in sight. */
  onSeen: () => void;
  seen: boolean;
}

/** The whole of what would run. A long one scrolls inside, and is only seen once its end was. */
export function CommandText({ text, onSeen, seen }: CommandTextProps) {
  const box = useRef<HTMLDivElement>(null);
  const pieces = useMemo(() => spelledOut(text), [text]);
  const look = useCallback(() => {
    const at = box.current;
    if (at && at.scrollHeight - at.clientHeight - at.scrollTop < 4) onSeen();
  }, [onSeen]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another text is looked at anew
  useLayoutEffect(look, [look, text]);
  const toEnd = () => {
    const at = box.current;
    if (at) at.scrollTop = at.scrollHeight;
    look();
  };
  return (
    <div className={styles.commandFrame}>
      {/* biome-ignore lint/a11y: a scrolled box must be reachable by keyboard and is no landmark */}
      <div ref={box} className={styles.command} role="group" tabIndex={0} aria-label="Command" onScroll={look}>
        <pre>
          {pieces.map((piece, index) =>
            piece.odd ? (
              // biome-ignore lint/suspicious/noArrayIndexKey: the pieces of one text never reorder
              <mark key={index} title="A character that is not seen">
                {piece.text}
              </mark>
            ) : (
              piece.text
            ),
          )}
        </pre>
      </div>
      <CopyButton text={() => text} label="Copy command" className={styles.copy ?? ""} />
      {seen ? null : (
        <button type="button" className={styles.toEnd} onClick={toEnd}>
          <ArrowDownToLine size={14} strokeWidth={1.75} aria-hidden />
          Read to the end before you allow it
        </button>
      )}
    </div>
  );
}
