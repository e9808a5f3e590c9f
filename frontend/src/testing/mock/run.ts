import { randomUUID } from "node:crypto";
import { isTerminal, type RunRecord } from "../../live/events.ts";
import type { Events, Scenario } from "./scenarios.ts";

interface Surroundings {
  session: string;
  /** Whether nothing is asked in the session. */
  yolo: () => boolean;
  /** The run is over: what it was. */
  over: (records: readonly RunRecord[]) => void;
  /** A question was asked or decided. */
  asked: (open: number) => void;
}

interface Decision {
  by: string;
  choice?: string;
  text?: string;
  reason?: string;
}

/** A scenario as it is played to any number of viewers. */
export class MockRun {
  readonly id = randomUUID().slice(0, 8);
  readonly startedAt = Date.now() / 1000;
  readonly scenario: Scenario;
  readonly dropsAfterMs: number;
  private readonly around: Surroundings;
  private readonly log: RunRecord[] = [];
  private readonly viewers = new Set<(record: RunRecord | null) => void>();
  private readonly answers = new Map<string, Decision>();
  private readonly open = new Map<string, string>();
  private unheard: string[] = [];
  private resume: (() => void) | null = null;

  constructor(scenario: Scenario, around: Surroundings) {
    this.scenario = scenario;
    this.around = around;
    this.dropsAfterMs = scenario.dropsAfterMs ?? 0;
  }

  get live(): boolean {
    return !isTerminal(this.log.at(-1)?.kind ?? "");
  }

  get asking(): number {
    return this.live ? this.open.size : 0;
  }

  play(events: Events = this.scenario.events, at = 0): void {
    const next = events[at];
    if (next === undefined) return;
    const [pause, kind, data] = next;
    setTimeout(() => {
      if (!this.live) return;
      if (kind === "wait") return this.wait(events, at, data);
      if (kind === "approval" || kind === "clarify") this.ask(kind, data);
      else if (kind === "tool" || kind === "subagent") this.add(kind, { ...data, at: Date.now() / 1000 });
      else if (kind === "done") this.done(data);
      else this.add(kind, data);
      if (kind === "tool_complete") this.unheard = [];
      this.play(events, at + 1);
    }, pause);
  }

  finish(kind: string, data: object): boolean {
    if (!this.live) return false;
    this.open.clear();
    this.add(kind, { session_id: this.around.session, ...data });
    this.around.asked(0);
    return true;
  }

  steer(text: string): boolean {
    if (this.scenario.deaf || !this.live) return false;
    this.unheard.push(text);
    this.add("steered", { text, at: Date.now() / 1000 });
    return true;
  }

  /** How a question was decided; null when it is decided now. */
  decide(id: string, decision: Decision): Decision | null {
    const key = this.open.get(id);
    if (key === undefined) return this.answers.get(id) ?? decision;
    this.open.delete(id);
    this.answers.set(key, decision);
    this.add("answered", { question_id: id, choice: "", text: "", reason: "", at: Date.now() / 1000, ...decision });
    this.around.asked(this.open.size);
    if (this.open.size === 0) this.resume?.();
    return null;
  }

  knows(id: string): boolean {
    return id.startsWith(this.id);
  }

  decideAll(): void {
    for (const id of [...this.open.keys()]) this.decide(id, { by: "yolo", choice: "once" });
  }

  watch(after: number, viewer: (record: RunRecord | null) => void): () => void {
    for (const record of this.log.slice(after)) viewer(record);
    if (!this.live) viewer(null);
    this.viewers.add(viewer);
    return () => this.viewers.delete(viewer);
  }

  private ask(kind: "approval" | "clarify", data: Record<string, unknown>): void {
    const { seconds = null, key = "q", ...shown } = data as { seconds?: number | null; key?: string };
    const id = `${this.id}-${key}`;
    const now = Date.now() / 1000;
    this.open.set(id, key);
    const times = { requested_at: now, expires_at: seconds === null ? null : now + seconds };
    this.add(kind, { ...shown, ...times, [`${kind}_id`]: id, session_id: this.around.session });
    this.around.asked(this.open.size);
    if (this.around.yolo() && kind === "approval") this.decide(id, { by: "yolo", choice: "once" });
    if (seconds !== null)
      setTimeout(
        () =>
          this.live &&
          this.open.has(id) &&
          this.decide(id, { by: "timeout", choice: kind === "approval" ? "deny" : "" }),
        seconds * 1000,
      );
  }

  private wait(events: Events, at: number, data: Record<string, unknown>): void {
    const go = () => {
      this.resume = null;
      const next = data.next as ((answers: Map<string, Decision>) => Events) | undefined;
      this.play([...(next?.(this.answers) ?? []), ...events.slice(at + 1)]);
    };
    if (this.open.size === 0) go();
    else this.resume = go;
  }

  private done(data: Record<string, unknown>): void {
    if (this.unheard.length > 0) this.add("pending_steer_leftover", { text: this.unheard.join("\n\n") });
    this.add("done", data);
  }

  private add(kind: string, data: object): void {
    const record = { seq: this.log.length + 1, kind, data };
    this.log.push(record);
    const ended = isTerminal(kind);
    if (kind === "done" || (ended && kind !== "stream_end")) this.around.over(this.log);
    for (const viewer of this.viewers) {
      viewer(record);
      if (ended) viewer(null);
    }
  }
}
