import { giveBack } from "./drafts";

/** A message whose fate is unknown: sent again with the same key, it is the same message. */
export interface Unsure {
  session: string;
  text: string;
  key: string;
}

const NAME = "propylon.unsure";

let held = restored();

export const unsure = (): Unsure | null => held;

/** Kept for this tab, also over a reload, until the server has answered. */
export function setUnsure(next: Unsure | null): void {
  held = next;
  try {
    if (next === null) sessionStorage.removeItem(NAME);
    else sessionStorage.setItem(NAME, JSON.stringify(next));
  } catch {
    // Storage is full or forbidden: it is kept as long as the page.
  }
}

/** What was being sent when the page was left is a draft again; if it arrived, the session's rows will tell. */
function restored(): Unsure | null {
  try {
    const text = sessionStorage.getItem(NAME);
    const found = text === null ? null : (JSON.parse(text) as Unsure);
    if (found !== null) giveBack(found.session, found.text);
    return found;
  } catch {
    return null;
  }
}
