import { create } from "zustand";

export interface Toast {
  id: number;
  text: string;
  action?: { label: string; run: () => void } | undefined;
}

const MOST = 3;

let last = 0;

/** Short news at the edge of the page. An action is the way back, and only the newest can be gone. */
export const useToasts = create<{ toasts: readonly Toast[] }>(() => ({ toasts: [] }));

export function toast(text: string, action?: Toast["action"]): void {
  last += 1;
  const next: Toast = { id: last, text, ...(action ? { action } : {}) };
  useToasts.setState(({ toasts }) => {
    const kept = action ? toasts.filter((one) => one.action === undefined) : toasts;
    return { toasts: [...kept, next].slice(-MOST) };
  });
}

export const dismissToast = (id: number): void =>
  useToasts.setState(({ toasts }) => ({ toasts: toasts.filter((one) => one.id !== id) }));
