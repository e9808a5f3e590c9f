import { expect, it } from "vitest";
import type { Row } from "../api/types";
import { withOlder, withRun, withTail } from "./rows";

const row = (id: number, run = "r"): Row => ({ message_id: `${id}`, run_id: run, role: "user", content: "" });
const rows = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => row(from + index));
const ids = ({ rows }: { rows: readonly Row[] }) => rows.map(({ message_id }) => Number(message_id));

it("lays a newer tail over what is known", () => {
  expect(ids(withTail({ rows: rows(0, 6), offset: 0 }, { rows: rows(4, 9), offset: 4 }))).toEqual([
    0, 1, 2, 3, 4, 5, 6, 7, 8,
  ]);
});

it("drops what is known when there is a gap, or nothing before", () => {
  expect(withTail({ rows: rows(0, 3), offset: 0 }, { rows: rows(5, 7), offset: 5 })).toMatchObject({ offset: 5 });
  expect(withTail({ rows: rows(5, 8), offset: 5 }, { rows: rows(2, 9), offset: 2 })).toMatchObject({ offset: 2 });
  expect(ids(withTail({ rows: [], offset: 0 }, { rows: rows(3, 5), offset: 3 }))).toEqual([3, 4]);
});

it("puts an older page before, each row once", () => {
  const all = withOlder({ rows: rows(5, 8), offset: 5 }, { rows: rows(1, 6), offset: 1 });
  expect([ids(all), all.offset]).toEqual([[1, 2, 3, 4, 5, 6, 7], 1]);
});

it("puts a finished run's rows in place of what was stored of it", () => {
  const stored: Row[] = [
    row(0),
    { message_id: "r.1", run_id: "r", role: "assistant", content: "old" },
    row(9, "other"),
  ];
  const folded = [{ message_id: "r.1", run_id: "r", role: "assistant" as const, content: "new" }];
  expect(withRun(stored, "r", folded)).toEqual([stored[0], stored[2], folded[0]]);
});
