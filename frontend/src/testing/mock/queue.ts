import type { Queued } from "../../api/types.ts";

/** The messages that wait, by session. */
export class MockQueue {
  private readonly waiting = new Map<string, Queued[]>();

  of(session: string): Queued[] {
    return this.waiting.get(session) ?? [];
  }

  add(session: string, id: string, text: string, first: boolean): void {
    const items = this.of(session);
    if (items.some((item) => item.id === id)) return;
    const item = { id, text, created_at: Date.now() / 1000 };
    this.waiting.set(session, first ? [item, ...items] : [...items, item]);
  }

  edit(session: string, id: string, text: string): void {
    this.waiting.set(
      session,
      this.of(session).map((item) => (item.id === id ? { ...item, text } : item)),
    );
  }

  remove(session: string, id: string): void {
    this.waiting.set(
      session,
      this.of(session).filter((item) => item.id !== id),
    );
  }

  move(session: string, id: string, before: string | null): void {
    const item = this.of(session).find((one) => one.id === id);
    if (item === undefined) return;
    const others = this.of(session).filter((one) => one.id !== id);
    const at = before === null ? others.length : others.findIndex((one) => one.id === before);
    this.waiting.set(session, [...others.slice(0, at), item, ...others.slice(at)]);
  }

  take(session: string): Queued | undefined {
    const [first, ...rest] = this.of(session);
    this.waiting.set(session, rest);
    return first;
  }
}
