import { describe, expect, it } from "vitest";
import { allBlocks, hasDefinitions, isClosed, NO_BLOCKS, splitBlocks } from "./blocks";

const TEXT = `# Title

A paragraph with **bold**
and a second line.

- one
- two

  with a paragraph

  \`\`\`js
  const a = 1;

  const b = 2;
  \`\`\`
- three

1. first
2. second

| a | b |
|---|--:|
| 1 | 2 |
| 3 | 4 |

\`\`\`\`md
\`\`\`
not closed here
\`\`\`

still code
\`\`\`\`

> quote
> goes on

Setext
======

    indented code

    more of it

Last words.
`;

const full = (text: string) => allBlocks(splitBlocks(NO_BLOCKS, text));

const streamed = (text: string, step: number) => {
  let blocks = NO_BLOCKS;
  for (let at = step; at < text.length + step; at += step) blocks = splitBlocks(blocks, text.slice(0, at));
  return allBlocks(blocks);
};

describe("splitBlocks", () => {
  it.each([1, 2, 3, 7, 40])("in steps of %d characters gives what the whole gives", (step) => {
    expect(streamed(TEXT, step)).toEqual(full(TEXT));
  });

  it.each([1, 3, 7])("also with CRLF, in steps of %d", (step) => {
    const windows = TEXT.replaceAll("\n", "\r\n");
    expect(streamed(windows, step)).toEqual(full(TEXT));
  });

  it("loses no character", () => {
    expect(full(TEXT).join("")).toBe(TEXT);
  });

  it("keeps settled blocks as they are", () => {
    const before = splitBlocks(NO_BLOCKS, "a\n\nb\n\nc\n\nd\n\n");
    const after = splitBlocks(before, `${before.source}e`);
    expect(after.settled.slice(0, before.settled.length)).toEqual(before.settled);
    expect(before.settled).toEqual(["a\n\n", "b\n\n"]);
  });

  it("starts over when the text was replaced", () => {
    const before = splitBlocks(NO_BLOCKS, "a\n\nb\n\nc\n\nd");
    expect(allBlocks(splitBlocks(before, "new"))).toEqual(["new"]);
  });
});

describe("isClosed", () => {
  it.each([
    ["```js\nlet a", false],
    ["```js\nlet a\n```", true],
    ["```js\nlet a\n```\n\n", true],
    ["````\n```\n", false],
    ["```", false],
    ["~~~\nx\n~~~", true],
    ["plain text", true],
  ])("%j: %s", (block, closed) => {
    expect(isClosed(block)).toBe(closed);
  });
});

it("finds definitions", () => {
  expect(hasDefinitions("See [a].\n\n[a]: https://example.org")).toBe(true);
  expect(hasDefinitions("an array[0]: no")).toBe(false);
});
