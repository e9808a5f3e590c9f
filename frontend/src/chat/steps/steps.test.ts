import { expect, it, describe as suite } from "vitest";
import { readAnsi } from "./ansi";
import { describe, readArgs } from "./describe";
import { patchDiff, readResult, replaceDiff } from "./result";

suite("describe", () => {
  it("says what was done to what", () => {
    expect(describe("terminal", { command: "ls -la" })).toMatchObject({ did: "Ran", object: "ls -la" });
    expect(describe("patch", { mode: "patch", patch: "*** Update File: a/b.py\n@@" }).object).toBe("a/b.py");
    expect(describe("terminal", { command: "a\nb" }).object).toBe("a …");
  });

  it("names unknown tools by their own words", () => {
    expect(describe("mcp__git__log", { repo: "x" })).toMatchObject({ did: "Used git · log", object: "x" });
  });

  it("lives with arguments that are no object", () => {
    expect([readArgs("{"), readArgs("null"), readArgs('{"a":1}')]).toEqual([{}, {}, { a: 1 }]);
  });
});

suite("readResult", () => {
  it.each([
    ["plain", { text: "plain", note: "" }],
    ['{"output":"a\\nb","exit_code":0,"error":null}', { text: "a\nb", note: "" }],
    ['{"output":"no such file","exit_code":1}', { text: "no such file", note: "Exit code 1" }],
    ['{"error":"blocked"}', { text: "", note: "blocked" }],
    ['{"total":2}', { text: '{\n  "total": 2\n}', note: "" }],
    ['{"output":"cut off', { text: '{"output":"cut off', note: "" }],
  ])("%s", (content, result) => expect(readResult(content)).toEqual(result));
});

suite("diffs", () => {
  it("shows what both share once", () => {
    expect(replaceDiff("a\nb\nc", "a\nx\nc").map(({ sign, text }) => sign + text)).toEqual([" a", "-b", "+x", " c"]);
    expect(replaceDiff("a", "a").map(({ sign }) => sign)).toEqual([" "]);
  });

  it("reads patches", () => {
    expect(patchDiff("@@\n-a\n+b\n c").map(({ sign }) => sign)).toEqual([" ", "-", "+", " "]);
  });
});

it("readAnsi keeps colours and drops the rest", () => {
  expect(readAnsi("a\u001b[1;31mred\u001b[0m\u001b[2Kb\u001b]0;title\u0007c")).toEqual([
    { text: "a", colour: null, bold: false },
    { text: "red", colour: "red", bold: true },
    { text: "b", colour: null, bold: false },
    { text: "c", colour: null, bold: false },
  ]);
});
