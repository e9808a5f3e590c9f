import { describe, expect, it } from "vitest";
import type { Row, UserRow } from "../api/types";
import type { RunRecord } from "./events";
import { fold, foldAll } from "./fold";
import { emptyRun } from "./run-state";

interface Contract {
  name: string;
  run: string;
  message: UserRow;
  events: RunRecord[];
  rows: Row[];
}

const contracts = Object.values(
  import.meta.glob<Contract>("../../../contracts/runs/*.json", { eager: true, import: "default" }),
);

describe("the shared run contracts", () => {
  it.each(contracts.map((contract) => [contract.name, contract] as const))("%s", (_, { run, events, rows }) => {
    expect(foldAll(emptyRun(run), events).rows).toEqual(rows);
  });

  it.each(contracts.map((contract) => [contract.name, contract] as const))("seen twice: %s", (_, { run, events }) => {
    const once = foldAll(emptyRun(run), events);
    expect(foldAll(once, events)).toEqual(once);
  });
});

describe("fold", () => {
  const token = (seq: number, text = "x"): RunRecord => ({ seq, kind: "token", data: { text } });

  it("keeps the identity of rows that did not change", () => {
    const before = foldAll(emptyRun("r"), [
      token(1),
      { seq: 2, kind: "tool", data: { tid: "t", name: "terminal", args: {} } },
      token(3),
    ]);
    const after = fold(before, token(4));
    expect(after.rows.slice(0, 2).every((row, index) => row === before.rows[index])).toBe(true);
    expect(after.rows[2]).not.toBe(before.rows[2]);
  });

  it("returns the same state for an event it has seen", () => {
    const state = fold(emptyRun("r"), token(1));
    expect(fold(state, token(1))).toBe(state);
  });

  it("tells how the run came out and that the stream is over", () => {
    const done = foldAll(emptyRun("r"), [token(1), { seq: 2, kind: "done", data: { session_id: "s", end: 2 } }]);
    expect([done.outcome, done.ended]).toEqual(["done", false]);
    expect(fold(done, { seq: 3, kind: "stream_end", data: { session_id: "s" } }).ended).toBe(true);
  });

  it("takes a stream of 20,000 tokens in well under a second", () => {
    const started = performance.now();
    let state = emptyRun("r");
    for (let seq = 1; seq <= 20_000; seq++) state = fold(state, token(seq));
    expect((state.rows[0] as { content: string }).content.length).toBe(20_000);
    expect(performance.now() - started).toBeLessThan(1000);
  });
});
