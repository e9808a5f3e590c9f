import { create } from "zustand";
import { sentence } from "../api/client";
import { addToQueue, editQueued, moveQueued, readQueue, removeQueued, sendQueued } from "../api/endpoints";
import type { Queue, Queued } from "../api/types";
import { uuid } from "../api/uuid";
import { giveBack, keep, takeAway } from "./drafts";

export interface QueueState {
  readonly session: string | null;
  readonly items: readonly Queued[];
  /** Nothing starts by itself until the person says so. */
  readonly paused: boolean;
  readonly busy: boolean;
  readonly problem: string | null;
}

const EMPTY: QueueState = { session: null, items: [], paused: false, busy: false, problem: null };

export const useQueue = create<QueueState>(() => EMPTY);

const { getState: queue, setState: set } = useQueue;

/** Shows the queue of a session; what cannot be read is shown as it was. */
export async function openQueue(session: string | null): Promise<void> {
  if (queue().session !== session) set({ ...EMPTY, session });
  if (session === null) return;
  try {
    show(session, await readQueue(session));
  } catch {
    // The next change reads it again.
  }
}

function show(session: string, { queue: items, paused }: Queue): void {
  if (queue().session === session) set({ items, paused });
}

/** A text whose fate is unknown keeps its id, so that sent again it is the same message. */
let unsure: { session: string; text: string; id: string } | null = null;

/** True when the message waits or was sent; only then it leaves the field. */
export async function enqueue(session: string, text: string): Promise<boolean> {
  const known = unsure?.session === session && unsure.text === text ? unsure.id : uuid();
  unsure = { session, text, id: known };
  const added = await act(session, "The message was not queued; it is still in the field.", () =>
    addToQueue(session, known, text),
  );
  if (!added) {
    keep(session, text);
    return false;
  }
  unsure = null;
  takeAway(session, text);
  return true;
}

/** What the agent never heard of the words said to it becomes its next message. The id makes every page add the same one. */
export async function takeLeftover(session: string, run: string, text: string): Promise<void> {
  const added = await act(session, "What the agent did not hear is back in the field.", () =>
    addToQueue(session, `${run}-leftover`, text, true),
  );
  if (!added) giveBack(session, text);
}

export const editWaiting = (id: string, text: string): Promise<boolean> =>
  change("The message was not changed.", (session) => editQueued(session, id, text));

export const removeWaiting = (id: string): Promise<boolean> =>
  change("The message was not removed.", (session) => removeQueued(session, id));

export const restoreWaiting = (item: Queued, before: string | null): Promise<boolean> =>
  change("The message was not put back.", async (session) => {
    const added = await addToQueue(session, uuid(), item.text);
    const back = added.queue.at(-1);
    return before !== null && back ? moveQueued(session, back.id, before) : added;
  });

/** One place up (-1) or down (1). */
export function moveWaiting(id: string, by: -1 | 1): Promise<boolean> {
  const items = queue().items;
  const at = items.findIndex((item) => item.id === id);
  const before = items[by === -1 ? at - 1 : at + 2]?.id ?? null;
  return change("The order was not changed.", (session) => moveQueued(session, id, before));
}

export const sendNext = (): Promise<boolean> => change("It was not sent.", (session) => sendQueued(session));

export const dismissQueueProblem = (): void => set({ problem: null });

const change = async (failure: string, call: (session: string) => Promise<Queue>): Promise<boolean> => {
  const { session } = queue();
  return session !== null && act(session, failure, () => call(session));
};

async function act(session: string, failure: string, call: () => Promise<Queue>): Promise<boolean> {
  set({ busy: true, problem: null });
  try {
    show(session, await call());
    return true;
  } catch (error) {
    if (queue().session === session) set({ problem: `${failure} ${sentence(error)}` });
    void openQueue(queue().session);
    return false;
  } finally {
    set({ busy: false });
  }
}
