import { randomUUID } from "node:crypto";
import type { Branch, Row } from "../../api/types.ts";

interface Version extends Branch {
  rows: Row[];
}

interface Present {
  id: string;
  reason: string;
}

/** The ways a conversation went, by session. */
export class Versions {
  private readonly left = new Map<string, Version[]>();
  private readonly present = new Map<string, Present>();

  /** The conversation goes another way; what it was is kept. */
  keep(session: string, rows: Row[], reason: string): void {
    const version = { ...this.branch(session, rows), active: false, rows: [...rows] };
    this.left.set(session, [...(this.left.get(session) ?? []), version]);
    this.present.set(session, { id: randomUUID(), reason });
  }

  /** Takes up what was left. */
  restore(session: string, id: string, rows: Row[]): Row[] | undefined {
    const found = this.left.get(session)?.find((version) => version.id === id);
    if (found === undefined) return undefined;
    this.keep(session, rows, "");
    this.left.set(
      session,
      (this.left.get(session) ?? []).filter((version) => version.id !== id),
    );
    this.present.set(session, { id, reason: found.reason });
    return found.rows;
  }

  list(session: string, rows: Row[]): Branch[] {
    const left = (this.left.get(session) ?? []).map(({ rows: _, ...branch }) => branch);
    return [...left, this.branch(session, rows)];
  }

  private branch(session: string, rows: Row[]): Branch {
    const present = this.present.get(session) ?? { id: randomUUID(), reason: "" };
    this.present.set(session, present);
    return {
      ...present,
      parent: null,
      fork: null,
      created_at: Date.now() / 1000,
      message_count: rows.length,
      preview: rows.findLast((row) => row.role === "user")?.content ?? "",
      active: true,
    };
  }
}
