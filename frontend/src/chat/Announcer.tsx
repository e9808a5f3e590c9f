import { useEffect, useRef, useState } from "react";
import { useThread } from "../live/thread-store";
import ui from "../ui/ui.module.css";
import { nextSentences } from "./sentences";

const EVERY_MS = 1500;
const ENDINGS = { done: "The agent is done.", cancelled: "The run was stopped.", failed: "The run failed." };

/** Reads the answer out sentence by sentence, and says how the run came out. */
export function Announcer() {
  const [said, setSaid] = useState("");
  const run = useThread((state) => state.live?.run ?? null);
  const outcome = useThread((state) => state.outcome);
  const place = useRef({ row: "", upTo: 0 });

  useEffect(() => {
    if (run === null) return;
    setSaid("The agent is working.");
    const timer = setInterval(() => {
      const row = useThread.getState().live?.state.rows.findLast((row) => row.role === "assistant");
      if (row === undefined) return;
      if (place.current.row !== row.message_id) place.current = { row: row.message_id, upTo: 0 };
      const { upTo, say } = nextSentences(row.content, place.current.upTo);
      place.current.upTo = upTo;
      if (say !== "") setSaid(say);
    }, EVERY_MS);
    return () => clearInterval(timer);
  }, [run]);

  useEffect(() => {
    if (outcome === null) return;
    const last = useThread.getState().rows.at(-1);
    const rest = last?.role === "assistant" && !last._error ? last.content.slice(place.current.upTo).trim() : "";
    setSaid([rest, ENDINGS[outcome]].filter(Boolean).join(" "));
  }, [outcome]);

  return (
    <p className={ui.hidden} aria-live="polite" data-testid="announcer">
      {said}
    </p>
  );
}
