import { Monitor, Moon, Sun } from "lucide-react";
import type { ServerStatus } from "../api/types";
import type { LineState } from "../live/connection";
import { CONNECTION_WORDS } from "../live/page-connection";
import { SecurityButton } from "../login/SecurityButton";
import { classes } from "../ui/classes";
import ui from "../ui/ui.module.css";
import styles from "./app.module.css";
import { setTheme, type Theme, usePreferences } from "./preferences";

export function PaneFooter({ connection, status }: { connection: LineState; status: ServerStatus | undefined }) {
  const ready = connection === "live" && status?.agent.state === "ready";
  return (
    <>
      <span className={styles.server}>
        <span className={classes(styles.dot, ready && styles.dotLive)} aria-hidden />
        <span title={status ? `Propylon ${status.version}` : undefined}>
          {connection === "live" && status ? agentWords(status) : CONNECTION_WORDS[connection]}
        </span>
      </span>
      <span className={styles.tools}>
        <SecurityButton />
        <ThemeButton />
      </span>
    </>
  );
}

function agentWords({ agent: { state, version, error }, gateway_chat }: ServerStatus): string {
  if (gateway_chat?.enabled) return "Hermes Gateway";
  if (state === "ready") return `Hermes ${version || "is ready"}`;
  if (state === "starting") return "The agent is starting";
  return error ? `The agent did not start: ${error}` : "The agent did not start";
}

const NEXT: Record<Theme, Theme> = { system: "light", light: "dark", dark: "system" };
const ICONS = { system: Monitor, light: Sun, dark: Moon };
const WORDS = { system: "Theme: as the system", light: "Theme: light", dark: "Theme: dark" };

function ThemeButton() {
  const theme = usePreferences((state) => state.theme);
  const Icon = ICONS[theme];
  return (
    <button type="button" className={ui.iconButton} onClick={() => setTheme(NEXT[theme])} title={WORDS[theme]}>
      <Icon size={16} strokeWidth={1.75} aria-hidden />
      <span className={ui.hidden}>{WORDS[theme]}</span>
    </button>
  );
}
