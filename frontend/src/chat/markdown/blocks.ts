import { lexer } from "marked";

/** A markdown text cut into its top-level blocks. Settled blocks will not change while text is only added. */
export interface Blocks {
  readonly source: string;
  readonly settled: readonly string[];
  readonly settledLength: number;
  readonly tail: readonly string[];
}

export const NO_BLOCKS: Blocks = { source: "", settled: [], settledLength: 0, tail: [] };

/** The last two blocks may still grow together: a list goes on after a blank line, a paragraph becomes a heading. */
const UNSETTLED = 2;

/** The blocks of `text`; work already done for its beginning is kept. */
export function splitBlocks(before: Blocks, text: string): Blocks {
  const source = withoutCarriageReturns(text);
  if (source === before.source) return before;
  const from = source.startsWith(before.source) ? before : NO_BLOCKS;
  const blocks = lexBlocks(source.slice(from.settledLength));
  const fresh = blocks.slice(0, -UNSETTLED);
  return {
    source,
    settled: fresh.length > 0 ? [...from.settled, ...fresh] : from.settled,
    settledLength: from.settledLength + fresh.reduce((sum, block) => sum + block.length, 0),
    tail: blocks.slice(-UNSETTLED),
  };
}

export const allBlocks = ({ settled, tail }: Blocks): string[] => [...settled, ...tail];

// A return at the very end may be the first half of a line end: it waits for what follows.
const withoutCarriageReturns = (text: string): string =>
  text.includes("\r") ? text.replace(/\r$/, "").replace(/\r\n?/g, "\n") : text;

function lexBlocks(source: string): string[] {
  const blocks: string[] = [];
  for (const token of lexer(source)) {
    if (token.type === "space" && blocks.length > 0) blocks[blocks.length - 1] += token.raw;
    else blocks.push(token.raw);
  }
  return blocks;
}

/** False while the text ends inside a code fence. */
export function isClosed(block: string): boolean {
  const fence = /^ {0,3}(`{3,}|~{3,})/.exec(block)?.[1];
  if (fence === undefined) return true;
  const last = block.trimEnd().split("\n").slice(1).at(-1) ?? "";
  return new RegExp(`^ {0,3}${fence[0]}{${fence.length},}\\s*$`).test(last);
}

/** Reference links and footnotes reach across blocks, so a finished text with definitions is rendered as one. */
export const hasDefinitions = (text: string): boolean => /^ {0,3}\[[^\]]+\]: /m.test(text);
