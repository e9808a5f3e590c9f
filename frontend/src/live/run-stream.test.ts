import { afterEach, describe, expect, it, vi } from "vitest";
import { ApiError } from "../api/client";
import { fakeSurroundings, frame, type Take } from "../testing/streams";
import { type LineState, pauseAfter } from "./connection";
import type { RunRecord } from "./events";
import { followRun, readRecord } from "./run-stream";

const token = (seq: number) => frame(seq, "token", { text: `${seq}` });
const END = frame(4, "stream_end", { session_id: "s" });
const alive = async () => ({ active: true, stream_id: "r1", replay_available: true });

function follow(takes: Take[], more: Partial<Parameters<typeof followRun>[0]> = {}) {
  const fake = fakeSurroundings(takes);
  const records: RunRecord[] = [];
  const lines: LineState[] = [];
  const how = followRun({
    run: "r1",
    after: 0,
    signal: new AbortController().signal,
    onRecord: (record) => records.push(record),
    onLine: (line) => lines.push(line),
    status: alive,
    surroundings: fake.surroundings,
    ...more,
  });
  return { ...fake, how, lines, seqs: () => records.map(({ seq }) => seq) };
}

afterEach(() => void vi.useRealTimers());

describe("followRun", () => {
  it("reads a run to its end over one connection", async () => {
    const run = follow([{ frames: [token(1), ": heartbeat\n\n", token(2), token(3), END] }]);
    expect(await run.how).toBe("ended");
    expect(run.seqs()).toEqual([1, 2, 3, 4]);
    expect(run.asked).toEqual(["api/chat/stream?stream_id=r1&after_seq=0&replay=1"]);
    expect(run.lines).toEqual(["connecting", "live"]);
  });

  it.each(["close", "break"] as const)("goes on after the last event when the line ends by %s", async (end) => {
    const run = follow([{ frames: [token(1), token(2)], end }, { frames: [token(3), END] }]);
    expect(await run.how).toBe("ended");
    expect(run.seqs()).toEqual([1, 2, 3, 4]);
    expect(run.asked[1]).toContain("after_seq=2");
    expect(run.lines).toEqual(["connecting", "live", "reconnecting", "live"]);
  });

  it("gives each event once, whatever the server repeats", async () => {
    const run = follow([{ frames: [token(1), token(2), token(1), token(2), token(2), token(3), END] }]);
    await run.how;
    expect(run.seqs()).toEqual([1, 2, 3, 4]);
  });

  it("reads frames that arrive in pieces", async () => {
    const bytes = token(1) + END;
    const run = follow([{ frames: [...bytes] }]);
    await run.how;
    expect(run.seqs()).toEqual([1, 4]);
  });

  it("starts from a cursor", async () => {
    const run = follow([{ frames: [token(3), END] }], { after: 2 });
    await run.how;
    expect(run.asked[0]).toContain("after_seq=2");
  });

  it("waits longer after each failure and says that it is offline", async () => {
    const run = follow([{ status: 502 }, { status: 502 }, { status: 503 }, { frames: [END] }]);
    run.setOnline(false);
    expect(await run.how).toBe("ended");
    expect(run.pauses).toEqual([1, 2, 3].map((failures) => pauseAfter(failures, 1)));
    expect(run.lines.filter((line) => line === "offline")).toHaveLength(3);
  });

  it("is gone when the server does not know the stream", async () => {
    expect(await follow([{ status: 404 }]).how).toBe("gone");
  });

  it("is gone when the status says so after a loss", async () => {
    const forgotten = async () => ({ active: false, stream_id: null, replay_available: false });
    expect(await follow([{ frames: [token(1)] }], { status: forgotten }).how).toBe("gone");
  });

  it("keeps trying while the status cannot be had", async () => {
    const status = vi.fn().mockRejectedValue(new ApiError(0, "no answer"));
    const run = follow([{ status: 500 }, { frames: [END] }], { status });
    expect(await run.how).toBe("ended");
    expect(status).toHaveBeenCalledOnce();
  });

  it("stops and says so when the login is over", async () => {
    const run = follow([{ status: 401 }]);
    expect(await run.how).toBe("left");
    expect(run.lines.at(-1)).toBe("signed_out");
  });

  it("reconnects after 12 s without a byte", async () => {
    vi.useFakeTimers();
    const run = follow([{ frames: [token(1)], end: "hang" }, { frames: [END] }]);
    await vi.advanceTimersByTimeAsync(11_900);
    expect(run.asked).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(200);
    expect(await run.how).toBe("ended");
    expect(run.asked[1]).toContain("after_seq=1");
  });

  it("leaves when told to", async () => {
    const leave = new AbortController();
    const run = follow([{ frames: [token(1)], end: "hang" }], { signal: leave.signal });
    setTimeout(() => leave.abort(), 5);
    expect(await run.how).toBe("left");
  });
});

describe("readRecord", () => {
  const read = (id: string | undefined, data: string) => readRecord({ id, event: "token", data });

  it("takes the number after the last colon", () => {
    expect(read("a:b:12", '{"text":"x"}')).toEqual({ seq: 12, kind: "token", data: { text: "x" } });
  });

  it("ignores frames without a number and keeps the place of unreadable ones", () => {
    expect([read(undefined, "{}"), read("r", "{}"), read("r:0", "{}")]).toEqual([null, null, null]);
    expect(read("r:3", "{")).toEqual({ seq: 3, kind: "unreadable", data: null });
  });
});
