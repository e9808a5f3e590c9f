import { sentence } from "../api/client";
import { renameSession, revokeGrant, setYolo, updateSession } from "../api/endpoints";
import { toast } from "../ui/toasts";
import { useThread } from "./thread-store";

/** What a person settles about the open session. */
export const allowEverything = (yes: boolean): Promise<boolean> =>
  settle(yes ? "It was not allowed." : "It is still allowed.", async (session) => ({
    yolo_enabled: (await setYolo(session, yes)).yolo_enabled,
  }));

export const revoke = (pattern: string): Promise<boolean> =>
  settle("It is still allowed.", async (session) => ({ granted: (await revokeGrant(session, pattern)).granted }));

export const rename = (title: string): Promise<boolean> =>
  settle("The name was not changed.", async (session) => {
    await renameSession(session, title);
    return { title };
  });

/** How the agent speaks and how long it thinks, from its next run on. */
export const update = (settings: { personality?: string; reasoning_effort?: string }): Promise<boolean> =>
  settle("It was not changed.", async (session) => {
    await updateSession(session, settings);
    return settings;
  });

async function settle(failed: string, call: (session: string) => Promise<object>): Promise<boolean> {
  const { sessionId } = useThread.getState();
  if (sessionId === null) return false;
  try {
    const settled = await call(sessionId);
    useThread.setState(({ session }) =>
      session?.session_id === sessionId ? { session: { ...session, ...settled } } : {},
    );
    return true;
  } catch (error) {
    toast(`${failed} ${sentence(error)}`);
    return false;
  }
}
