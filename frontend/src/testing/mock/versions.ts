import { randomUUID } from "node:crypto";
import type { Branch, Row } from "../../api/types.ts";

interface Version extends Branch {
  rows: Row[];
}

/** What a conversation was before something of it was replaced, by session. */
export class Versions {
  private readonly known = new Map<string, Version[]>();

  keep(session: string, rows: Row[], reason: string): void {
    const message = rows.findLast((row) => row.role === "user");
    const version: Version = {
      id: randomUUID(),
      parent: null,
      fork: null,
      created_at: Date.now() / 1000,
      reason,
      message_count: rows.length,
      preview: message?.content ?? "",
      active: false,
      rows: [...rows],
    };
    this.known.set(session, [...(this.known.get(session) ?? []), version]);
  }

  list(session: string): Branch[] {
    return (this.known.get(session) ?? []).map(({ rows: _, ...branch }) => branch);
  }

  rows(session: string, id: string): Row[] | undefined {
    return this.known.get(session)?.find((version) => version.id === id)?.rows;
  }

  drop(session: string, id: string): void {
    this.known.set(
      session,
      (this.known.get(session) ?? []).filter((version) => version.id !== id),
    );
  }
}
