import { useEffect } from "react";

let away = false;

/** Whether the reader looks at something else than the end of the thread. */
export const isReaderAway = (): boolean => away;

export function useReaderAway(now: boolean): void {
  useEffect(() => {
    away = now;
    return () => {
      away = false;
    };
  }, [now]);
}
