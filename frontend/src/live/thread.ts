import { ApiError } from "../api/client";
import { cancelRun, createSession, readSession, startRun } from "../api/endpoints";
import type { SessionDetail, SessionsChanged } from "../api/types";
import { uuid } from "../api/uuid";
import { giveBack, readDraft, writeDraft } from "./drafts";
import type { RunRecord } from "./events";
import { foldAll } from "./fold";
import { createPainter } from "./paint";
import { withOlder, withRun, withTail } from "./rows";
import { emptyRun } from "./run-state";
import { followRun } from "./run-stream";
import { type LiveRun, NEW_THREAD, type ThreadState, useThread } from "./thread-store";
import { setUnsure, unsure } from "./unsure";

const GONE_PAUSE_MS = 2_000;
const JUST_ENDED_MS = 5_000;

const { getState: thread, setState: set } = useThread;

let leave = new AbortController();
let endedAt = 0;

/** Shows a session, or the empty page for a new one. */
export function openSession(id: string | null): void {
  if (thread().sessionId === id && thread().phase !== "failed") return;
  startOver(id === null ? {} : { sessionId: id, phase: "loading" });
  if (id !== null) void load(id, leave.signal);
}

export const retryOpening = (): void => openSession(thread().sessionId);

function startOver(state: Partial<ThreadState>): void {
  leave.abort();
  leave = new AbortController();
  set({ ...NEW_THREAD, ...state });
}

async function load(id: string, signal: AbortSignal): Promise<void> {
  try {
    const detail = await readSession(id, undefined, signal);
    if (!signal.aborted) show(detail);
  } catch (error) {
    if (signal.aborted) return;
    const missing = error instanceof ApiError && error.status === 404;
    set({ phase: missing ? "missing" : "failed", problem: sentence(error) });
  }
}

function show(detail: SessionDetail): void {
  const { messages, _messages_offset: offset, ...session } = detail;
  const kept = withTail(thread(), { rows: messages, offset });
  set({ ...kept, phase: "ready", problem: null, session });
  noticeDelivery();
  if (detail.active_stream_id === null) set({ live: null });
  else attach(detail.active_stream_id, detail.pending_started_at ?? Date.now() / 1000);
}

/** Reads the newest rows again, after something happened elsewhere or out of sight. */
export async function refresh(): Promise<void> {
  const { sessionId, phase, sending } = thread();
  if (sessionId === null || phase !== "ready" || sending !== null) return;
  const { signal } = leave;
  try {
    const detail = await readSession(sessionId, undefined, signal);
    if (!signal.aborted && thread().sending === null) show(detail);
  } catch {
    // What is shown stays; the next change or the next connection reads again.
  }
}

export async function loadOlder(): Promise<void> {
  const { sessionId, offset, loadingOlder } = thread();
  if (sessionId === null || offset === 0 || loadingOlder) return;
  const { signal } = leave;
  set({ loadingOlder: true });
  try {
    const { messages, _messages_offset } = await readSession(sessionId, offset, signal);
    if (!signal.aborted) set(withOlder(thread(), { rows: messages, offset: _messages_offset }));
  } catch {
    // Scrolling up again asks again.
  } finally {
    if (!signal.aborted) set({ loadingOlder: false });
  }
}

function attach(run: string, startedAt: number): void {
  if (thread().live?.run === run) return;
  const { signal } = leave;
  set({ live: { run, startedAt, state: emptyRun(run), heardAt: Date.now(), stopping: false }, outcome: null });
  let waiting: RunRecord[] = [];
  const painter = createPainter(() => {
    const records = waiting;
    waiting = [];
    onLive(run, (live) => ({ ...live, state: foldAll(live.state, records), heardAt: Date.now() }));
  });
  signal.addEventListener("abort", painter.stop);
  void followRun({
    run,
    after: 0,
    signal,
    onLine: (line) => set({ line }),
    onRecord: (record) => {
      waiting.push(record);
      painter.request();
    },
  }).then((how) => {
    if (signal.aborted || how === "left") return;
    painter.now();
    settle(run, how);
  });
}

const onLive = (run: string, change: (live: LiveRun) => LiveRun): void =>
  set(({ live }) => (live?.run === run ? { live: change(live) } : {}));

/** The run is over: its rows stay as they are, under the ids they are stored by. */
function settle(run: string, how: "ended" | "gone"): void {
  const { live } = thread();
  if (live?.run !== run) return;
  const { rows, outcome } = live.state;
  if (how === "ended" && outcome !== null) {
    endedAt = Date.now();
    set((state) => ({ rows: withRun(state.rows, run, rows), live: null, line: "live", outcome }));
    return;
  }
  void replaceLost(run, leave.signal);
}

