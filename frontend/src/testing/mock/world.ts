import { randomUUID } from "node:crypto";
import type { Row, SessionDetail, SessionFacts, UserRow } from "../../api/types.ts";
import type { RunRecord } from "../../live/events.ts";
import { foldAll } from "../../live/fold.ts";
import { emptyRun } from "../../live/run-state.ts";
import { sessionRow } from "../rows.ts";
import { MockQueue } from "./queue.ts";
import { MockRun } from "./run.ts";
import { type Scenario, scenarioFor } from "./scenarios.ts";
import { Versions } from "./versions.ts";

type Change = { reason: string; session_id: string; active_stream_id: string | null };

/** All the mock server knows. */
export class World {
  readonly sessions = new Map<string, SessionFacts>();
  readonly rows = new Map<string, Row[]>();
  readonly runs = new Map<string, MockRun>();
  readonly queue = new MockQueue();
  readonly versions = new Versions();
  private readonly started = new Map<string, unknown>();
  private readonly watchers = new Set<(change: Change & { type: string; version: number }) => void>();
  private version = 0;

  waiting(session: SessionFacts) {
    const queue = this.queue.of(session.session_id);
    return { queue, paused: queue.length > 0 && session.active_stream_id === null };
  }

  /** The first of the queue becomes a run. */
  sendNext(session: SessionFacts): string | null {
    if (session.active_stream_id !== null) return null;
    const next = this.queue.take(session.session_id);
    if (next === undefined) return null;
    this.start(session, next.text, scenarioFor(next.text), `queue:${next.id}`);
    this.tell("queue", session);
    return session.active_stream_id;
  }

  /** The conversation becomes these rows; what it was is kept. */
  rewrite(session: SessionFacts, rows: Row[], reason: string): void {
    this.versions.keep(session.session_id, this.rows.get(session.session_id) ?? [], reason);
    this.rows.set(session.session_id, rows);
    this.change(session, { message_count: rows.length });
    this.tell("history", session);
  }

  restore(session: SessionFacts, branch: string): boolean {
    const rows = this.versions.restore(session.session_id, branch, this.rows.get(session.session_id) ?? []);
    if (rows === undefined) return false;
    this.rows.set(session.session_id, rows);
    this.change(session, { message_count: rows.length });
    this.tell("history", session);
    return true;
  }

  settle(session: SessionFacts, fields: Partial<SessionFacts>, reason: string): void {
    this.change(session, fields);
    this.tell(reason, session);
  }

  copy(session: SessionFacts, rows: Row[], title: string): SessionFacts {
    const made = this.create(title);
    this.rows.set(made.session_id, [...rows]);
    this.change(made, { last_message_at: Date.now() / 1000, parent_session_id: session.session_id });
    return made;
  }

  liveRun(session: SessionFacts): MockRun | undefined {
    return session.active_stream_id === null ? undefined : this.runs.get(session.active_stream_id);
  }

  create(title = "Untitled", agoSeconds = 0, id = randomUUID().slice(0, 12).replace("-", "0")): SessionFacts {
    const now = Date.now() / 1000 - agoSeconds;
    const session = sessionRow({ session_id: id, title, created_at: now, updated_at: now });
    this.sessions.set(id, session);
    this.rows.set(id, []);
    this.tell("created", session);
    return session;
  }

  list(limit: number, cursor: string | null) {
    const all = [...this.sessions.values()].sort(
      (a, b) => Number(b.pinned) - Number(a.pinned) || (b.last_message_at ?? 0) - (a.last_message_at ?? 0),
    );
    const from = Number(cursor ?? 0);
    const next = from + limit;
    return {
      sessions: all.slice(from, next),
      next_cursor: next < all.length ? String(next) : null,
      server_time: Date.now() / 1000,
    };
  }

  detail(id: string, limit: number, before?: number): SessionDetail | null {
    const session = this.sessions.get(id);
    const rows = this.rows.get(id);
    if (!session || !rows) return null;
    const end = before ?? rows.length;
    const start = Math.max(0, end - limit);
    const run = session.active_stream_id === null ? undefined : this.runs.get(session.active_stream_id);
    return {
      ...session,
      pending_user_message: null,
      pending_started_at: run?.startedAt ?? null,
      messages: rows.slice(start, end),
      _messages_offset: start,
      _messages_truncated: start > 0,
    };
  }

