import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { sentence } from "../api/client";
import { CopyButton } from "../ui/CopyButton";
import { classes } from "../ui/classes";
import ui from "../ui/ui.module.css";
import { addDevice, type Scope } from "./calls";
import styles from "./security.module.css";

const SCOPES: [Scope, string][] = [
  ["read", "Read sessions"],
  ["chat", "Chat and run"],
  ["approve", "Answer permissions"],
  ["manage", "Change security"],
];

/** A new token for a script or another device; it is shown this once. */
export function Devices() {
  const known = useQueryClient();
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState<readonly Scope[]>(["read", "chat"]);
  const [token, setToken] = useState<string | null>(null);
  const [problem, setProblem] = useState("");
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setProblem("");
    try {
      const made = await addDevice(name.trim(), [...scopes]);
      setToken(made.token);
      setName("");
      await known.invalidateQueries({ queryKey: ["logins"] });
    } catch (failure) {
      setProblem(sentence(failure));
    }
  };
  const toggle = (scope: Scope, on: boolean) =>
    setScopes((before) => SCOPES.map(([each]) => each).filter((each) => (each === scope ? on : before.includes(each))));
  return (
    <section>
      <h3>New device token</h3>
      <form className={styles.form} onSubmit={(event) => void submit(event)}>
        <label>
          <span>Name</span>
          <input
            value={name}
            maxLength={80}
            placeholder="A script, a phone"
            onChange={(event) => setName(event.target.value)}
          />
        </label>
        <fieldset className={styles.scopes}>
          <legend className={ui.hidden}>What it may do</legend>
          {SCOPES.map(([scope, words]) => (
            <label key={scope}>
              <input
                type="checkbox"
                checked={scopes.includes(scope)}
                onChange={(event) => toggle(scope, event.target.checked)}
              />
              {words}
            </label>
          ))}
        </fieldset>
        <p className={styles.problem} role="alert">
          {problem}
        </p>
        <button type="submit" className={ui.button} disabled={name.trim() === "" || scopes.length === 0}>
          Make a token
        </button>
      </form>
      {token ? (
        <div className={styles.token} role="status">
          <p className={styles.quiet}>Copy it now; it is not shown again. Send it as “Authorization: Bearer …”.</p>
          <p>
            <code>{token}</code>
            <CopyButton text={() => token} label="Copy the token" className={classes(styles.copy)} />
          </p>
        </div>
      ) : null}
    </section>
  );
}
