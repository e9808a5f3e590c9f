import { sentence } from "../api/client";
import { revealRow } from "../api/endpoints";
import { toast } from "../ui/toasts";
import { useThread } from "./thread-store";

/** What the server puts in place of a secret. */
const MASK = /\*\*\*|\S\.\.\.\S/;

/**
 * The text of a message as the person wrote it: what is shown may have its secrets masked, and a mask must never be
 * sent in place of one. Null, and said why, when it cannot be had.
 */
export async function asWritten(message: string, shown: string): Promise<string | null> {
  const { sessionId: session } = useThread.getState();
  if (session === null || !MASK.test(shown)) return shown;
  try {
    const { content } = await revealRow(session, message);
    return typeof content === "string" ? content : shown;
  } catch (error) {
    toast(`The message could not be read in full, so nothing was changed. ${sentence(error)}`);
    return null;
  }
}
