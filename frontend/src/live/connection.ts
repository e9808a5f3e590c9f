import { createParser, type EventSourceMessage } from "eventsource-parser";

/** What can be said about a line to the server. */
export type LineState = "connecting" | "live" | "reconnecting" | "offline" | "signed_out";

/** What the loop needs from its surroundings; tests bring their own. */
export interface Surroundings {
  fetch: typeof fetch;
  random: () => number;
  online: () => boolean;
  /** Resolves after `ms`, sooner when there is reason to try again. */
  pause: (ms: number, signal: AbortSignal) => Promise<void>;
}

export interface ConnectionOptions {
  url: () => string;
  signal: AbortSignal;
  /** Silence after which the line counts as dead; the server comments every 5 s. */
  quietMs: number;
  onFrame: (frame: EventSourceMessage) => void;
  onLine: (line: LineState) => void;
  /** True once nothing more can come. */
  over: () => boolean;
  /** Asked after each lost or refused connection (`status` 0: none); "stop" ends the loop. */
  afterLoss?: (status: number) => Promise<"retry" | "stop">;
  surroundings?: Surroundings;
}

const FIRST_PAUSE_MS = 300;
const LONGEST_PAUSE_MS = 10_000;

export const pauseAfter = (failures: number, random: number): number =>
  Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures) * (0.5 + random / 2);

/** Reads server-sent events for as long as there are any, over as many connections as it takes. */
export async function keepConnected(options: ConnectionOptions): Promise<void> {
  const { signal, over, onLine, surroundings = browser } = options;
  let failures = 0;
  onLine("connecting");
  while (!signal.aborted && !over()) {
    const { status, heard } = await connectOnce(options, surroundings);
    if (signal.aborted || over()) return;
    failures = heard ? 0 : failures + 1;
    if (status === 401) return onLine("signed_out");
    onLine(surroundings.online() ? "reconnecting" : "offline");
    if ((await options.afterLoss?.(status)) === "stop") return;
    await surroundings.pause(pauseAfter(failures, surroundings.random()), signal);
  }
}

async function connectOnce(
  { url, signal, quietMs, onFrame, onLine, over }: ConnectionOptions,
  surroundings: Surroundings,
): Promise<{ status: number; heard: boolean }> {
  const attempt = new AbortController();
  const watchdog = createWatchdog(quietMs, () => attempt.abort());
  let status = 0;
  let heard = false;
  try {
    const response = await surroundings.fetch(url(), {
      signal: AbortSignal.any([signal, attempt.signal]),
      headers: { Accept: "text/event-stream" },
      cache: "no-store",
    });
    status = response.status;
    if (!response.ok || response.body === null) return { status, heard };
    onLine("live");
    const parser = createParser({ onEvent: onFrame });
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      heard = true;
      watchdog.feed();
      parser.feed(value);
      if (over()) break;
    }
  } catch {
    // Aborted, dropped or refused: the caller decides from `status` and `heard`.
  } finally {
    watchdog.stop();
    attempt.abort();
  }
  return { status, heard };
}

function createWatchdog(ms: number, bark: () => void) {
  let timer = setTimeout(bark, ms);
  return {
    feed: () => {
      clearTimeout(timer);
      timer = setTimeout(bark, ms);
    },
    stop: () => clearTimeout(timer),
  };
}

const browser: Surroundings = {
  fetch: (...args) => fetch(...args),
  random: Math.random,
  online: () => navigator.onLine,
  pause: (ms, signal) =>
    new Promise((resolve) => {
      const done = new AbortController();
      const wake = () => {
        clearTimeout(timer);
        done.abort();
        resolve();
      };
      const timer = setTimeout(wake, ms);
      signal.addEventListener("abort", wake, { signal: done.signal });
      window.addEventListener("online", wake, { signal: done.signal });
    }),
};
