/** What the demo model is, and the way to a real one. */
export const DemoNote = () => (
  <span>
    The demo model plays prepared answers through the real agent; it has no intelligence. To connect a provider, run{" "}
    <code>hermes model</code> in a terminal, then start a new session.
  </span>
);
