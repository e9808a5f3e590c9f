import { useSyncExternalStore } from "react";
import { create } from "zustand";
import type { LineState } from "./connection";
import { useThread } from "./thread-store";

export const useFeedLine = create<{ line: LineState }>(() => ({ line: "connecting" }));

/** One word for all lines to the server: the worst of them. */
export function useConnection(): LineState {
  const feed = useFeedLine((state) => state.line);
  const run = useThread((state) => (state.live === null ? "live" : state.line));
  const online = useSyncExternalStore(watchOnline, () => navigator.onLine);
  return worst(online ? "live" : "offline", feed, run);
}

const ORDER: LineState[] = ["signed_out", "offline", "reconnecting", "connecting", "live"];

export const worst = (...lines: LineState[]): LineState => ORDER.find((line) => lines.includes(line)) ?? "live";

function watchOnline(changed: () => void): () => void {
  window.addEventListener("online", changed);
  window.addEventListener("offline", changed);
  return () => {
    window.removeEventListener("online", changed);
    window.removeEventListener("offline", changed);
  };
}

/** True while nothing new can arrive, whatever the agent does meanwhile. */
export const isCut = (line: LineState): boolean => line !== "live" && line !== "connecting";

export const CONNECTION_WORDS: Record<LineState, string> = {
  connecting: "Connecting",
  live: "Connected",
  reconnecting: "Reconnecting",
  offline: "Offline",
  signed_out: "Signed out",
};
