/** Characters that are not seen, or that turn the text around, could make a command look like another one. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/gu;

export interface Piece {
  text: string;
  odd: boolean;
}

/** The text in pieces; what would not be seen is spelled out. */
export function spelledOut(text: string): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  for (const match of text.matchAll(UNSEEN)) {
    if (match.index > at) pieces.push({ text: text.slice(at, match.index), odd: false });
    const code = match[0].codePointAt(0) ?? 0;
    pieces.push({ text: `U+${code.toString(16).toUpperCase().padStart(4, "0")}`, odd: true });
    at = match.index + match[0].length;
  }
  if (at < text.length || pieces.length === 0) pieces.push({ text: text.slice(at), odd: false });
  return pieces;
}

/** The text with what would not be seen spelled out, for one line. */
export const shownSafely = (text: string): string =>
  spelledOut(text)
    .map(({ text: piece }) => piece)
    .join("");
