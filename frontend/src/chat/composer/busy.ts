import { create } from "zustand";
import { remember, remembered } from "../../ui/local";

/** What Enter does while the agent works. */
export type Busy = "queue" | "steer" | "interrupt";

const NAME = "propylon.busy";

export const BUSY: readonly { id: Busy; label: string; does: string }[] = [
  { id: "queue", label: "Queue", does: "Enter queues: it is sent when the agent is done" },
  { id: "steer", label: "Steer", does: "Enter tells the agent now; it hears it after its next step" },
  { id: "interrupt", label: "Interrupt", does: "Enter stops the agent and sends this instead" },
];

export const useBusyChoice = create<{ choice: Busy }>(() => ({
  choice: BUSY.find(({ id }) => id === remembered(NAME))?.id ?? "queue",
}));

export function chooseBusy(choice: Busy): void {
  useBusyChoice.setState({ choice });
  remember(NAME, choice);
}
