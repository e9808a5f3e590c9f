import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { ApiError, sentence } from "../api/client";
import { toast } from "../ui/toasts";
import ui from "../ui/ui.module.css";
import { setPassword } from "./calls";
import styles from "./security.module.css";

const SHORTEST = 8;

/** Sets or changes the password. `present`: there is one; `fixed`: the environment names it. */
export function PasswordForm({ present, fixed }: { present: boolean; fixed: boolean }) {
  const known = useQueryClient();
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  if (fixed)
    return (
      <section>
        <h3>Password</h3>
        <p className={styles.quiet}>It is set by HERMES_WEBUI_PASSWORD and is changed there.</p>
      </section>
    );
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (next.length < SHORTEST) return setProblem(`Use at least ${SHORTEST} characters.`);
    setBusy(true);
    setProblem("");
    try {
      await setPassword(next, present ? current : null);
      toast(
        present ? "The password is changed. All other logins ended." : "The password is set. You are logged in here.",
      );
      setCurrent("");
      setNext("");
      await known.invalidateQueries();
    } catch (failure) {
      const wrong = failure instanceof ApiError && failure.status === 401;
      setProblem(wrong ? "That is not the present password." : sentence(failure));
    }
    setBusy(false);
  };
  return (
    <section>
      <h3>{present ? "Change the password" : "Set a password"}</h3>
      <form className={styles.form} onSubmit={(event) => void submit(event)}>
        <input type="text" name="username" value="propylon" autoComplete="username" readOnly hidden />
        {present ? (
          <label>
            <span>Present password</span>
            <input
              type="password"
              autoComplete="current-password"
              maxLength={1024}
              value={current}
              onChange={(event) => setCurrent(event.target.value)}
            />
          </label>
        ) : null}
        <label>
          <span>New password</span>
          <input
            type="password"
            autoComplete="new-password"
            maxLength={1024}
            value={next}
            onChange={(event) => setNext(event.target.value)}
          />
        </label>
        <p className={styles.problem} role="alert">
          {problem}
        </p>
        <button type="submit" className={ui.button} disabled={busy || next === ""}>
          {present ? "Change it, and log out everywhere else" : "Set it"}
        </button>
      </form>
    </section>
  );
}
