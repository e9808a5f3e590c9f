import type { SessionRow } from "../api/types";

export interface Group {
  label: string;
  sessions: SessionRow[];
}

/** Sessions under the heading of their day, in the order they came. */
export function byDay(sessions: readonly SessionRow[], now: Date): Group[] {
  const today = new Date(now.getFullYear(), now.getMonth(), now.getDate()).getTime() / 1000;
  const groups = new Map<string, SessionRow[]>();
  for (const session of sessions) {
    const label = session.pinned ? "Pinned" : dayLabel(lastActivity(session), today);
    groups.set(label, [...(groups.get(label) ?? []), session]);
  }
  return [...groups].map(([label, rows]) => ({ label, sessions: rows }));
}

export const lastActivity = (session: SessionRow): number => session.last_message_at ?? session.created_at;

const DAY = 86_400;

function dayLabel(then: number, today: number): string {
  if (then >= today) return "Today";
  if (then >= today - DAY) return "Yesterday";
  if (then >= today - 6 * DAY) return "This week";
  if (then >= today - 29 * DAY) return "This month";
  return "Earlier";
}
