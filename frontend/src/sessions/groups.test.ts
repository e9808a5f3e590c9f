import { expect, it } from "vitest";
import { sessionRow } from "../testing/rows";
import { byDay } from "./groups";

it("puts sessions under their day, pinned ones first as they come", () => {
  const now = new Date(2026, 5, 15, 12);
  const at = (days: number) => now.getTime() / 1000 - days * 86_400;
  const rows = [
    sessionRow({ session_id: "p", pinned: true, last_message_at: at(40) }),
    sessionRow({ session_id: "a", last_message_at: at(0.1) }),
    sessionRow({ session_id: "b", last_message_at: at(1) }),
    sessionRow({ session_id: "c", last_message_at: at(4) }),
    sessionRow({ session_id: "d", last_message_at: null, created_at: at(90) }),
  ];
  expect(byDay(rows, now).map(({ label, sessions }) => [label, sessions[0]?.session_id])).toEqual([
    ["Pinned", "p"],
    ["Today", "a"],
    ["Yesterday", "b"],
    ["This week", "c"],
    ["Earlier", "d"],
  ]);
});
