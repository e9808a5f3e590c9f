import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { sentence } from "../api/client";
import { ago, plural } from "../ui/format";
import { toast } from "../ui/toasts";
import ui from "../ui/ui.module.css";
import { useNow } from "../ui/useNow";
import { agentName } from "./agents";
import { type Login, logOut, logOutEverywhere, readLogins, revokeLogin } from "./calls";
import { loginAddress } from "./next";
import styles from "./security.module.css";

/** Browsers and devices that are let in, and the way out for each. */
export function Logins() {
  const known = useQueryClient();
  const { data = [], error } = useQuery({
    queryKey: ["logins"],
    queryFn: ({ signal }) => readLogins(signal),
    staleTime: 0,
    gcTime: 0,
  });
  const [busy, setBusy] = useState(false);
  const act = async (what: () => Promise<unknown>) => {
    setBusy(true);
    try {
      await what();
      await known.invalidateQueries({ queryKey: ["logins"] });
    } catch (failure) {
      toast(sentence(failure));
    }
    setBusy(false);
  };
  const leave = () =>
    act(async () => {
      await logOut();
      location.assign(loginAddress(""));
    });
  const everywhere = () =>
    act(async () => toast(`${plural((await logOutEverywhere()).ended, "login")} ended. You are still logged in here.`));
  return (
    <section>
      <h3>Logged in</h3>
      {error ? <p className={styles.quiet}>{sentence(error)}</p> : null}
      <ul className={styles.list}>
        {data.map((login) => (
          <li key={login.id}>
            <div>
              <p className={styles.name}>{login.kind === "device" ? login.name : agentName(login.agent)}</p>
              <Where login={login} />
            </div>
            <button
              type="button"
              className={ui.button}
              disabled={busy}
              onClick={() => void (login.current ? leave() : act(() => revokeLogin(login.id)))}
            >
              {login.current ? "Log out" : "Revoke"}
            </button>
          </li>
        ))}
      </ul>
      <button type="button" className={ui.button} disabled={busy || data.length < 2} onClick={() => void everywhere()}>
        Log out everywhere else
      </button>
    </section>
  );
}

function Where({ login }: { login: Login }) {
  const now = useNow(60_000) / 1000;
  const parts = [
    login.current
      ? "This browser"
      : `Used ${ago(login.seen_at, now) === "now" ? "just now" : `${ago(login.seen_at, now)} ago`}`,
    login.kind === "device" ? `May ${login.scopes.join(", ")}` : login.address,
  ];
  return <p className={styles.quiet}>{parts.filter(Boolean).join(" · ")}</p>;
}
