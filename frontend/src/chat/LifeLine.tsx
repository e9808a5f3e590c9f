import { isCut, useConnection } from "../live/page-connection";
import { useThread } from "../live/thread-store";
import { classes } from "../ui/classes";
import { clock, wholeDuration } from "../ui/format";
import { useServerNow } from "../ui/server-clock";
import { useNow } from "../ui/useNow";
import styles from "./chat.module.css";
import { phaseOf } from "./life";

const QUIET_AFTER_S = 10;
const ADVICE_AFTER_S = 60;

/** The end of a live run: what the agent does, for how long, and whether anything was heard of late. */
export function LifeLine() {
  const live = useThread((state) => state.live);
  const server = useServerNow();
  const now = useNow(1000);
  const connection = useConnection();
  if (live === null) return null;
  const quiet = (now - live.heardAt) / 1000;
  if (isCut(connection))
    return (
      <p className={styles.life} data-testid="life-line">
        <span className={classes(styles.pulse, styles.still)} aria-hidden />
        <span className={styles.phase}>No connection</span>
        <span>last heard from the agent {wholeDuration(quiet)} ago</span>
      </p>
    );
  const waiting = live.state.asking.length > 0;
  const silent = !waiting && quiet >= ADVICE_AFTER_S;
  const phase = live.stopping ? "Stopping" : phaseOf(live.state);
  return (
    <p className={styles.life} data-testid="life-line">
      <span className={classes(styles.pulse, (waiting || silent) && styles.still)} aria-hidden />
      <span className={styles.phase}>{phase}</span>
      <span>{wholeDuration(server - live.startedAt)}</span>
      {silent ? <span className={styles.silent}>No output for {clock(quiet)}</span> : null}
      {!silent && !waiting && quiet >= QUIET_AFTER_S ? <span>quiet for {wholeDuration(quiet)}</span> : null}
      {silent ? <span>You can wait, or stop it: what was shown is kept.</span> : null}
    </p>
  );
}
