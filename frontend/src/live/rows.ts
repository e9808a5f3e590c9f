import type { Row, RunRow } from "../api/types";

export interface Rows {
  readonly rows: readonly Row[];
  /** Absolute index of the first row. */
  readonly offset: number;
}

/** The rows known so far with a newer tail laid over them; a gap between the two drops what was known. */
export function withTail(known: Rows, tail: Rows): Rows {
  const at = tail.offset - known.offset;
  if (known.rows.length === 0 || at < 0 || at > known.rows.length) return tail;
  return { rows: [...known.rows.slice(0, at), ...tail.rows], offset: known.offset };
}

/** The rows with an older page before them. */
export function withOlder(known: Rows, older: Rows): Rows {
  const missing = older.rows.slice(0, Math.max(0, known.offset - older.offset));
  return { rows: [...missing, ...known.rows], offset: older.offset };
}

/** The rows with those of a run that came to its end here. */
export function withRun(rows: readonly Row[], run: string, folded: readonly RunRow[]): readonly Row[] {
  return [...rows.filter((row) => row.run_id !== run || row.role === "user"), ...folded];
}
