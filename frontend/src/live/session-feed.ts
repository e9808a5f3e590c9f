import { SESSION_EVENTS_ADDRESS } from "../api/endpoints";
import type { SessionsChanged } from "../api/types";
import { keepConnected, type LineState } from "./connection";

const QUIET_MS = 30_000;

/** Tells what changed in any session, whoever changed it. */
export function followSessions(
  onChange: (change: SessionsChanged) => void,
  onLine: (line: LineState) => void,
): () => void {
  const leave = new AbortController();
  void keepConnected({
    url: () => SESSION_EVENTS_ADDRESS,
    signal: leave.signal,
    quietMs: QUIET_MS,
    onLine,
    over: () => false,
    onFrame: ({ event, data }) => {
      if (event === "sessions_changed") onChange(JSON.parse(data) as SessionsChanged);
    },
  });
  return () => leave.abort();
}
