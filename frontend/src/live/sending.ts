import { ApiError, sentence } from "../api/client";
import { createSession, interruptRun, readSession, startRun } from "../api/endpoints";
import type { RunStarted } from "../api/types";
import { uuid } from "../api/uuid";
import { giveBack, writeDraft } from "./drafts";
import { attach, refresh, show, whileOpen } from "./thread";
import { useThread } from "./thread-store";
import { setUnsure, unsure } from "./unsure";

const { getState: thread, setState: set } = useThread;

/** Sends a message; a new session comes into being with its first, and `opened` is told its id. */
export async function send(text: string, opened: (id: string) => void): Promise<void> {
  if (thread().sending !== null || thread().live !== null) return;
  const signal = whileOpen();
  let session = thread().sessionId;
  const key = keyOf(session ?? "new", text);
  writeDraft(session ?? "new", "");
  set({ sending: text, sendProblem: null });
  try {
    session ??= await adoptNewSession(signal, opened);
    const started = await delivered(session, text, key, () => startRun(session as string, text, key));
    if (thread().sessionId === session) begin(started, text);
  } catch (error) {
    giveBack(session ?? "new", text);
    if (signal.aborted) return;
    set({ sending: null, sendProblem: unsent(error) });
    if (error instanceof ApiError && error.activeStreamId !== null) void refresh();
  }
}

/** Stops what is live in the session and sends the message instead. */
export async function interrupt(text: string): Promise<void> {
  const { sessionId: session, sending, live } = thread();
  if (session === null || sending !== null || live === null) return;
  const signal = whileOpen();
  const key = keyOf(session, text);
  writeDraft(session, "");
  set({ sending: text, sendProblem: null });
  try {
    const started = await delivered(session, text, key, () => interruptRun(session, text, key));
    // The rows of the run that was stopped come with the session; without them the new run is shown alone.
    const detail = await readSession(session, undefined, signal).catch(() => null);
    if (signal.aborted) return;
    set({ sending: null });
    if (detail === null) begin(started, text);
    else show(detail);
  } catch (error) {
    giveBack(session, text);
    if (!signal.aborted) set({ sending: null, sendProblem: unsent(error) });
  }
}

/** The same text to the same place, sent again because its fate is unknown, is the same message. */
function keyOf(session: string, text: string): string {
  const before = unsure();
  const key = before?.session === session && before.text === text ? before.key : uuid();
  setUnsure({ session, text, key });
  return key;
}

async function adoptNewSession(signal: AbortSignal, opened: (id: string) => void): Promise<string> {
  const { messages, _messages_offset: offset, ...session } = await createSession();
  if (!signal.aborted) {
    set({ sessionId: session.session_id, phase: "ready", session, rows: messages, offset: offset ?? 0 });
    opened(session.session_id);
  }
  return session.session_id;
}

async function delivered(session: string, text: string, key: string, call: () => Promise<RunStarted>) {
  setUnsure({ session, text, key });
  try {
    const started = await call();
    setUnsure(null);
    return started;
  } catch (error) {
    if (error instanceof ApiError && error.status >= 400 && error.status < 500) setUnsure(null);
    throw error;
  }
}

/** The server has the message: it is a row, and its run is followed. */
export function begin({ stream_id: run, message_id, pending_started_at, title }: RunStarted, text: string): void {
  set(({ rows, session }) => ({
    sending: null,
    rows: [
      ...rows.filter((row) => row.message_id !== message_id),
      { message_id, run_id: run, role: "user", content: text, timestamp: pending_started_at },
    ],
    session: session && { ...session, title: title || session.title },
  }));
  attach(run, pending_started_at);
}

function unsent(error: unknown): string {
  if (error instanceof ApiError && error.activeStreamId !== null)
    return "The agent is already working in this session. Your text is back in the field.";
  return `The message was not sent. ${sentence(error)} Your text is back in the field.`;
}
