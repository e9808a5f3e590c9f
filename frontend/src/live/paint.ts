const FRAME_BUDGET_MS = 8;
const SLOW_MS = 50;
const HIDDEN_MS = 250;

/** Gathers requests into one flush per frame, or one per 50 ms while flushes take long. */
export function createPainter(flush: () => void) {
  let cancel: (() => void) | null = null;
  let last = 0;
  let cost = 0;

  const run = () => {
    cancel = null;
    last = performance.now();
    flush();
    // React renders what the flush changed in a microtask queued before this one.
    queueMicrotask(() => {
      cost = performance.now() - last;
    });
  };

  const after = (ms: number) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  };

  const nextFrame = () => {
    const frame = requestAnimationFrame(run);
    return () => cancelAnimationFrame(frame);
  };

  const stop = () => {
    cancel?.();
    cancel = null;
  };

  return {
    request: () => {
      if (cancel !== null) return;
      if (document.hidden) cancel = after(HIDDEN_MS);
      else if (cost > FRAME_BUDGET_MS) cancel = after(Math.max(0, last + SLOW_MS - performance.now()));
      else cancel = nextFrame();
    },
    now: () => {
      stop();
      run();
    },
    stop,
  };
}
