import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { asWritten } from "./as-written";
import { useThread } from "./thread-store";

beforeEach(() => useThread.setState({ sessionId: "s1" }));
afterEach(() => vi.unstubAllGlobals());

test("what has no mask is as it is shown", async () => {
  const fetch = vi.fn();
  vi.stubGlobal("fetch", fetch);
  expect(await asWritten("r1.0", "Well... go on, please.")).toBe("Well... go on, please.");
  expect(fetch).not.toHaveBeenCalled();
});

test.each(["The key is sk-mad...test", "PASSWORD=***"])(
  "a mask is never sent in place of a secret: %s",
  async (shown) => {
    const row = { message_id: "r1.0", role: "user", content: "as it was written" };
    const fetch = vi.fn(async () => new Response(JSON.stringify({ message: row })));
    vi.stubGlobal("fetch", fetch);
    expect(await asWritten("r1.0", shown)).toBe("as it was written");
  },
);

test("where it cannot be read nothing is sent", async () => {
  vi.stubGlobal(
    "fetch",
    vi.fn(async () => new Response(JSON.stringify({ error: "Not now" }), { status: 503 })),
  );
  expect(await asWritten("r1.0", "PASSWORD=***")).toBeNull();
});
