import { useEffect } from "react";
import { useFeedLine } from "../live/page-connection";
import { openQueue } from "../live/queue";
import { followSessions } from "../live/session-feed";
import { onSessionsChanged, refresh } from "../live/thread";
import { useThread } from "../live/thread-store";
import { loginAddress } from "../login/next";
import { queries, refreshSessions } from "../sessions/queries";

/** Keeps the page in step with other tabs and devices; after a gap everything shown is read again. */
export function useFeed(): void {
  useEffect(() => {
    let lost = false;
    return followSessions(
      (change) => {
        refreshSessions();
        onSessionsChanged(change);
      },
      (line) => {
        if (line === "signed_out") location.assign(loginAddress(location.hash));
        if (line === "live" && lost) {
          void queries.invalidateQueries();
          const { live, sessionId } = useThread.getState();
          if (live === null) void refresh();
          void openQueue(sessionId);
        }
        lost = line === "reconnecting" || line === "offline" || (lost && line !== "live");
        useFeedLine.setState({ line });
      },
    );
  }, []);
}
