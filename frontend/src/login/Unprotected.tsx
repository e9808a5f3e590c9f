import styles from "./security.module.css";

/** Stands above everything as long as the server lets in whoever reaches it. */
export const Unprotected = ({ on }: { on: boolean }) =>
  on ? (
    <p className={styles.unprotected} role="status">
      No password is set, and this server listens on the network: whoever reaches it can run commands on its machine.
    </p>
  ) : null;
