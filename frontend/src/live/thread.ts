import { ApiError, sentence } from "../api/client";
import { cancelRun, readFacts, readSession } from "../api/endpoints";
import type { SessionDetail, SessionFacts, SessionsChanged } from "../api/types";
import { readDraft, writeDraft } from "./drafts";
import type { EventData, RunRecord } from "./events";
import { foldAll } from "./fold";
import { createPainter } from "./paint";
import { openQueue, takeLeftover } from "./queue";
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
  void openQueue(id);
  if (id !== null) void load(id, leave.signal);
}

export const retryOpening = (): void => openSession(thread().sessionId);

/** Ends when another session is opened. */
export const whileOpen = (): AbortSignal => leave.signal;

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

/** Shows what the server has of the session that is open. */
export function show(detail: SessionDetail): void {
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

/** Reads what is known of the session besides its rows: totals, permissions, the state that a change must name. */
export async function refreshFacts(): Promise<void> {
  const { sessionId } = thread();
  if (sessionId === null) return;
  const { signal } = leave;
  try {
    const { messages: _, ...facts } = (await readFacts(sessionId, signal)) as Partial<SessionDetail> & SessionFacts;
    if (!signal.aborted) set(({ session }) => ({ session: session && { ...session, ...facts } }));
  } catch {
    // The next change reads it again.
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

/** Follows a run from its beginning. */
export function attach(run: string, startedAt: number): void {
  if (thread().live?.run === run) return;
  const { signal } = leave;
  set({ live: { run, startedAt, state: emptyRun(run), heardAt: Date.now(), stopping: false }, outcome: null });
  let waiting: RunRecord[] = [];
  const painter = createPainter(() => {
    const records = waiting;
    waiting = [];
    onLive(run, (live) => ({ ...live, state: foldAll(live.state, records), heardAt: Date.now() }));
    takeBack(run, records);
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

/** What the agent never heard of the words said to it waits as the next message. */
function takeBack(run: string, records: readonly RunRecord[]): void {
  const { sessionId } = thread();
  if (sessionId === null) return;
  const unheard = records.flatMap(({ kind, data }) =>
    kind === "pending_steer_leftover" ? [(data as EventData["pending_steer_leftover"]).text] : [],
  );
  if (unheard.length > 0) void takeLeftover(sessionId, run, unheard.join("\n\n"));
}

const onLive = (run: string, change: (live: LiveRun) => LiveRun): void =>
  set(({ live }) => (live?.run === run ? { live: change(live) } : {}));

/** The run is over: its rows stay as they are, under the ids they are stored by. */
function settle(run: string, how: "ended" | "gone"): void {
  const { live } = thread();
  if (live?.run !== run) return;
  const { rows, outcome, usage } = live.state;
  if (how === "ended" && outcome !== null) {
    endedAt = Date.now();
    set((state) => ({ rows: withRun(state.rows, run, rows), live: null, line: "live", outcome, usage }));
    void refreshFacts();
    void openQueue(thread().sessionId);
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
  if (reason === "queue") return void openQueue(sessionId);
  if (reason === "settings" || reason === "title") return void refreshFacts();
  const elsewhere = reason === "run_started" && active_stream_id !== live?.run;
  const missed = reason === "run_finished" && live === null && Date.now() - endedAt > JUST_ENDED_MS;
  if (elsewhere || missed || reason === "history") void refresh();
}

export const dismissProblem = (): void => set({ sendProblem: null });
