import { expect, it } from "vitest";
import { ago, clock, count, duration, folderName, plural, size, wholeDuration } from "./format";

it.each([
  [0, "0 s"],
  [0.31, "0.3 s"],
  [9.96, "10 s"],
  [59.6, "1 m 0 s"],
  [72, "1 m 12 s"],
  [3720, "1 h 2 m"],
])("%d seconds are %s", (seconds, text) => expect(duration(seconds)).toBe(text));

it("counts whole seconds for clocks", () => expect(wholeDuration(4.4)).toBe("4 s"));

it("names sizes", () => expect([size(12), size(70_000), size(3_500_000)]).toEqual(["12 B", "68 KB", "3.3 MB"]));

it("tells how long ago up to a week, then the date", () => {
  const now = 1_700_000_000;
  expect([10, 300, 7300, 200_000, 900_000].map((s) => ago(now - s, now))).toEqual([
    "now",
    "5 m",
    "2 h",
    "2 d",
    "4 Nov",
  ]);
});

it("has small words", () => {
  expect([plural(1, "step"), plural(9, "step")]).toEqual(["1 step", "9 steps"]);
  expect([folderName("/home/a/propylon/"), folderName("/"), folderName("")]).toEqual(["propylon/", "/", ""]);
});

it("shows clocks and counts", () => {
  expect([clock(5), clock(65.9), clock(3725)]).toEqual(["0:05", "1:05", "1:02:05"]);
  expect([count(12), count(1000), count(12_345), count(131_072), count(1_234_567)]).toEqual([
    "12",
    "1 k",
    "12.3 k",
    "131 k",
    "1.2 M",
  ]);
});
