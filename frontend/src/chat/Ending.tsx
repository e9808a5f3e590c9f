import { CircleSlash, TriangleAlert } from "lucide-react";
import type { RunError } from "../api/types";
import { CopyButton } from "../ui/CopyButton";
import styles from "./chat.module.css";
import { Output } from "./steps/Output";

/** How a run ended that did not succeed. */
export function Ending({ error }: { error: RunError }) {
  return error.type === "cancelled" ? <Stopped message={error.message} /> : <FailureCard error={error} />;
}

const Stopped = ({ message }: { message: string }) => (
  <p className={styles.stopped} data-ending="stopped">
    <CircleSlash size={16} strokeWidth={1.75} aria-hidden />
    <span>{message || "Stopped"}. What was shown is kept.</span>
  </p>
);

function FailureCard({ error }: { error: RunError }) {
  const { label, message, hint, details } = error;
  return (
    <section className={styles.failure} aria-label="Failure" data-ending="failed" data-failure={error.type}>
      <p className={styles.label}>
        <TriangleAlert size={16} strokeWidth={1.75} aria-hidden />
        {label}
      </p>
      <p className={styles.happened}>{message}</p>
      {hint ? <p className={styles.hint}>{withCode(hint)}</p> : null}
      {details ? (
        <details>
          <summary>Technical details</summary>
          <div className={styles.technical}>
            <Output text={details} label="Technical details" fromEnd={false} />
            <CopyButton text={() => `${label}\n${message}\n${details}`} label="Copy details" />
          </div>
        </details>
      ) : null}
    </section>
  );
}

/** `words` in backticks are commands. */
const withCode = (text: string) =>
  text.split("`").map((piece, index) =>
    // biome-ignore lint/suspicious/noArrayIndexKey: the pieces of one text never reorder
    index % 2 === 1 ? <code key={index}>{piece}</code> : piece,
  );