/** Reads what the server has of a run whose stream it no longer has. What was shown stays until then. */
async function replaceLost(run: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && thread().live?.run === run) {
    await new Promise((resolve) => setTimeout(resolve, GONE_PAUSE_MS));
    const { sessionId } = thread();
    if (signal.aborted || sessionId === null) return;
    try {
      const detail = await readSession(sessionId, undefined, signal);
      if (signal.aborted) return;
      set({ live: null, line: "live" });
      show(detail);
    } catch {
      // Asked again after the pause.
    }
  }
}

/** Sends a message; a new session comes into being with its first, and `opened` is told its id. */
export async function send(text: string, opened: (id: string) => void): Promise<void> {
  if (thread().sending !== null || thread().live !== null) return;
  const { signal } = leave;
  let session = thread().sessionId;
  const before = unsure();
  const again = before?.session === (session ?? "new") && before.text === text;
  const key = again ? before.key : uuid();
  setUnsure({ session: session ?? "new", text, key });
  writeDraft(session ?? "new", "");
  set({ sending: text, sendProblem: null });
  try {
    session ??= await adoptNewSession(signal, opened);
    await deliver(session, text, key);
  } catch (error) {
    giveBack(session ?? "new", text);
    if (signal.aborted) return;
    set({ sending: null, sendProblem: unsent(error) });
    if (error instanceof ApiError && error.activeStreamId !== null) void refresh();
  }
}

async function adoptNewSession(signal: AbortSignal, opened: (id: string) => void): Promise<string> {
  const { messages, _messages_offset: offset, ...session } = await createSession();
  if (!signal.aborted) {
    set({ sessionId: session.session_id, phase: "ready", session, rows: messages, offset: offset ?? 0 });
    opened(session.session_id);
  }
  return session.session_id;
}

async function deliver(session: string, text: string, key: string): Promise<void> {
  setUnsure({ session, text, key });
  const started = await startRun(session, text, key).catch((error: unknown) => {
    if (error instanceof ApiError && error.status >= 400 && error.status < 500) setUnsure(null);
    throw error;
  });
  setUnsure(null);
  if (thread().sessionId !== session) return;
  const { stream_id: run, message_id, pending_started_at } = started;
  set((state) => ({
    sending: null,
    rows: [
      ...state.rows.filter((row) => row.message_id !== message_id),
      { message_id, run_id: run, role: "user", content: text, timestamp: pending_started_at },
    ],
    session: state.session && { ...state.session, title: started.title || state.session.title },
  }));
  attach(run, pending_started_at);
}

/** A message that seemed lost arrived after all: its draft need not wait to be sent again. */
function noticeDelivery(): void {
  const { sessionId, rows, sendProblem } = thread();
  const last = rows.findLast((row) => row.role === "user");
  const sent = unsure();
  if (sent === null || sent.session !== sessionId || last?.content !== sent.text) return;
  if (readDraft(sessionId) === sent.text) writeDraft(sessionId, "");
  setUnsure(null);
  if (sendProblem !== null) set({ sendProblem: null });
}

export async function stop(): Promise<void> {
  const { live } = thread();
  if (live === null || live.stopping) return;
  onLive(live.run, (run) => ({ ...run, stopping: true }));
  try {
    const { ok } = await cancelRun(live.run);
    if (!ok) throw new ApiError(0, "The server could not stop the run.");
  } catch (error) {
    onLive(live.run, (run) => ({ ...run, stopping: false }));
    set({ sendProblem: `The run was not stopped. ${sentence(error)}` });
  }
}

export function onSessionsChanged({ reason, session_id, active_stream_id }: SessionsChanged): void {
  const { sessionId, live } = thread();
  if (session_id === undefined || session_id !== sessionId) return;
  const elsewhere = reason === "run_started" && active_stream_id !== live?.run;
  const missed = reason === "run_finished" && live === null && Date.now() - endedAt > JUST_ENDED_MS;
  if (elsewhere || missed) void refresh();
}

export const dismissProblem = (): void => set({ sendProblem: null });

const sentence = (error: unknown): string => (error instanceof Error ? error.message : "Something went wrong.");

function unsent(error: unknown): string {
  if (error instanceof ApiError && error.activeStreamId !== null)
    return "The agent is already working in this session. Your text is back in the field.";
  return `The message was not sent. ${sentence(error)} Your text is back in the field.`;
}
