import { useId } from "react";
import { BUSY, chooseBusy, useBusyChoice } from "./busy";
import styles from "./composer.module.css";

/** Queue, steer or interrupt: radio buttons that look like one switch. */
export function BusyChoice() {
  const { choice } = useBusyChoice();
  const name = useId();
  return (
    <fieldset className={styles.choice}>
      <legend>While the agent works, Enter will</legend>
      {BUSY.map(({ id, label, does }) => (
        <label key={id} title={does}>
          <input type="radio" name={name} checked={choice === id} onChange={() => chooseBusy(id)} />
          <span>{label}</span>
        </label>
      ))}
    </fieldset>
  );
}
