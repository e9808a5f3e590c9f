import { useQuery } from "@tanstack/react-query";
import { readPersonalities } from "../../api/endpoints";
import { update } from "../../live/settling";
import { useThread } from "../../live/thread-store";
import { Dialog } from "../../ui/Dialog";
import styles from "./session.module.css";

const EFFORTS = [
  ["", "As the profile has it"],
  ["none", "None"],
  ["minimal", "Minimal"],
  ["low", "Low"],
  ["medium", "Medium"],
  ["high", "High"],
  ["xhigh", "Highest"],
] as const;

/** How the agent speaks in this session, and how long it thinks. */
export default function Settings({ session, onClose }: { session: string; onClose: () => void }) {
  const personality = useThread((state) => state.session?.personality ?? "");
  const effort = useThread((state) => state.session?.reasoning_effort ?? "");
  const { data = [], isError } = useQuery({
    queryKey: ["personalities", session],
    queryFn: ({ signal }) => readPersonalities(session, signal),
  });
  const known = data.some(({ name }) => name === personality);
  return (
    <Dialog title="Manner and thinking" onClose={onClose}>
      <div className={styles.settings}>
        <label>
          <span>Manner</span>
          <select value={personality} onChange={(event) => void update({ personality: event.target.value })}>
            <option value="">As the profile has it</option>
            {personality && !known ? <option value={personality}>{personality}</option> : null}
            {data.map(({ name }) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <p className={styles.quiet}>
          {isError
            ? "The manners of this profile could not be read."
            : (data.find(({ name }) => name === personality)?.description ?? "How the agent speaks.")}
        </p>
        <label>
          <span>Thinking</span>
          <select value={effort} onChange={(event) => void update({ reasoning_effort: event.target.value })}>
            {EFFORTS.map(([value, label]) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
          </select>
        </label>
        <p className={styles.quiet}>How much the model thinks before it answers, where it can.</p>
        <p className={styles.quiet}>Both hold from the next run on.</p>
      </div>
    </Dialog>
  );
}
