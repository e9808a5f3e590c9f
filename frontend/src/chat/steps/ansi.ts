/** Terminal output with its colours, as runs of text. Cursor movement and other control sequences are left out. */
export interface Run {
  text: string;
  colour: string | null;
  bold: boolean;
}

const COLOURS = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are made of them
const SEQUENCE = /\u001b(?:\[([0-9;?]*)([@-~])|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\-_])/g;

export function readAnsi(text: string): Run[] {
  const runs: Run[] = [];
  let style: Omit<Run, "text"> = { colour: null, bold: false };
  let at = 0;
  const take = (end: number) => {
    if (end > at) runs.push({ text: text.slice(at, end), ...style });
  };
  for (const match of text.matchAll(SEQUENCE)) {
    take(match.index);
    at = match.index + match[0].length;
    if (match[2] === "m") style = (match[1] || "0").split(";").map(Number).reduce(styled, style);
  }
  take(text.length);
  return runs;
}

function styled(style: Omit<Run, "text">, code: number): Omit<Run, "text"> {
  if (code === 0) return { colour: null, bold: false };
  if (code === 1) return { ...style, bold: true };
  if (code === 22) return { ...style, bold: false };
  if (code === 39) return { ...style, colour: null };
  if (code >= 30 && code <= 37) return { ...style, colour: COLOURS[code - 30] ?? null };
  if (code >= 90 && code <= 97) return { ...style, colour: COLOURS[code - 90] ?? null };
  return style;
}
