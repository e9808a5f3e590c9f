/** A tool's result as a person wants to read it. Most tools answer in JSON with one field that matters. */
export interface Result {
  text: string;
  /** A sentence about the outcome that the text does not say. */
  note: string;
}

const MAIN_FIELDS = ["output", "content", "diff", "message"];

export function readResult(content: string): Result {
  const fields = parseObject(content);
  if (fields === null) return { text: content, note: "" };
  const main = MAIN_FIELDS.find((name) => typeof fields[name] === "string" && fields[name] !== "");
  const error = typeof fields.error === "string" ? fields.error : "";
  const code = typeof fields.exit_code === "number" && fields.exit_code !== 0 ? `Exit code ${fields.exit_code}` : "";
  const note = [code, error].filter(Boolean).join(". ");
  if (main !== undefined) return { text: fields[main] as string, note };
  if (note !== "" || "output" in fields) return { text: "", note };
  return { text: JSON.stringify(fields, null, 2), note: "" };
}

function parseObject(content: string): Record<string, unknown> | null {
  if (!content.trimStart().startsWith("{")) return null;
  try {
    return JSON.parse(content) as Record<string, unknown>;
  } catch {
    return null;
  }
}

export interface DiffLine {
  sign: "+" | "-" | " ";
  text: string;
}

/** Old and new text line by line, with what both begin and end with shown once. */
export function replaceDiff(before: string, after: string): DiffLine[] {
  const old = before.split("\n");
  const now = after.split("\n");
  let start = 0;
  while (start < Math.min(old.length, now.length) && old[start] === now[start]) start++;
  let end = 0;
  while (end < Math.min(old.length, now.length) - start && old.at(-1 - end) === now.at(-1 - end)) end++;
  const lines = (sign: DiffLine["sign"], from: string[]) => from.map((text) => ({ sign, text }));
  return [
    ...lines(" ", old.slice(0, start)),
    ...lines("-", old.slice(start, old.length - end)),
    ...lines("+", now.slice(start, now.length - end)),
    ...lines(" ", old.slice(old.length - end)),
  ];
}

export const patchDiff = (patch: string): DiffLine[] =>
  patch.split("\n").map((line): DiffLine => {
    const sign = line[0];
    return sign === "+" || sign === "-" ? { sign, text: line.slice(1) } : { sign: " ", text: line.replace(/^ /, "") };
  });
