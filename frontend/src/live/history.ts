import { ApiError, sentence } from "../api/client";
import {
  branchSession,
  clearSession,
  duplicateSession,
  readBranches,
  readSession,
  restoreBranch,
  startRun,
  undoExchange,
} from "../api/endpoints";
import type { Row } from "../api/types";
import { uuid } from "../api/uuid";
import { type Toast, toast } from "../ui/toasts";
import { begin } from "./sending";
import { show, stop, whileOpen } from "./thread";
import { useThread } from "./thread-store";

type Revision = number | string | undefined;

const { getState: thread, setState: set } = useThread;
const CHANGED =
  "This conversation was changed elsewhere meanwhile. It has been read again; nothing of it was replaced.";
const STOP_WITHIN_MS = 10_000;

let unsure: { place: string; key: string } | null = null;

/**
 * Says something else instead of a message; that message and all after it become an earlier version. Null when it
 * worked, else why not.
 */
export async function replaceMessage(message: string, text: string): Promise<string | null> {
  const { sessionId: session, rows, live, sending } = thread();
  const at = rows.findIndex(({ message_id }) => message_id === message);
  if (session === null || at === -1 || live !== null || sending !== null) return "The agent is working. Stop it first.";
  const signal = whileOpen();
  const place = `${session} ${message} ${text}`;
  const key = unsure?.place === place ? unsure.key : uuid();
  unsure = { place, key };
  set({ rows: rows.slice(0, at), sending: text, sendProblem: null });
  try {
    const left = await presentBranch(session);
    const started = await atRevision(session, rows, (revision) =>
      startRun(session, text, key, { edit_message_id: message, revision }),
    );
    unsure = null;
    if (signal.aborted) return null;
    begin(started, text);
    toast("Replaced. The earlier version is kept.", back(session, left));
    return null;
  } catch (error) {
    if (signal.aborted) return null;
    set({ rows, sending: null });
    return failure(error, "It was not sent.");
  }
}

/** Takes back the last message and its answer. */
export const undoLast = (): Promise<void> =>
  remove("Nothing was taken back.", async (session, revision) => {
    const { removed_preview } = await undoExchange(session, revision);
    return removed_preview ? `Taken back: “${short(removed_preview)}”` : "The last exchange was taken back.";
  });

export const clearAll = (): Promise<void> =>
  remove("The conversation was not cleared.", async (session, revision) => {
    await clearSession(session, revision);
    return "The conversation was cleared.";
  });

async function remove(failed: string, call: (session: string, revision: Revision) => Promise<string>): Promise<void> {
  const { sessionId: session, rows } = thread();
  if (session === null) return;
  try {
    const left = await presentBranch(session);
    const said = await atRevision(session, rows, (revision) => call(session, revision));
    await reread(session);
    toast(said, back(session, left));
  } catch (error) {
    toast(await failure(error, failed));
  }
}

/**
 * A change names the state it was made for. Where that state is another, but what was said is the same as shown, the
 * change is made again for the new one.
 */
async function atRevision<T>(session: string, shown: readonly Row[], call: (revision: Revision) => Promise<T>) {
  try {
    return await call(thread().session?.revision);
  } catch (error) {
    if (!isChanged(error)) throw error;
    const detail = await readSession(session);
    const known = new Set(shown.map(({ message_id }) => message_id));
    const same = detail.messages.at(-1)?.message_id === shown.at(-1)?.message_id;
    if (detail.active_stream_id !== null || !same || !detail.messages.every((row) => known.has(row.message_id)))
      throw error;
    return call(detail.revision);
  }
}

const isChanged = (error: unknown): boolean => error instanceof ApiError && error.code === "changed";

async function failure(error: unknown, what: string): Promise<string> {
  const { sessionId } = thread();
  if (!isChanged(error)) return `${what} ${sentence(error)}`;
  if (sessionId !== null) await reread(sessionId);
  return CHANGED;
}

async function reread(session: string): Promise<void> {
  const detail = await readSession(session).catch(() => null);
  if (detail !== null && thread().sessionId === session) show(detail);
}

/** Brings an earlier version back; the present one becomes an earlier version. */
export async function restore(session: string, branch: string): Promise<boolean> {
  try {
    await stopped();
    await restoreBranch(session, branch);
    await reread(session);
    toast("The earlier version is back.");
    return true;
  } catch (error) {
    toast(`The earlier version was not restored. ${sentence(error)}`);
    return false;
  }
}

/** The version that a change is about to leave; null where that cannot be told. */
async function presentBranch(session: string): Promise<string | null> {
  const branches = await readBranches(session).catch(() => []);
  return branches.find(({ active }) => active)?.id ?? null;
}

const back = (session: string, branch: string | null): Toast["action"] =>
  branch === null ? undefined : { label: "Undo", run: () => void restore(session, branch) };

/** What was started instead must end before the earlier version can be back. */
async function stopped(): Promise<void> {
  const until = Date.now() + STOP_WITHIN_MS;
  if (thread().live !== null) await stop();
  while (thread().live !== null && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 50));
}

/** A new session with all up to a message; its id, or null when that did not work. */
export const branchFrom = (message: string): Promise<string | null> =>
  copy("No branch was made.", async (session) => (await branchSession(session, message)).session_id);

export const duplicate = (): Promise<string | null> =>
  copy("The session was not duplicated.", async (session) => (await duplicateSession(session)).session_id);

async function copy(failed: string, call: (session: string) => Promise<string>): Promise<string | null> {
  const { sessionId } = thread();
  if (sessionId === null) return null;
  try {
    return await call(sessionId);
  } catch (error) {
    toast(`${failed} ${sentence(error)}`);
    return null;
  }
}

const short = (text: string): string => (text.length > 60 ? `${text.slice(0, 60).trimEnd()} …` : text);
