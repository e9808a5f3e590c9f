import { create } from "zustand";

const PREFIX = "propylon.draft.";
const SAVE_AFTER_MS = 300;

/** Unsent text by session, kept across reloads. The new session's draft has the key "new". */
export const useDrafts = create<Record<string, string>>(() => ({}));

const unsaved = new Map<string, string>();
let timer: ReturnType<typeof setTimeout> | undefined;

export function readDraft(key: string): string {
  const known = useDrafts.getState()[key];
  if (known !== undefined) return known;
  try {
    return localStorage.getItem(PREFIX + key) ?? "";
  } catch {
    return "";
  }
}

export function writeDraft(key: string, text: string): void {
  useDrafts.setState({ [key]: text });
  unsaved.set(key, text);
  clearTimeout(timer);
  timer = setTimeout(saveDrafts, SAVE_AFTER_MS);
}

/** Puts a text that could not be sent back before what was typed since. */
export function giveBack(key: string, text: string): void {
  const typed = readDraft(key);
  writeDraft(key, typed === "" || typed === text ? text : `${text}\n\n${typed}`);
}

/** A text arrived: it leaves the draft, and what was typed behind it stays. */
export function takeAway(key: string, text: string): void {
  const typed = readDraft(key).trimStart();
  if (typed.startsWith(text)) writeDraft(key, typed.slice(text.length).trimStart());
}

/** A text did not arrive: it is in the draft, once. */
export function keep(key: string, text: string): void {
  if (!readDraft(key).trimStart().startsWith(text)) giveBack(key, text);
}

export function saveDrafts(): void {
  clearTimeout(timer);
  for (const [key, text] of unsaved) {
    try {
      if (text === "") localStorage.removeItem(PREFIX + key);
      else localStorage.setItem(PREFIX + key, text);
    } catch {
      // Storage is full or forbidden: the draft lives as long as the page.
    }
  }
  unsaved.clear();
}

if (typeof window !== "undefined") window.addEventListener("pagehide", saveDrafts);
