import type { SessionFacts, Usage } from "../../api/types";
import { useThread } from "../../live/thread-store";
import { classes } from "../../ui/classes";
import { count } from "../../ui/format";
import app from "../app.module.css";
import styles from "./session.module.css";

const RADIUS = 6.5;
const ROUND = 2 * Math.PI * RADIUS;
const NEAR = 0.9;

/** How much of the agent's window the conversation fills; a click tells tokens and cost. */
export function ContextMeter() {
  const session = useThread((state) => state.session);
  const usage = useThread((state) => state.usage);
  const state = contextOf(session, usage);
  if (session === null || state === null) return null;
  const { used, length, threshold } = state;
  const part = Math.min(1, used / length);
  const percent = `${Math.round(part * 100)}%`;
  return (
    <>
      <button
        type="button"
        className={classes(styles.meter, used >= NEAR * (threshold || length) && styles.near)}
        popoverTarget="context-note"
        aria-label={`Context: ${percent} used`}
        title={`${count(used)} of ${count(length)} tokens of context used`}
      >
        <svg width="18" height="18" viewBox="0 0 18 18" aria-hidden="true">
          <circle cx="9" cy="9" r={RADIUS} />
          <circle
            className={styles.used}
            cx="9"
            cy="9"
            r={RADIUS}
            strokeDasharray={`${part * ROUND} ${ROUND}`}
            transform="rotate(-90 9 9)"
          />
        </svg>
        <span className={styles.long}>{percent}</span>
      </button>
      <div id="context-note" popover="auto" className={app.popover}>
        <p>
          <strong>
            {count(used)} of {count(length)} tokens
          </strong>{" "}
          of the agent's context are used.
          {threshold > 0 ? ` At ${count(threshold)} the agent shortens it; the conversation here stays whole.` : ""}
        </p>
        <dl className={styles.facts}>
          {usage ? (
            <Line name="This run" input={usage.input_tokens} output={usage.output_tokens} cost={usage.estimated_cost} />
          ) : null}
          <Line
            name="This session"
            input={session.input_tokens ?? 0}
            output={session.output_tokens ?? 0}
            cost={session.estimated_cost ?? 0}
          />
        </dl>
      </div>
    </>
  );
}

interface LineProps {
  name: string;
  input: number;
  output: number;
  cost: number;
}

const Line = ({ name, input, output, cost }: LineProps) => (
  <>
    <dt>{name}</dt>
    <dd>
      {count(input)} in, {count(output)} out{cost > 0 ? `, ${money(cost)}` : ""}
    </dd>
  </>
);

const money = (dollars: number): string => `$${dollars < 0.01 ? dollars.toFixed(4) : dollars.toFixed(2)}`;

/** The window after the last run, which the run itself tells before the session does. */
export function contextOf(session: SessionFacts | null, usage: Usage | null) {
  const known = usage && usage.context_length > 0 ? usage : session;
  const { context_length: length = 0, threshold_tokens: threshold = 0, last_prompt_tokens: used = 0 } = known ?? {};
  return length > 0 && used > 0 ? { used, length, threshold } : null;
}