  start(session: SessionFacts, text: string, scenario: Scenario, key: string) {
    const known = this.started.get(key);
    if (key !== "" && known !== undefined) return known;
    const run = new MockRun(scenario, {
      session: session.session_id,
      yolo: () => session.yolo_enabled === true,
      over: (records) => this.finish(session, run, records),
      asked: (open) => this.settle(session, { pending_question: open > 0 }, "question"),
    });
    this.runs.set(run.id, run);
    const message: UserRow = {
      message_id: `${run.id}.0`,
      run_id: run.id,
      role: "user",
      content: text,
      timestamp: run.startedAt,
    };
    this.rows.get(session.session_id)?.push(message);
    this.change(session, {
      title: session.title === "Untitled" ? text.slice(0, 60) : session.title,
      active_stream_id: run.id,
      is_streaming: true,
      last_message_at: run.startedAt,
    });
    this.tell("run_started", session, run.id);
    run.play();
    const reply = {
      stream_id: run.id,
      session_id: session.session_id,
      message_id: message.message_id,
      pending_started_at: run.startedAt,
      title: session.title,
    };
    this.started.set(key, reply);
    return reply;
  }

  toolPart(tool: string, part: string): string {
    for (const run of this.runs.values()) {
      const full = run.scenario.full?.[`${tool} ${part}`];
      if (full !== undefined) return full;
    }
    return "";
  }

  watch(watcher: (change: Change) => void): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  /** Past sessions, so that the list and long threads can be looked at. */
  fill(): void {
    const titles = [
      "Add a retry to the uploader",
      "Why is the build slow",
      "Haiku about the sea",
      "Rename the config keys",
    ];
    for (const [index, title] of titles.entries()) this.past(title, index * 40_000 + 5_000, `past${index}`, 1);
    this.past("A long conversation about everything", 700_000, "long", 300);
    for (let index = 0; index < 70; index++)
      this.past(`Older session ${index + 1}`, 900_000 + index * 86_400, `old${index}`, 1);
    const pinned = this.sessions.get("past2");
    if (pinned) pinned.pinned = true;
  }

  private past(title: string, agoSeconds: number, id: string, turns: number): void {
    const session = this.create(title, agoSeconds, id);
    const rows: Row[] = [];
    for (let turn = 0; turn < turns; turn++) {
      const run = `${id}t${turn}`;
      const ask = turn % 3 === 0 ? "Show me markdown" : turn % 3 === 1 ? "Use some tools" : "What can you do?";
      rows.push({ message_id: `${run}.0`, run_id: run, role: "user", content: ask, timestamp: session.created_at });
      rows.push(...foldAll(emptyRun(run), numbered(scenarioFor(ask))).rows);
    }
    this.rows.set(id, rows);
    this.change(session, { last_message_at: session.created_at, message_count: rows.length });
  }

  private finish(session: SessionFacts, run: MockRun, records: readonly RunRecord[]): void {
    this.rows.get(session.session_id)?.push(...foldAll(emptyRun(run.id), records).rows);
    const done = records.at(-1)?.kind === "done";
    const used = Math.min(120_000, (session.last_prompt_tokens ?? 0) + 11_400);
    this.change(session, {
      active_stream_id: null,
      is_streaming: false,
      pending_question: false,
      context_length: 131_072,
      threshold_tokens: 98_304,
      last_prompt_tokens: used,
      input_tokens: (session.input_tokens ?? 0) + 12_400,
      output_tokens: (session.output_tokens ?? 0) + 830,
      estimated_cost: (session.estimated_cost ?? 0) + 0.0184,
    });
    this.tell("run_finished", session);
    if (done) setTimeout(() => this.sendNext(session), 250);
  }

  private change(session: SessionFacts, fields: Partial<SessionFacts>): void {
    const revision = Number(session.revision ?? 0) + 1;
    Object.assign(session, fields, { revision, updated_at: Date.now() / 1000 });
  }

  private tell(reason: string, session: SessionFacts, run: string | null = null): void {
    this.version += 1;
    for (const watcher of this.watchers)
      watcher({
        type: "sessions_changed",
        version: this.version,
        reason,
        session_id: session.session_id,
        active_stream_id: run,
      });
  }
}

const numbered = (scenario: Scenario): RunRecord[] =>
  scenario.events.map(([, kind, data], index) => ({ seq: index + 1, kind, data }));
