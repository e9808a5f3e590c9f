import { create } from "zustand";
import { asWritten } from "../live/as-written";
import { giveBack, readDraft, writeDraft } from "../live/drafts";
import { replaceMessage } from "../live/history";
import { useThread } from "../live/thread-store";

/** The message that is being written anew, and why it could not be sent. Its text is a draft and outlives the editor. */
export const useEditing = create<{ id: string | null; problem: string | null }>(() => ({ id: null, problem: null }));

export const editKey = (id: string): string => `edit ${id}`;

export async function beginEdit(id: string, text: string): Promise<void> {
  if (readDraft(editKey(id)) === "") {
    const written = await asWritten(id, text);
    if (written === null) return;
    writeDraft(editKey(id), written);
  }
  useEditing.setState({ id, problem: null });
}

export function cancelEdit(id: string): void {
  writeDraft(editKey(id), "");
  useEditing.setState({ id: null, problem: null });
}

export async function sendEdit(id: string): Promise<void> {
  const text = readDraft(editKey(id)).trim();
  if (text === "") return;
  useEditing.setState({ problem: null });
  const problem = await replaceMessage(id, text);
  if (problem === null) return cancelEdit(id);
  const { rows, sessionId } = useThread.getState();
  if (rows.some(({ message_id }) => message_id === id)) return useEditing.setState({ id, problem });
  // The message is not there any more: what was written goes to the field.
  if (sessionId !== null) giveBack(sessionId, text);
  cancelEdit(id);
  useThread.setState({ sendProblem: `${problem} Your text is in the field.` });
}
