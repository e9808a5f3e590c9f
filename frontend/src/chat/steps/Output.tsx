import { useLayoutEffect, useMemo, useRef } from "react";
import { classes } from "../../ui/classes";
import { readAnsi } from "./ansi";
import type { DiffLine } from "./result";
import styles from "./steps.module.css";

/** Text of a tool, scrolled inside; what came last is seen first. */
export function Output({ text, label, fromEnd }: { text: string; label: string; fromEnd: boolean }) {
  const box = useRef<HTMLDivElement>(null);
  const runs = useMemo(() => readAnsi(text), [text]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new text starts at its end again
  useLayoutEffect(() => {
    if (fromEnd && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [fromEnd, text]);
  return (
    // biome-ignore lint/a11y: a scrolled box must be reachable by keyboard and is no landmark
    <div ref={box} className={styles.output} role="group" tabIndex={0} aria-label={label}>
      <pre>
        {runs.map((run, index) =>
          run.colour === null && !run.bold ? (
            run.text
          ) : (
            // biome-ignore lint/suspicious/noArrayIndexKey: the runs of one text never reorder
            <span key={index} className={classes(run.colour && styles[run.colour], run.bold && styles.bold)}>
              {run.text}
            </span>
          ),
        )}
      </pre>
    </div>
  );
}

export function Diff({ lines }: { lines: DiffLine[] }) {
  return (
    // biome-ignore lint/a11y: a scrolled box must be reachable by keyboard and is no landmark
    <div className={classes(styles.output, styles.diff)} role="group" tabIndex={0} aria-label="Changes">
      <pre>
        {lines.map(({ sign, text }, index) => (
          <span
            // biome-ignore lint/suspicious/noArrayIndexKey: the lines of one diff never reorder
            key={index}
            className={sign === "+" ? styles.added : sign === "-" ? styles.removed : styles.same}
          >
            <span aria-hidden={sign === " "}>{sign}</span>
            {text}
            {"\n"}
          </span>
        ))}
      </pre>
    </div>
  );
}
