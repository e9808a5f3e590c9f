import { useNow } from "./useNow";

let ahead = 0;

/** The server's clock may differ from this device's; what it stamps is compared with its own time. */
export const setServerTime = (seconds: number): void => {
  ahead = seconds - Date.now() / 1000;
};

export const serverNow = (): number => Date.now() / 1000 + ahead;

/** The server's time in Unix seconds, anew each second. */
export const useServerNow = (): number => useNow(1000) / 1000 + ahead;
